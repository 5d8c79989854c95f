"""From step 2 to step 3: a thread sends the mail."""

from .. import promises
from ..tasks import DJANGO, PYTHON, Task, Wrong, blamed, expect_no_error, expect_profile, kinds

SLOW = ["joke", "mail"]
NOT_STARTED = "was its thread started (`start()`, `submit()`)?"


def page(seen):
    result = seen.ask("sign_up", hold=SLOW)
    expect_profile(result)
    expect_no_process(seen.commit())
    waited = {departure["what"]: departure for departure in result["waited_for"]}
    if "mail" in waited:
        if waited["mail"]["elsewhere"]:
            raise Wrong(
                "Another thread sent the mail, and the page waited for it: so do `.result()`,"
                " `.join()`, `asyncio.run()` and the end of a `with ThreadPoolExecutor()`."
            )
        raise Wrong("The page waited for the mail: it was sent in the request's thread.")
    if "joke" in waited:
        raise Wrong("The page waited for the joke: it was fetched in the request's thread.")
    if not result["mails"]:
        raise blamed("The page came back, and the mail never came", NOT_STARTED, result)
    promises.one_mail(seen)


def expect_no_process(result):
    if "process" in kinds(result["left"]):
        raise Wrong(
            "Another process has the mail. This stage asks for a thread of the same process."
        )


def commit(seen):
    saved = seen.commit()
    expect_no_process(saved)
    promises.mail_after_commit(seen)
    if saved["waited_for"]:
        raise Wrong("The commit waited for the mail: no other thread has it yet.")
    if not saved["mails"]:
        raise blamed("The user was committed, and the mail never came", NOT_STARTED, saved)


def failure(seen):
    bug = promises.bug_in_the_mail(seen)
    promises.logged(
        seen, advice=" A pool keeps what a thread raises for `.result()`, which nobody calls."
    )
    expect_profile(bug)


def connection(seen):
    saved, bug = seen.commit(), seen.ask("sign_up", bug="mail")
    expect_no_error(saved)
    if saved["open_connections"]:
        raise Wrong(
            "The thread's connection to the database stays open: Django closes only the"
            " connections of requests."
        )
    if bug["open_connections"]:
        raise Wrong("The thread's connection to the database stays open when the mail fails.")


def shutdown(seen):
    promises.ends(seen)
    if not seen.end["mails"]:
        raise Wrong(
            "A mail that was under way at a Ctrl-C never came: its thread is a daemon, like the"
            " request's thread that started it, and ends with the process."
        )


STILL = Task(
    name="still",
    promise="What stage 2 asked for still holds: one mail and one resize, nothing for a row that is"
    " saved again or loaded, and no sign-up that fails with its work.",
    why="Moving work to another place must not change how often it is done.",
    judge=promises.still,
    after="page",
    hints=(
        "The message names one of stage 2's tasks. Only the place where the work runs should have"
        " changed, not the conditions that the receivers check.",
        f"{DJANGO}/ref/signals/#post-save",
        "if created and not raw: ...",
    ),
)
TASKS = [
    Task(
        name="page",
        promise="The page comes back while the mail is still on its way.",
        why="The visitor needs a profile, not a mail: half a second less to wait.",
        judge=page,
        hints=(
            "Hand the mail to another thread of this process, and don't wait for it. A few threads"
            " that take one mail after the other are better than a thread for each.",
            f"{PYTHON}/library/concurrent.futures.html#threadpoolexecutor",
            "mail_threads.submit(send_welcome_email, user)",
        ),
    ),
    Task(
        name="commit",
        promise="The thread gets the mail after the commit; a rollback sends none.",
        why="A thread has a connection of its own, which doesn't see uncommitted rows.",
        judge=commit,
        hints=(
            "Keep `on_commit()`. The function that it calls no longer sends the mail, but hands it"
            " to a thread.",
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
            " must do this itself, even after an exception.",
            f"{DJANGO}/ref/databases/#connection-management",
            "connection.close()",
        ),
    ),
    STILL,
    Task(
        name="shutdown",
        promise="A mail that is under way when the server is stopped with Ctrl-C is still sent.",
        why="Python waits for some threads when it ends, and not for others.",
        judge=shutdown,
        after="page",
        hints=(
            "A thread inherits `daemon` from the thread that starts it, and the threads of"
            " `runserver` are daemons. Python waits for the threads of a pool.",
            f"{PYTHON}/library/threading.html#threading.Thread.daemon",
            'mail_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mail")',
        ),
    ),
]
