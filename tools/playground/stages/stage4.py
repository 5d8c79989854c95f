"""From step 3 to step 4: Huey's workers, in a process of their own, do the slow work."""

from dataclasses import replace

from .. import promises
from ..tasks import HUEY, Task, blamed, kinds, raised, refused
from .stage3 import STILL

SLOW = ["joke", "mail", "picture"]
BEFORE = f"""The queue is Huey, which is installed, with a SQLite file as its broker:
{HUEY}/django.html"""
WORK = {"joke": "joke", "mail": "mail", "picture": "picture's resize"}


def queued(seen):
    tried, saved, pictured = seen.ask("rollback"), seen.commit(), seen.ask("picture")
    if message := raised(tried, saved, pictured):
        return message
    if "queue" not in kinds(tried["left"]) | kinds(saved["left"]):
        guess = "this process sends the mail itself."
        if "mail" not in kinds(saved["left"]):
            guess = "nobody sends the mail."
        return blamed("A saved user queues nothing", guess, saved)
    if message := promises.mail_after_commit(seen):
        return message
    if not all("queue" in kinds(left) for left in pictured["pictures"]):
        guess = "this process resizes it itself."
        if not all("picture" in kinds(left) for left in pictured["pictures"]):
            guess = "nobody resizes it. Does one task do both, when a user is saved?"
        return blamed("A saved picture queues nothing", guess, pictured)
    return promises.picture_after_commit(seen)


def immediate(seen):
    result = seen.ask("sign_up", hold=SLOW)
    if message := refused(result):
        return message
    if any(departure.get("immediate") for departure in result["left_by_page"]):
        return (
            "`immediate` follows DEBUG: your task ran in the request. Turn it off in the settings."
        )
    if result["waited_for"]:
        what = WORK[result["waited_for"][-1]["what"]]
        return f"The page waited for the {what}: the request does it, not a worker."
    return ""


def consumer(seen):
    if not seen.facts["has_consumer"]:
        return "`manage.py run_huey` isn't a command: is `huey.contrib.djhuey` in `INSTALLED_APPS`?"
    result = seen.consumer()
    if result["problem"]:
        return f"The consumer ended: {result['problem']}"
    if message := refused(result):
        return message
    missing = [
        name
        for name, is_done in [("mail", result["mails"]), ("picture", result["is_resized"])]
        if not is_done
    ]
    if not missing:
        return ""
    words = f"A consumer ran, and the {' and the '.join(missing)} never came"
    saved = seen.commit()
    for task in saved["left"]:
        if task["what"] == "queue" and task["by"] == task["name"] and not saved["mails"]:
            return (
                f"{words}: the task {task['name']} queues itself. Does it have the name of the"
                " function that it should call?"
            )
    if "TaskRegistry" in result["log"]:
        return f"{words}: it doesn't know the task. It imports modules called `tasks`."
    if error := seen.logged_by_consumers():
        return f"{words}. Its log says: {error}."
    return f"{words}: do both processes open the same queue? (`filename`)"


def keys(seen):
    result = seen.ask("keys")
    if message := raised(result):
        return message
    if not result["mails"]:
        return (
            "A user's new address got no mail: the task has the user as they were when it was"
            " queued. Is there an object among its arguments, where a key would do?"
        )
    return ""


def retried(seen):
    result = seen.ask("refusals")
    if message := raised(result):
        return message
    if not result["waiting"] + result["scheduled"]:
        if result["tries"] > 1:
            return "A mail that is refused is tried again immediately, and then no more."
        return "A mail that is refused is not tried again: raise the error, and set `retries`."
    if result["tries"] > 1 or not result["scheduled"]:
        return "A mail that is refused is tried again immediately: wait between the attempts."
    if not result["mails"]:
        return (
            "A mail that was refused three times never came, though the server was healthy again."
        )
    return ""


def priority(seen):
    result = seen.ask("order")
    if message := raised(result):
        return message
    order = [d["what"] for d in result["left"] if d["what"] in ("mail", "picture")]
    if order[:1] == ["picture"] or order[:2] == ["picture", "mail"]:
        return "A mail waited for pictures that were queued before it."
    return "" if "mail" in order else "A mail behind two pictures never came."


TASKS = [
    Task(
        name="queued",
        promise="A new user's mail and a new picture's resize are queued, on commit.",
        why="Before the commit, a worker finds no row; after a rollback, nobody wants the mail.",
        judge=queued,
        hints=(
            "A task is a function that Huey can call later, in another process. Let the request"
            " queue on commit the work that it has done on commit until now.",
            f"{HUEY}/django.html",
            "transaction.on_commit(lambda: tasks.send_welcome_email(instance.pk), robust=True)",
        ),
    ),
    Task(
        name="immediate",
        promise="Even with DEBUG on, the request only queues, and the page waits for nothing slow.",
        why="A task that runs in the request while you write it hides how it will behave.",
        judge=immediate,
        after="queued",
        hints=(
            "Huey can run each task where it is queued, which is handy in tests. Look up when it"
            " does so by default.",
            f"{HUEY}/guide.html#immediate-mode",
            'HUEY = {"huey_class": "huey.SqliteHuey", "immediate": False}',
        ),
    ),
    Task(
        name="consumer",
        promise="A consumer in a process of its own sends the mail and resizes the picture.",
        why="It has a Python of its own, so its work doesn't slow the web process down.",
        judge=consumer,
        after="immediate",
        hints=(
            "Web process and consumer share only the queue, so both must open the same one. And the"
            " consumer must have imported the tasks.",
            f"{HUEY}/django.html#running-the-consumer",
            'HUEY = {"huey_class": "huey.SqliteHuey", "filename": VAR_DIR / "huey.sqlite3"}',
        ),
    ),
    Task(
        name="keys",
        promise="A worker uses the rows as they are when it works, not as they were.",
        why="A task may wait for hours: addresses change, and so do the classes of your objects.",
        judge=keys,
        after="consumer",
        hints=(
            "A task's arguments are written to the queue, as copies. Pass the key with which it can"
            " load the row.",
            f"{HUEY}/guide.html",
            "send_welcome_email(user.pk)",
        ),
    ),
    Task(
        name="retried",
        promise="A mail that is refused is tried again, more than twice, after a delay.",
        why="A mail server may be down for minutes, and refuses immediately meanwhile.",
        judge=retried,
        after="consumer",
        hints=(
            "Huey retries a task that raises an exception, if you say how often and how long to"
            " wait.",
            f"{HUEY}/guide.html#retrying-tasks-that-fail",
            "@db_task(retries=8, retry_delay=1, retry_backoff=2)",
        ),
    ),
    Task(
        name="priority",
        promise="A mail does not wait for pictures that were queued before it.",
        why="Somebody waits for the mail; a thumbnail may come a minute later.",
        judge=priority,
        after="consumer",
        hints=(
            "Tasks can be more urgent than others. The default is the least urgent.",
            f"{HUEY}/guide.html#task-priority",
            "@db_task(priority=1)",
        ),
    ),
    replace(STILL, after="consumer"),
]
