"""Other ways to write the steps, for the tests of the checker: some right, some wrong.

Each is a step's solution with a few edits. The right ones do what the tasks ask with other names,
modules and means; the wrong ones are mistakes that people make, each with what the checker is to
say of it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Variant:
    """A solution with edits: by file, its new text, pairs of old and new, or None to delete it.

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
            if isinstance(edit, str):
                path.parent.mkdir(exist_ok=True)
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
    Variant("receivers never imported", 2, {APPS: None}, "profile", "are your receivers imported?"),
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

SUBMIT = "        mail_threads.submit(send_welcome_email_in_thread, user)\n"
IN_THREAD = """def send_welcome_email_in_thread(user):
    try:
        send_welcome_email(user)
    except Exception:
        logger.exception("The welcome mail for %s failed", user)  # or nobody would ever see it
    finally:
        connection.close()  # each thread has its own; Django closes only those of requests
"""
ON_COMMIT = "transaction.on_commit(lambda: queue_welcome_email(instance), robust=True)"
POOL = 'mail_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mail")\n'
THREAD = "        Thread(target=send_welcome_email_in_thread, args=[user]{}).start()\n"
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
mails = queue.SimpleQueue()
to_do = threading.Semaphore(0)


def work():
    while user := mails.get():
        try:
            send_welcome_email(user)
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
                (SUBMIT, "        mails.put(user)\n"),
                (
                    "import logging\n",
                    "import atexit\nimport logging\nimport queue\nimport threading\n",
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
        {SIGNALS: [(ON_COMMIT, "queue_welcome_email(instance)")]},
        "commit",
        "before the commit",
    ),
    Variant(
        "called instead of passed",
        3,
        {SIGNALS: [(ON_COMMIT, "transaction.on_commit(queue_welcome_email(instance))")]},
        "commit",
        "TypeError: on_commit()'s callback must be a callable",
    ),
    Variant(
        "function that is not called",
        3,
        {SIGNALS: [(ON_COMMIT, "transaction.on_commit(lambda: queue_welcome_email)")]},
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
                (SUBMIT, "        mails.put(user)\n"),
                ("import logging\n", "import logging\nimport queue\nimport threading\n"),
            ]
        },
        "shutdown",
        "its thread is daemonic",
    ),
]
