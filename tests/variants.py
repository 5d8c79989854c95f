"""Other ways to write the steps, for the tests of the checker: some right, some wrong.

Each is a step's solution with a few edits. The right ones do what the tasks ask with other names,
modules and means; the wrong ones are mistakes that people make, each with what the checker is to
say of it.
"""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """A solution with edits: by file, its new text, pairs of old and new, or None to delete it.

    A Path renames the file.

    A wrong one fails its `task`, with a message that contains `says`.
    """

    name: str
    stage: int
    edits: dict = field(hash=False)
    task: str = ""
    says: str = ""

    def write(self, folder):
        for name, edit in self.edits.items():
            path = folder / name
            if edit is None:
                path.unlink()
                continue
            if isinstance(edit, Path):
                path.rename(folder / edit)
                continue
            if isinstance(edit, str):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(edit, encoding="utf-8")
                continue
            text = path.read_text(encoding="utf-8")
            for old, new in edit:
                assert text.count(old) == 1, f"{self.name}: {name} has {text.count(old)} of {old!r}"
                text = text.replace(old, new)
            path.write_text(text, encoding="utf-8")


SIGNALS = "accounts/signals.py"
APPS = "accounts/apps.py"
VIEWS = "accounts/views.py"
PROFILE = """    if created and not raw:
        create_profile(instance)
"""
MAIL = "transaction.on_commit(lambda: send_welcome_email(instance), robust=True)"
PICTURE = "transaction.on_commit(lambda: resize_profile_image(instance), robust=True)"
IF_PICTURE = 'if instance.picture and "picture" in (update_fields or []) and not raw:'
IF_NEW = "if created and not raw:\n        "
LOGIN = "            login(request, user)\n"
IMPORT = "from .models import Profile\n"


def ready(code):
    return f"""from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self):
{code}"""


# Stage 2

ONE_RECEIVER = """from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_save

from . import services
from .models import Profile


def after_save(sender, instance, created, raw, update_fields, **kwargs):
    if raw:
        return
    if created and sender is get_user_model():
        services.create_profile(instance)
        transaction.on_commit(lambda: services.send_welcome_email(instance), robust=True)
    elif sender is Profile and update_fields and "picture" in update_fields:
        transaction.on_commit(lambda: services.resize_profile_image(instance), robust=True)


def connect():
    post_save.connect(after_save, dispatch_uid="one for all")
"""
IN_APPS = """from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_save


def welcome(instance, created, raw, **kwargs):
    from django.db.transaction import on_commit

    from . import services

    if created and not raw:
        services.create_profile(instance)
        on_commit(lambda: logged(services.send_welcome_email, instance))


def shrink(instance, created, raw, **kwargs):
    from django.db.transaction import on_commit

    from . import services

    if instance.picture and not instance.thumbnail and not raw:
        on_commit(lambda: logged(services.resize_profile_image, instance))


def logged(function, argument):
    import logging

    try:
        function(argument)
    except Exception:
        logging.getLogger("welcome").exception("it failed")


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self):
        post_save.connect(welcome, sender=settings.AUTH_USER_MODEL)
        post_save.connect(shrink, sender="accounts.Profile")
"""
OWN_APP = """from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import Profile, User
from accounts.services import resize_profile_image, send_welcome_email


@receiver(post_save, sender=User)
def user_saved(sender, **kwargs):
    user = kwargs["instance"]
    if kwargs["raw"]:
        return
    profile, is_new = Profile.objects.get_or_create(user=user)
    if is_new:
        transaction.on_commit(lambda: send_welcome_email(user), robust=True)


@receiver(post_save, sender=Profile, weak=False)
def profile_saved(sender, instance, raw, **kwargs):
    pictures = Profile.objects.filter(pk=instance.pk, thumbnail="").exclude(picture="")
    if not raw and pictures.exists():
        transaction.on_commit(lambda: resize_profile_image(instance), robust=True)
"""

HONEST = [
    Variant(
        "one receiver for all, connected by a function",
        2,
        {
            SIGNALS: None,
            "accounts/after.py": ONE_RECEIVER,
            APPS: ready("        from . import after\n\n        after.connect()\n"),
        },
    ),
    Variant("receivers in apps.py, which log by themselves", 2, {SIGNALS: None, APPS: IN_APPS}),
    Variant(
        "an app of its own, without created and update_fields",
        2,
        {
            SIGNALS: None,
            APPS: None,
            "welcome/__init__.py": "",
            "welcome/listeners.py": OWN_APP,
            "welcome/apps.py": ready("        from . import listeners  # noqa: F401\n").replace(
                "accounts", "welcome"
            ),
            "config/settings.py": [('    "accounts",\n', '    "accounts",\n    "welcome",\n')],
        },
    ),
]

MISTAKES = [
    Variant(
        "receiver that nobody holds",
        2,
        {
            SIGNALS: [
                ("@receiver(post_save, sender=User)\ndef create", "def create"),
                (PROFILE, "    pass\n"),
            ]
        },
        "profile",
        "though a receiver listens",
    ),
    Variant(
        "profile made by the service, too",
        2,
        {
            "accounts/services.py": [
                (
                    "                user.save()\n",
                    "                user.save()\n            create_profile(user)\n",
                )
            ]
        },
        "profile",
        "Does `save_new_user()` still make a profile, too?",
    ),
    Variant(
        "profile after the commit",
        2,
        {
            SIGNALS: [
                (
                    "create_profile(instance)\n",
                    f"{'transaction.on_commit(lambda: '}create_profile(instance))\n",
                )
            ]
        },
        "profile",
        "The profile comes only after the commit",
    ),
    Variant(
        "receiver with a bug",
        2,
        {SIGNALS: [("create_profile(instance)\n", "create_profile(user)\n")]},
        "profile",
        "Saving a user raised NameError: name 'user' is not defined (accounts/signals.py, line 16)",
    ),
    Variant(
        "mail at once",
        2,
        {SIGNALS: [(MAIL, "send_welcome_email(instance)")]},
        "mail",
        "The mail left before the commit; a rollback would not call it back.",
    ),
    Variant(
        "mail called instead of passed",
        2,
        {SIGNALS: [(MAIL, "transaction.on_commit(send_welcome_email(instance))")]},
        "mail",
        "TypeError: on_commit()'s callback must be a callable",
    ),
    Variant(
        "mail by the view as well",
        2,
        {
            VIEWS: [
                (LOGIN, f"            send_welcome_email(user)\n{LOGIN}"),
                (IMPORT, f"{IMPORT}from .services import send_welcome_email\n"),
            ]
        },
        "mail",
        "A sign-up sends 2 mails: does the view still send one, too?",
    ),
    Variant(
        "mail only to those who are saved again",
        2,
        {SIGNALS: [(f"{IF_NEW}{MAIL}", f"if not created:\n        {MAIL}")]},
        "mail",
        "A saved user gets no mail",
    ),
    Variant(
        "picture at once",
        2,
        {SIGNALS: [(PICTURE, "resize_profile_image(instance)")]},
        "picture",
        "The picture was resized before the commit",
    ),
    Variant(
        "picture by the view as well",
        2,
        {
            VIEWS: [
                (LOGIN, f"            resize_profile_image(user.profile)\n{LOGIN}"),
                (IMPORT, f"{IMPORT}from .services import resize_profile_image\n"),
            ]
        },
        "picture",
        "A sign-up resizes its picture 2 times: does the view still do it, too?",
    ),
    Variant(
        "picture of a new profile alone",
        2,
        {
            SIGNALS: [
                (
                    "def resize_new_picture(instance, update",
                    "def resize_new_picture(instance, created, update",
                ),
                (IF_PICTURE, "if created and instance.picture:"),
            ]
        },
        "picture",
        "A saved picture is not resized",
    ),
    Variant(
        "profile for whoever is saved",
        2,
        {SIGNALS: [(PROFILE, "    create_profile(instance)\n")]},
        "once",
        "a receiver made a second profile. What does `created` say?",
    ),
    Variant(
        "mail to whoever is saved",
        2,
        {SIGNALS: [(f"{IF_NEW}{MAIL}", MAIL)]},
        "once",
        "A user who was saved again got a second mail",
    ),
    Variant(
        "picture whatever was saved",
        2,
        {SIGNALS: [(IF_PICTURE, "if instance.picture and not raw:")]},
        "once",
        "got its picture resized again",
    ),
    Variant(
        "profile of a fixture",
        2,
        {SIGNALS: [(PROFILE, PROFILE.replace(" and not raw", ""))]},
        "once",
        "`loaddata` made a profile",
    ),
    Variant(
        "mail that may fail the sign-up",
        2,
        {SIGNALS: [(MAIL, MAIL.replace(", robust=True", ""))]},
        "failure",
        "A bug in the mail failed the whole sign-up. The sign-up raised Bug: a bug in the mail",
    ),
    Variant(
        "mail that fails in silence",
        2,
        {
            SIGNALS: [
                (MAIL, "transaction.on_commit(lambda: try_to_send(instance), robust=True)"),
                (
                    "@receiver(post_save, sender=Profile)",
                    "def try_to_send(user):\n    try:\n        send_welcome_email(user)\n"
                    "    except Exception:\n        pass\n\n\n"
                    "@receiver(post_save, sender=Profile)",
                ),
            ]
        },
        "failure",
        "A bug in the mail was swallowed silently",
    ),
    Variant(
        "mail in a partial, which can't be logged",
        2,
        {
            SIGNALS: [
                (
                    MAIL,
                    MAIL.replace(
                        "lambda: send_welcome_email(instance)",
                        "partial(send_welcome_email, instance)",
                    ),
                ),
                (
                    "from django.db import transaction",
                    "from functools import partial\n\nfrom django.db import transaction",
                ),
            ]
        },
        "failure",
        "A bug in the mail failed the whole sign-up",
    ),
]

# Stage 3

SUBMIT = "        mail_threads.submit(task, user)\n"
IN_THREAD = """def welcome_in_thread(user):
    try:
        send_welcome_email(user)
    except Exception:
        logger.exception("The welcome mail for %s failed", user)  # or nobody would ever see it
    finally:
        connection.close()  # each thread has its own; Django closes only those of requests
"""
CALL = "queue(welcome_in_thread, instance)"
ON_COMMIT = f"transaction.on_commit(lambda: {CALL}, robust=True)"
POOL = 'mail_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mail")\n'
THREAD = "        Thread(target=welcome_in_thread, args=[user]{}).start()\n"
IMPORT_THREAD = ("import logging\n", "import logging\nfrom threading import Thread\n")

CALLBACK = """import logging
from concurrent import futures

from django.db import connections
from django.db.models.signals import post_save
from django.db.transaction import on_commit

from . import services

pool = futures.ThreadPoolExecutor()


def deliver(user):
    services.send_welcome_email(user)


def delivered(future):
    connections.close_all()
    if error := future.exception():
        logging.getLogger("mails").error("not delivered", exc_info=error)


def saved(instance, created, raw, **kwargs):
    if created and not raw:
        services.create_profile(instance)
        on_commit(lambda: pool.submit(deliver, instance).add_done_callback(delivered))


def picture_saved(instance, raw, update_fields, **kwargs):
    if update_fields and "picture" in update_fields:
        on_commit(lambda: services.resize_profile_image(instance), robust=True)


def connect(user, profile):
    post_save.connect(saved, sender=user)
    post_save.connect(picture_saved, sender=profile)
"""
WORKER = """
mails = SimpleQueue()


def work():
    while item := mails.get():
        task, user = item
        try:
            task(user)
        except Exception:
            logger.critical("no mail to %s", user, exc_info=True)
        finally:
            connection.close()


def stop():
    mails.put(None)
    worker.join()


worker = threading.Thread(target=work, daemon=True)
worker.start()
atexit.register(stop)
"""
WORKER_CALL = "queue(send_welcome_email, instance)"

HONEST += [
    Variant(
        "a thread a mail, which is no daemon",
        3,
        {SIGNALS: [(SUBMIT, THREAD.format(", daemon=False")), (POOL, ""), IMPORT_THREAD]},
    ),
    Variant(
        "a pool with a callback, in another module",
        3,
        {
            SIGNALS: None,
            "accounts/mailing.py": CALLBACK,
            APPS: ready(
                "        from . import mailing\n\n        mailing.connect(*self.get_models())\n"
            ),
        },
    ),
    Variant(
        "one worker thread with a queue",
        3,
        {
            SIGNALS: [
                (POOL, WORKER),
                (IN_THREAD, ""),
                (SUBMIT, "        mails.put([task, user])\n"),
                (CALL, WORKER_CALL),
                (
                    "import logging\n",
                    "import atexit\nimport logging\nimport threading\n",
                ),
                (
                    "from django.db import connection",
                    "from queue import SimpleQueue\n\nfrom django.db import connection",
                ),
            ]
        },
    ),
]

MISTAKES += [
    Variant(
        "result that is waited for",
        3,
        {SIGNALS: [(SUBMIT, f"{SUBMIT.rstrip()}.result()\n")]},
        "page",
        "The page waited for the mail",
    ),
    Variant(
        "mail sent before the thread starts",
        3,
        {
            SIGNALS: [
                (SUBMIT, "        Thread(target=send_welcome_email(user)).start()\n"),
                IMPORT_THREAD,
            ]
        },
        "page",
        "The page waited for the mail: it was sent in the request's thread.",
    ),
    Variant(
        "joke fetched before the thread starts",
        3,
        {
            SIGNALS: [
                (SUBMIT, f"        get_joke()\n{SUBMIT}"),
                ("from .models import", "from .jokes import get_joke\nfrom .models import"),
            ]
        },
        "page",
        "The page waited for the joke: it was fetched in the request's thread.",
    ),
    Variant(
        "thread inside the transaction",
        3,
        {SIGNALS: [(ON_COMMIT, CALL)]},
        "commit",
        "before the commit",
    ),
    Variant(
        "called instead of passed",
        3,
        {SIGNALS: [(ON_COMMIT, f"transaction.on_commit({CALL})")]},
        "commit",
        "TypeError: on_commit()'s callback must be a callable",
    ),
    Variant(
        "function that is not called",
        3,
        {SIGNALS: [(ON_COMMIT, "transaction.on_commit(lambda: welcome_in_thread)")]},
        "commit",
        "The user was committed, and the mail never came.",
    ),
    Variant(
        "exception kept in the future",
        3,
        {SIGNALS: [(SUBMIT, "        mail_threads.submit(send_welcome_email, user)\n")]},
        "failure",
        "A bug in the mail was swallowed silently",
    ),
    Variant(
        "exception passed over",
        3,
        {
            SIGNALS: [
                (
                    '        logger.exception("The welcome mail for %s failed", user)'
                    "  # or nobody would ever see it\n",
                    "        pass\n",
                )
            ]
        },
        "failure",
        "A bug in the mail was swallowed silently",
    ),
    Variant(
        "only one kind of exception",
        3,
        {SIGNALS: [("    except Exception:\n", "    except OSError:\n")]},
        "failure",
        "A bug in the mail was swallowed silently",
    ),
    Variant(
        "connection left open",
        3,
        {SIGNALS: [("        connection.close()  #", "        pass  #")]},
        "connection",
        "The thread's connection to the database stays open",
    ),
    Variant(
        "another thread's connection closed",
        3,
        {
            SIGNALS: [
                ("        connection.close()  #", "        pass  #"),
                (SUBMIT, f"{SUBMIT}        connection.close()\n"),
            ]
        },
        "connection",
        "The thread's connection to the database stays open",
    ),
    Variant(
        "connection closed after a failure alone",
        3,
        {SIGNALS: [("    finally:\n        connection.close()", "        connection.close()")]},
        "connection",
        "The thread's connection to the database stays open",
    ),
    Variant(
        "thread that inherits being a daemon",
        3,
        {SIGNALS: [(SUBMIT, THREAD.format("")), IMPORT_THREAD]},
        "shutdown",
        "A mail that was under way at a Ctrl-C never came: its thread is daemonic",
    ),
    Variant(
        "thread that is a daemon",
        3,
        {SIGNALS: [(SUBMIT, THREAD.format(", daemon=True")), IMPORT_THREAD]},
        "shutdown",
        "its thread is daemonic",
    ),
    Variant(
        "worker that nobody waits for",
        3,
        {
            SIGNALS: [
                (POOL, WORKER.replace("atexit.register(stop)\n", "")),
                (IN_THREAD, ""),
                (SUBMIT, "        mails.put([task, user])\n"),
                (CALL, WORKER_CALL),
                ("import logging\n", "import logging\nimport threading\n"),
                (
                    "from django.db import connection",
                    "from queue import SimpleQueue\n\nfrom django.db import connection",
                ),
            ]
        },
        "shutdown",
        "its thread is daemonic",
    ),
    Variant(
        "mail for that worker inside the transaction",
        3,
        {SIGNALS: [(ON_COMMIT.replace(CALL, WORKER_CALL), WORKER_CALL)]},
        "commit",
        "before the commit",
    ),
]

# Stage 4

TASKS = "accounts/tasks.py"
SETTINGS = "config/settings.py"
QUEUE_MAIL = "queue_after_commit(tasks.send_welcome_email, instance)"
QUEUE_PICTURE = "queue_after_commit(tasks.resize_profile_image, instance.user)"
IMMEDIATE = (
    '    "immediate": False,  # otherwise DEBUG decides whether tasks run at once, in the request\n'
)
HUEY_RETRIES = 'RETRIED = {"retries": 8, "retry_delay": 1, "retry_backoff": 2}'

ON_COMMIT_TASKS = """from huey.contrib.djhuey import on_commit_task

from . import services
from .models import Profile, User


@on_commit_task(priority=50, retries=5, retry_delay=2)
def greet(pk):
    services.send_welcome_email(User.objects.get(pk=pk))


@on_commit_task(retries=5, retry_delay=2)
def shrink(pk):
    services.resize_profile_image(Profile.objects.get(user_id=pk))
"""
CALL_ON_COMMIT_TASKS = """from django.db.models.signals import post_save

from . import background, services


def user_saved(sender, instance, created, raw, **kwargs):
    if created and not raw:
        services.create_profile(instance)
        background.greet(instance.pk)


def profile_saved(sender, instance, raw, update_fields, **kwargs):
    if update_fields and "picture" in update_fields:
        background.shrink(instance.pk)


def connect(user, profile):
    post_save.connect(user_saved, sender=user)
    post_save.connect(profile_saved, sender=profile)
"""
OWN_INSTANCE = """from huey import SqliteHuey

HUEY = SqliteHuey("own", filename=VAR_DIR / "own.db", immediate=False)

LOGGING = {
"""
OWN_TASKS = """from datetime import datetime, timedelta

from django.db import connection

from config.settings import HUEY

from . import services
from .models import User


@HUEY.task(retries=4, retry_delay=1)
def welcome(username):
    try:
        services.send_welcome_email(User.objects.get(username=username))
    finally:
        connection.close()


@HUEY.task()
def picture(username):
    services.resize_profile_image(User.objects.get(username=username).profile)
"""
OWN_SIGNALS = """from django.db.models.signals import post_save
from django.db.transaction import on_commit
from django.dispatch import receiver

from . import services, tasks
from .models import Profile, User


def urgent(task):
    task.priority = 5
    return tasks.HUEY.enqueue(task)


@receiver(post_save)
def saved(sender, instance, created, raw, update_fields, **kwargs):
    if raw:
        return
    if sender is User and created:
        services.create_profile(instance)
        on_commit(lambda: urgent(tasks.welcome.s(instance.username)))
    if sender is Profile and "picture" in (update_fields or ()):
        on_commit(lambda: tasks.picture(instance.user.username), robust=True)
"""
ONE_TASK = """from huey import RetryTask
from huey.contrib.djhuey import db_task

from . import services
from .models import User

WORK = {
    "send_welcome_email": lambda user: services.send_welcome_email(user),
    "resize_profile_image": lambda user: services.resize_profile_image(user.profile),
}


@db_task()
def work(name, user_id, tries=0):
    try:
        WORK[name](User.objects.select_related("profile").get(pk=user_id))
    except OSError as error:
        if tries < 5:
            work.schedule(args=[name, user_id, tries + 1], delay=3, priority=9)
        raise RetryTask() if tries > 100 else error


def send_welcome_email(user_id):
    work(name="send_welcome_email", user_id=str(user_id), priority=9)


def resize_profile_image(user_id):
    work(name="resize_profile_image", user_id=str(user_id))
"""

HONEST += [
    Variant(
        "on_commit_task, in a module of another name",
        4,
        {
            SIGNALS: None,
            TASKS: None,
            "accounts/background.py": ON_COMMIT_TASKS,
            "accounts/hooks.py": CALL_ON_COMMIT_TASKS,
            APPS: ready(
                "        from . import hooks\n\n        hooks.connect(*self.get_models())\n"
            ),
        },
    ),
    Variant(
        "a Huey of one's own, with names as keys",
        4,
        {
            SIGNALS: OWN_SIGNALS,
            TASKS: OWN_TASKS,
            SETTINGS: [("LOGGING = {\n", OWN_INSTANCE)],
        },
    ),
    Variant("one task for all, which queues itself again", 4, {TASKS: ONE_TASK}),
]

MISTAKES += [
    Variant(
        "task queued before the commit",
        4,
        {SIGNALS: [(QUEUE_MAIL, "tasks.send_welcome_email(instance.pk)")]},
        "queued",
        "The task was queued before the commit: a worker would not find the user's row.",
    ),
    Variant(
        "function called beside the queue",
        4,
        {
            SIGNALS: [
                (QUEUE_MAIL, "transaction.on_commit(lambda: send_welcome_email(instance))"),
                ("import create_profile", "import create_profile, send_welcome_email"),
            ]
        },
        "queued",
        "A saved user queues nothing: this process sends the mail itself.",
    ),
    Variant(
        "picture still in the request",
        4,
        {
            SIGNALS: [
                (QUEUE_PICTURE, "transaction.on_commit(lambda: resize_profile_image(instance))"),
                ("import create_profile", "import create_profile, resize_profile_image"),
            ]
        },
        "queued",
        "A saved picture queues nothing: this process resizes it itself.",
    ),
    Variant(
        "immediate not set",
        4,
        {SETTINGS: [(IMMEDIATE, "")]},
        "immediate",
        "`immediate` follows DEBUG: your task ran in the request.",
    ),
    Variant(
        "immediate as DEBUG",
        4,
        {SETTINGS: [(IMMEDIATE, '    "immediate": DEBUG,\n')]},
        "immediate",
        "`immediate` follows DEBUG: your task ran in the request.",
    ),
    Variant(
        "result that the request waits for",
        4,
        {
            SIGNALS: [("        task(user.pk)", "        task.call_local(user.pk, task)")],
        },
        "immediate",
        "The page waited for the picture's resize: the request does it, not a worker.",
    ),
    Variant(
        "user as argument",
        4,
        {
            SIGNALS: [("        task(user.pk)", "        task(user)")],
            TASKS: [("User.objects.get(pk=user_id)", "user_id")],
        },
        "keys",
        "Is there an object among its arguments",
    ),
    Variant(
        "address as argument",
        4,
        {
            SIGNALS: [
                (
                    QUEUE_MAIL,
                    "transaction.on_commit("
                    "lambda: tasks.send_welcome_email(instance.pk, instance.email))",
                )
            ],
            TASKS: [
                (
                    "def send_welcome_email(user_id, task=None):\n",
                    "def send_welcome_email(user_id, email, task=None):\n"
                    "    user = User.objects.get(pk=user_id)\n    user.email = email\n",
                ),
                ("User.objects.get(pk=user_id), last", "user, last"),
            ],
        },
        "keys",
        "A user's new address got no mail",
    ),
    Variant(
        "whole mail as argument",
        4,
        {
            SIGNALS: [
                (
                    QUEUE_MAIL,
                    "transaction.on_commit("
                    "lambda: tasks.send_welcome_email(welcome_email(instance, FALLBACK)))",
                ),
                ("import create_profile", "import FALLBACK, create_profile, welcome_email"),
            ],
            TASKS: [
                (
                    "services.send_welcome_email("
                    "User.objects.get(pk=user_id), last_try=not task.retries)",
                    "user_id.send()",
                )
            ],
        },
        "keys",
        "A user's new address got no mail",
    ),
    Variant(
        "queue in memory",
        4,
        {
            SETTINGS: [
                ('"huey.SqliteHuey"', '"huey.MemoryHuey"'),
                ('    "filename": VAR_DIR / "huey.sqlite3",\n', ""),
            ]
        },
        "consumer",
        "do both processes open the same queue? (`filename`)",
    ),
    Variant(
        "tasks that the consumer does not import",
        4,
        {
            TASKS: Path("accounts/background.py"),
            SIGNALS: [
                ("from . import tasks\n", ""),
                (
                    "    def queue():\n",
                    "    from . import background as tasks\n\n"
                    "    task = getattr(tasks, task)\n\n    def queue():\n",
                ),
                ("tasks.send_welcome_email", '"send_welcome_email"'),
                ("tasks.resize_profile_image", '"resize_profile_image"'),
            ],
        },
        "consumer",
        "it doesn't know the task. It imports modules called `tasks`.",
    ),
    Variant(
        "task with a bug",
        4,
        {
            TASKS: [
                ("User.objects.get(pk=user_id)", "User.objects.get(user=user_id)"),
            ]
        },
        "consumer",
        "the mail never came: django.core.exceptions.FieldError: Cannot resolve keyword 'user'",
    ),
    Variant(
        "no retries",
        4,
        {TASKS: [(HUEY_RETRIES, "RETRIED = {}")]},
        "retried",
        "A mail that is refused is not tried again",
    ),
    Variant(
        "exception kept from Huey",
        4,
        {
            TASKS: [
                (
                    "import contextmanager",
                    "import contextmanager, suppress",
                ),
                (
                    "        services.send",
                    "        with suppress(Exception):\n            services.send",
                ),
            ]
        },
        "retried",
        "A mail that is refused is not tried again: raise the error, and ask for retries.",
    ),
    Variant(
        "retries without a pause",
        4,
        {TASKS: [(HUEY_RETRIES, 'RETRIED = {"retries": 8}')]},
        "retried",
        "A mail that is refused is tried again at once",
    ),
    Variant(
        "one retry",
        4,
        {TASKS: [(HUEY_RETRIES, 'RETRIED = {"retries": 1, "retry_delay": 1}')]},
        "retried",
        "A mail that was refused three times never came",
    ),
    Variant(
        "no priority",
        4,
        {TASKS: [("priority=1, ", "")]},
        "priority",
        "A mail waited for pictures that were queued before it.",
    ),
    Variant(
        "priority the wrong way round",
        4,
        {TASKS: [("priority=1, ", "priority=-1, ")]},
        "priority",
        "A mail waited for pictures that were queued before it.",
    ),
    Variant(
        "same priority for all",
        4,
        {TASKS: [("@db_task(context=True", "@db_task(priority=1, context=True")]},
        "priority",
        "A mail waited for pictures that were queued before it.",
    ),
]

# Stage 5

MODELS = "outbox/models.py"
RUNNER = "outbox/tasks.py"
ADD_JOB = "    Job.objects.create(work=work, key=key)\n"
REPAIR = '@db_periodic_task(crontab(minute="*"))  # and when a consumer starts\n'
LOST = "jobs.filter(due_at__lte=now)"

TODO_MODELS = """import uuid

from django.db import models


class Todo(models.Model):
    kind = models.TextField()
    user = models.UUIDField()
    free_from = models.FloatField(default=0)
    holder = models.UUIDField(default=uuid.uuid4)
    finished = models.BooleanField(default=False)
"""
TODO_MIGRATION = """import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Todo",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("kind", models.TextField()),
                ("user", models.UUIDField()),
                ("free_from", models.FloatField(default=0)),
                ("holder", models.UUIDField(default=uuid.uuid4)),
                ("finished", models.BooleanField(default=False)),
            ],
        )
    ]
"""
TODO_TASKS = """import os
import time
import uuid

from django.db import transaction
from huey import crontab
from huey.contrib.djhuey import db_periodic_task, db_task

from accounts import tasks

from .models import Todo

LEASE = float(os.environ.get("OUTBOX_LEASE_SECONDS", "60"))


def remember(kind, user):
    todo = Todo.objects.create(kind=kind, user=user)
    transaction.on_commit(lambda: do(todo.pk), robust=True)


@db_task()
def do(pk):
    mine, now = uuid.uuid4(), time.time()
    free = Todo.objects.filter(pk=pk, finished=False, free_from__lte=now)
    if not free.update(holder=mine, free_from=now + LEASE):
        return
    todo = Todo.objects.get(pk=pk)
    held = Todo.objects.filter(pk=pk, holder=mine)
    try:
        getattr(tasks, todo.kind)(todo.user)
    except Exception:
        if held.update(free_from=time.time() + 1):
            do.schedule(args=[pk], delay=1.1)
        raise
    held.update(finished=True)


@db_periodic_task(crontab(minute="*"))
def look_for_work():
    for pk, free_from in Todo.objects.filter(finished=False).values_list("pk", "free_from"):
        do.schedule(args=[pk], delay=max(0, free_from - time.time()) + 0.1)
"""
TODO_SIGNALS = """from django.db.models.signals import post_save
from django.dispatch import receiver

from todo.tasks import remember

from . import services
from .models import Profile, User


@receiver(post_save)
def saved(sender, instance, created, raw, update_fields, **kwargs):
    if sender is User and created and not raw:
        services.create_profile(instance)
        remember("send_welcome_email", instance.pk)
    if sender is Profile and "picture" in (update_fields or ()):
        remember("resize_profile_image", instance.user_id)
"""
AT_STARTUP = """@on_startup()
def catch_up():
    repair.call_local()


@db_periodic_task(crontab(minute="*/5"))
"""

HONEST += [
    Variant(
        "an outbox of one's own, which keeps what is done",
        5,
        {
            "outbox/admin.py": None,
            "outbox/models.py": None,
            "outbox/tasks.py": None,
            "outbox/migrations/0001_initial.py": None,
            SIGNALS: TODO_SIGNALS,
            "todo/__init__.py": "",
            "todo/migrations/__init__.py": "",
            "todo/migrations/0001_initial.py": TODO_MIGRATION,
            "todo/models.py": TODO_MODELS,
            "todo/tasks.py": TODO_TASKS,
            SETTINGS: [('    "outbox",\n', '    "todo",\n')],
        },
    ),
    Variant(
        "repair when a consumer starts, and every five minutes",
        5,
        {
            RUNNER: [
                (REPAIR, AT_STARTUP),
                (
                    "import HUEY, db_periodic_task, db_task, signal",
                    "import HUEY, db_periodic_task, db_task, on_startup, signal",
                ),
            ]
        },
    ),
    Variant(
        "a task for each row, queued by on_commit_task",
        5,
        {
            RUNNER: [
                ("    transaction.on_commit(lambda: do_next_job(), robust=True)\n", "    wake()\n"),
                (
                    "@db_task(context=True)\ndef do_next_job",
                    "@on_commit_task(priority=3)\ndef wake():\n    do_next_job()\n\n\n"
                    "@db_task(context=True)\ndef do_next_job",
                ),
                (
                    "import HUEY, db_periodic_task, db_task, signal",
                    "import HUEY, db_periodic_task, db_task, on_commit_task, signal",
                ),
                ("from django.db import transaction\n", ""),
            ]
        },
    ),
]

MISTAKES += [
    Variant(
        "row after the commit",
        5,
        {
            RUNNER: [
                (
                    ADD_JOB,
                    "    transaction.on_commit(lambda: Job.objects.create(work=work, key=key))\n",
                )
            ]
        },
        "row",
        "Nothing in the database remembers the mail",
    ),
    Variant(
        "row that is gone once the task is queued",
        5,
        {
            RUNNER: [
                (ADD_JOB, f"    job ={ADD_JOB[3:]}"),
                (
                    "on_commit(lambda: do_next_job(), robust=True)",
                    "on_commit(lambda: (do_next_job(), job.delete()), robust=True)",
                ),
            ]
        },
        "row",
        "The job's row is gone after the commit, though no worker has done the job.",
    ),
    Variant(
        "row for the mail alone",
        5,
        {
            SIGNALS: [
                (
                    '        add_job_for(instance.user, "picture")',
                    "        on_commit(lambda: resize(instance.user))",
                ),
                (
                    "from outbox.models",
                    "from django.db.transaction import on_commit\n"
                    "from huey.contrib.djhuey import db_task\n\nfrom outbox.models",
                ),
                (
                    "def add_job_for(",
                    "@db_task()\ndef resize(user):\n"
                    "    tasks.resize_profile_image(user.pk)\n\n\ndef add_job_for(",
                ),
                ("from .models", "from . import tasks\nfrom .models"),
            ]
        },
        "row",
        "Nothing in the database remembers the picture's resize.",
    ),
    Variant(
        "no repair",
        5,
        {RUNNER: [(REPAIR, "")]},
        "killed",
        "A worker was killed while it sent a mail, and the mail never came",
    ),
    Variant(
        "lease of an hour",
        5,
        {SETTINGS: [('env.int("OUTBOX_LEASE_SECONDS", default=60)', "3600")]},
        "killed",
        "Check sets OUTBOX_LEASE_SECONDS to 1: does your lease follow it?",
    ),
    Variant(
        "row deleted when the work begins",
        5,
        {
            RUNNER: [
                (
                    "    if job.given_up_at:",
                    "    Job.objects.filter(pk=job.pk).delete()\n    if job.given_up_at:",
                )
            ]
        },
        "killed",
        "A worker was killed while it sent a mail, and the mail never came",
    ),
    Variant(
        "repair of leased rows alone",
        5,
        {RUNNER: [(LOST, f'{LOST}.exclude(claimed_by="")')]},
        "wiped",
        "The queue was wiped, and the mail or the picture never came",
    ),
    Variant(
        "repair of rows that were tried",
        5,
        {RUNNER: [(LOST, f"{LOST}.filter(attempts__gt=0)")]},
        "wiped",
        "nobody looks for rows whose task is lost when a consumer starts",
    ),
    Variant(
        "no repair at the start",
        5,
        {},  # "no repair" is one for this task, too
        "wiped",
        "The queue was wiped, and the mail or the picture never came",
    ),
    Variant(
        "row deleted by whoever is done",
        5,
        {MODELS: [("        self.if_unchanged().delete()", "        self.delete()")]},
        "woken",
        "woke up, and changed the row of a job that another worker has by now",
    ),
    Variant(
        "row freed by whoever has failed",
        5,
        {
            MODELS: [
                (
                    'self.if_unchanged().update(claimed_by="", due_at',
                    'Job.objects.filter(pk=self.pk).update(claimed_by="", due_at',
                )
            ]
        },
        "woken",
        "woke up, and changed the row of a job that another worker has by now",
    ),
    Variant(
        "row saved whole",
        5,
        {
            MODELS: [
                (
                    'self.if_unchanged().update(claimed_by="", due_at=due_at, error=reason)',
                    'self.claimed_by, self.due_at, self.error = "", due_at, reason\n'
                    "        self.save()",
                )
            ]
        },
        "woken",
        "woke up, and changed the row of a job that another worker has by now",
    ),
]

# Mistakes that neither hide nor cause one another's message, and so are made in one copy, in this
# order: each check starts a project.
TOGETHER = [
    ("receiver that nobody holds", "picture at once"),
    (
        "profile made by the service, too",
        "mail to whoever is saved",
        "mail at once",
        "picture of a new profile alone",
    ),
    ("profile for whoever is saved", "mail only to those who are saved again"),
    ("profile of a fixture", "profile after the commit"),
    ("mail by the view as well", "picture by the view as well"),
    ("mail in a partial, which can't be logged", "picture whatever was saved"),
    ("mail sent before the thread starts", "thread inside the transaction"),
    ("thread that is a daemon", "connection closed after a failure alone"),
    ("another thread's connection closed", "exception passed over", "result that is waited for"),
    (
        "joke fetched before the thread starts",
        "only one kind of exception",
        "connection left open",
    ),
    ("worker that nobody waits for", "mail for that worker inside the transaction"),
    ("function called beside the queue", "immediate not set"),
    ("picture still in the request", "immediate as DEBUG"),
    ("task queued before the commit", "task with a bug", "no retries"),
    ("queue in memory", "address as argument", "one retry", "priority the wrong way round"),
    ("exception kept from Huey", "whole mail as argument", "same priority for all"),
    (
        "user as argument",
        "no priority",
        "retries without a pause",
        "tasks that the consumer does not import",
    ),
    ("row after the commit", "no repair", "no repair at the start"),
    ("lease of an hour", "repair of leased rows alone"),
    ("row deleted when the work begins", "repair of rows that were tried"),
]


def copies():
    """Return the mistakes in groups, each to be made in one copy; those that take longest first."""
    grouped = {name for names in TOGETHER for name in names}
    alone = [(variant.name,) for variant in MISTAKES if variant.name not in grouped]
    by_name = {variant.name: variant for variant in MISTAKES}
    groups = [[by_name[name] for name in names] for names in [*TOGETHER, *alone]]
    return sorted(groups, key=lambda group: group[0].stage, reverse=True)
