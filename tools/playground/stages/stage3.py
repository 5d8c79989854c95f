"""From step 2 to step 3: a thread sends the mail."""

from ..tasks import DJANGO, PYTHON, Task, raised, refused
from . import stage2


def page(seen):
    result = seen.ask("sign_up", hold=["joke", "mail"])
    if message := refused(result):
        return message
    if "mail" in result["waited_for"]:
        return "The page waited for the mail: it was sent in the request's thread."
    if "joke" in result["waited_for"]:
        return "The page waited for the joke: it was fetched in the request's thread."
    if (count := len(result["mails"])) != 1:
        return f"The page came back at once, but {count} mails came after it, not one."
    return "" if result["is_resized"] else "The picture of a sign-up was not resized."


def commit(seen):
    tried, saved = seen.ask("rollback"), seen.ask("commit", hold=["joke", "mail"])
    if message := raised(tried, saved) or stage2.before_commit(tried, saved):
        return message
    if saved["waited_for"]:
        return "The commit waited for the mail: no other thread has it yet."
    return "" if saved["mails"] else "The user was committed, and the mail never came."


def failure(seen):
    result = seen.ask("bug")
    if message := raised(result):
        return f"A bug in the mail failed the whole sign-up. {message}"
    if not result["bug_was_hit"]:
        return "The mail is not made with Django's `EmailMessage`, so no bug could be tried in it."
    if not result["said"]:
        return (
            "A bug in the mail was swallowed silently: what a thread of a pool raises is kept for"
            " whoever asks for its result, and nobody does."
        )
    return refused(result)


def connection(seen):
    result = seen.ask("commit", hold=["joke", "mail"])
    if message := raised(result):
        return message
    if result["open_connections"]:
        return (
            "The thread's connection to the database stays open: Django closes only those of"
            " requests."
        )
    return ""


def shutdown(seen):
    result = seen.end()
    if message := refused(result):
        return message
    if not result["mails"]:
        return (
            "A mail that was under way at a Ctrl-C never came: its thread is daemonic, as the"
            " request's is that started it, and so ends with the process."
        )
    return ""


TASKS = [
    Task(
        name="page",
        promise="The page comes back while the mail is still on its way.",
        why="The visitor needs a profile, not a mail: half a second less to wait.",
        judge=page,
        hints=(
            "Hand the mail to another thread of this process, and don't wait for it. A few threads"
            " that take one mail after the other are better than one thread a mail.",
            f"{PYTHON}/library/concurrent.futures.html#threadpoolexecutor",
            "mail_threads.submit(send_welcome_email, user)",
        ),
    ),
    Task(
        name="commit",
        promise="The thread gets the mail after the commit; a rollback sends none.",
        why="A thread has a connection of its own, which doesn't see what is not committed.",
        judge=commit,
        hints=(
            "What was sent on commit until now must be handed over on commit: only what the"
            " function does changes, not when it is called.",
            f"{DJANGO}/topics/db/transactions/#performing-actions-after-commit",
            "transaction.on_commit(lambda: mail_threads.submit(send_welcome_email, instance))",
        ),
    ),
    Task(
        name="failure",
        promise="A mail that fails is logged, though nobody waits for its thread.",
        why="Otherwise nobody ever learns that no mail has been sent since Tuesday.",
        judge=failure,
        after="page",
        hints=(
            "The pool keeps an exception in the future that `submit()` returns. Catch it where it"
            " happens, in the thread.",
            f"{PYTHON}/library/logging.html#logging.Logger.exception",
            'logger.exception("The welcome mail for %s failed", user)',
        ),
    ),
    Task(
        name="connection",
        promise="When the mail is done, its thread's connection to the database is closed.",
        why="Each thread has its own, and a database server has only so many.",
        judge=connection,
        after="page",
        hints=(
            "Django closes a connection when a request ends. Your thread has no request, so it"
            " must do this itself, whatever has happened before.",
            f"{DJANGO}/ref/databases/#connection-management",
            "connection.close()",
        ),
    ),
    Task(
        name="shutdown",
        promise="A mail that is under way when the server is stopped with Ctrl-C is still sent.",
        why="Python waits for some threads when it ends, and not for others.",
        judge=shutdown,
        after="page",
        hints=(
            "A thread inherits `daemon` from the one that starts it, and those of `runserver` are"
            " daemonic. What belongs to a pool is waited for.",
            f"{PYTHON}/library/threading.html#threading.Thread.daemon",
            'mail_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mail")',
        ),
    ),
]
