"""From step 3 to step 4: Huey's workers, in a process of their own, do the slow work."""

from dataclasses import replace

from .. import promises
from ..tasks import HUEY, Task, Wrong, blamed, expect_no_error, expect_profile, kinds
from .stage3 import STILL

BEFORE = f"""The queue is Huey, which is installed, with a SQLite file as its broker:
{HUEY}/django.html"""
WORK = {"joke": "joke", "mail": "mail", "picture": "picture's resize"}


def queued(seen):
    tried, saved, pictured = seen.ask("rollback"), seen.commit(), seen.ask("picture")
    expect_no_error(tried, saved, pictured)
    if "queue" not in kinds(tried["left"]) | kinds(saved["left"]):
        guess = "this process sends the mail itself."
        if "mail" not in kinds(saved["left"]):
            guess = "nobody sends the mail."
        raise blamed("A saved user queues nothing", guess, saved)
    promises.mail_after_commit(seen)
    if not all("queue" in kinds(left) for left in pictured["pictures"]):
        guess = "this process resizes it itself."
        if not all("picture" in kinds(left) for left in pictured["pictures"]):
            guess = "nobody resizes it. Does one task do both, when a user is saved?"
        raise blamed("A saved picture queues nothing", guess, pictured)
    promises.picture_after_commit(seen)


def immediate(seen):
    result = seen.ask("sign_up", hold=list(WORK))
    expect_profile(result)
    if any(departure.get("immediate") for departure in result["left_by_page"]):
        raise Wrong(
            "`immediate` follows DEBUG: your task ran in the request. Turn it off in the settings."
        )
    if result["waited_for"]:
        what = WORK[result["waited_for"][-1]["what"]]
        raise Wrong(f"The page waited for the {what}: the request does it, not a worker.")


def consumer(seen):
    if not seen.facts["has_consumer"]:
        raise Wrong(
            "`manage.py run_huey` isn't a command: is `huey.contrib.djhuey` in `INSTALLED_APPS`?"
        )
    result = seen.consumer
    expect_profile(result)
    is_done = {"mail": result["mails"], "picture": result["is_resized"]}
    missing = " and the ".join(name for name in is_done if not is_done[name])
    if missing:
        because = cause(seen, result["log"])
        raise Wrong(f"A consumer ran, and the {missing} never came{because}")


def cause(seen, log):
    """Return why the work that was queued was not done, as the end of a sentence."""
    saved = seen.commit()
    for task in saved["left"]:
        if task["what"] == "queue" and task["by"] == task["name"] and not saved["mails"]:
            return (
                f": the task {task['name']} queues itself. Does it have the name of the function"
                " that it should call?"
            )
    if "TaskRegistry" in log:
        return ": it doesn't know the task. It imports modules called `tasks`."
    if error := seen.logged_by_consumers():
        return f". Its log says: {error}."
    return ": do both processes open the same queue? (`filename`)"


def keys(seen):
    result = seen.ask("keys")
    expect_no_error(result)
    if not result["mails"]:
        raise Wrong(
            "A user's new address got no mail: the task has the user as they were when it was"
            " queued. Is there an object among its arguments, where a key would do?"
        )


def retried(seen):
    result = seen.ask("refusals")
    expect_no_error(result)
    if result["tries"] > 1:
        more = ": wait between the attempts." if result["scheduled"] else ", and then no more."
        raise Wrong(f"A mail that is refused is tried again immediately{more}")
    if not result["scheduled"]:
        raise Wrong(
            "A mail that is refused is not tried again: raise the error, and set `retries`."
        )
    if not result["mails"]:
        raise Wrong(
            "A mail that was refused three times never came, though the server was healthy again."
        )


def priority(seen):
    result = seen.ask("order")
    expect_no_error(result)
    order = [d["what"] for d in result["left"] if d["what"] in ("mail", "picture")]
    if order[:1] == ["picture"] or order[:2] == ["picture", "mail"]:
        raise Wrong("A mail waited for pictures that were queued before it.")
    if "mail" not in order:
        raise Wrong("A mail behind two pictures never came.")


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
