"""Solutions and mistakes for the tasks beyond the folders, for the tests of the checker.

Each solution is made in a copy of a step. The mistakes are edits of a solution.
"""

from .variants import APPS, SETTINGS, Variant, ready

SERVICES, TASKS, URLS, VIEWS = (
    f"accounts/{name}.py" for name in ["services", "tasks", "urls", "views"]
)
EXTRAS = "accounts/extras.py"
IMPORT_EXTRAS = ready("        from . import extras, signals  # noqa: F401\n")
SEND_LATER = (
    "queue_after_commit(tasks.send_welcome_email, instance)",
    "queue_after_commit(tasks.ask, instance)",
)
CONFIRM_URL = (
    "urlpatterns = [\n",
    'urlpatterns = [\n    path("confirm/<path:token>/", extras.confirm, name="confirm"),\n',
)
IMPORT_VIEWS = ("from . import views", "from . import extras, views")

# With signed links, a flag in the profile and receivers beside the others

SIGNED = """import asyncio

from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import Http404, HttpResponse
from django.urls import reverse

from . import tasks
from .jokes import get_joke
from .models import Profile, User


@receiver(post_save, sender=User)
def tell_the_team(instance, created, raw, **kwargs):
    if created and not raw:
        transaction.on_commit(lambda: tasks.tell(instance.pk))


@receiver(post_save, sender=User)
async def one_joke(created, **kwargs):
    if created:
        await asyncio.to_thread(get_joke)


@receiver(post_save, sender=User)
async def another_joke(created, **kwargs):
    if created:
        await asyncio.to_thread(get_joke)


def ask(user):
    link = reverse("confirm", args=[signing.dumps(str(user.pk), salt="confirm")])
    send_mail("Is it you?", f"Please open http://localhost:8006{link}", None, [user.email])


def confirm(request, token):
    try:
        pk = signing.loads(token, salt="confirm", max_age=86_400)
    except signing.BadSignature as error:
        raise Http404 from error
    if Profile.objects.filter(user=pk, welcome_sent_at=None).exists():
        tasks.send_welcome_email(pk)
    return HttpResponse("Thank you.")
"""
SIGNED_TASKS = """

@db_task()
def tell(user_id):
    name = User.objects.get(pk=user_id).username
    send_mail("A new user", f"{name} is here.", None, ["team@example.com"])


@db_task(priority=1)
def ask(user_id):
    from .extras import ask

    ask(User.objects.get(pk=user_id))


@db_periodic_task(crontab(minute="0", hour="7"))
def digest():
    new = Profile.objects.filter(in_digest=False)
    names = [profile.user.username for profile in new]
    if names:
        send_mail("New users", "\\n".join(names), None, ["team@example.com"])
        new.update(in_digest=True)
"""
FLAG = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_failed_at")]
    operations = [
        migrations.AddField("Profile", "in_digest", models.BooleanField(default=False)),
    ]
"""
TASK_IMPORTS = (
    "from django.core.management import call_command\n",
    "from django.core.mail import send_mail\nfrom django.core.management import call_command\n",
)
LAST_TASK = "        services.resize_profile_image(profile, last_try=not task.retries)\n"
RECEIVERS = {
    APPS: IMPORT_EXTRAS,
    EXTRAS: SIGNED,
    TASKS: [TASK_IMPORTS, (LAST_TASK, LAST_TASK + SIGNED_TASKS)],
    URLS: [CONFIRM_URL, IMPORT_VIEWS],
    "accounts/signals.py": [SEND_LATER],
    "accounts/migrations/0003_profile_in_digest.py": FLAG,
    "accounts/models.py": [
        (
            "    location = models",
            "    in_digest = models.BooleanField(default=False)\n    location = models",
        )
    ],
}

# With a timestamp signer, a file of the names and one receiver for all

ONE_FOR_ALL = """import asyncio
import threading

from django.core.mail import EmailMessage
from django.core.signing import BadSignature, TimestampSigner
from django.db.models.signals import post_save
from django.db.transaction import on_commit
from django.http import HttpResponse, HttpResponseNotFound

from . import tasks
from .jokes import get_joke
from .models import User

signer = TimestampSigner(salt="address")


def told(user):
    EmailMessage(f"Say hello to {user.username}", "", None, ["team@example.com"]).send()


def tell(sender, instance, created, **kwargs):
    if created:
        on_commit(lambda: threading.Thread(target=told, args=[instance]).start())


async def jokes(sender, created, **kwargs):
    if created:
        await asyncio.gather(*(asyncio.to_thread(get_joke) for _ in range(2)))


def ask(user):
    link = f"http://127.0.0.1:8006/confirm/{signer.sign(user.username)}/"
    EmailMessage("Is it you?", link, None, [user.email]).send()


def confirm(request, token):
    try:
        user = User.objects.get(username=signer.unsign(token, max_age=3600))
    except BadSignature:
        return HttpResponseNotFound()
    if user.profile.welcome_state == "waiting":
        tasks.send_welcome_email(user.pk)
    return HttpResponse("Thank you.")


post_save.connect(tell, sender=User)
post_save.connect(jokes, sender=User)
"""
FILE_TASKS = """

@db_task()
def ask(user_id):
    from . import extras

    extras.ask(User.objects.get(pk=user_id))


@db_periodic_task(crontab(minute="30", hour="6", day_of_week="1-5,0,6"))
def digest():
    file = settings.VAR_DIR / "named.txt"
    named = file.read_text(encoding="utf-8").split() if file.exists() else []
    names = [u.username for u in User.objects.all() if u.username not in named]
    send_mail("This week", ", ".join(names) or "nobody", None, ["team@example.com"])
    file.write_text("\\n".join([*named, *names]), encoding="utf-8")
"""
FILE_OF_NAMES = RECEIVERS | {
    EXTRAS: ONE_FOR_ALL,
    TASKS: [
        (TASK_IMPORTS[0], "from django.conf import settings\n" + TASK_IMPORTS[1]),
        (LAST_TASK, LAST_TASK + FILE_TASKS),
    ],
    "accounts/migrations/0003_profile_in_digest.py": "",
    "accounts/models.py": [],
}
del FILE_OF_NAMES["accounts/migrations/0003_profile_in_digest.py"]

# In step 5: jobs for the mails, a table for the digests, tokens in the database

JOBS = """import secrets

from asgiref.sync import sync_to_async
from django.core.mail import send_mail
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from outbox.tasks import add_job

from .jokes import get_joke
from .models import Confirmation, Digest, User


@receiver(post_save, sender=User)
def more_to_do(instance, created, raw, **kwargs):
    if created and not raw:
        Confirmation.objects.create(user=instance, token=secrets.token_urlsafe())
        add_job("team", instance.pk)
        add_job("ask", instance.pk)


async def joke(created, **kwargs):
    if created:
        await sync_to_async(get_joke, thread_sensitive=False)()


async def same_joke(**kwargs):
    await joke(**kwargs)


post_save.connect(joke, sender=User)
post_save.connect(same_joke, sender=User)


def tell_team(user_id):
    user = User.objects.get(pk=user_id)
    send_mail(f"{user} has signed up", "Welcome them.", None, ["team@example.com"])


def ask(user_id):
    found = Confirmation.objects.get(user=user_id)
    link = f"http://localhost:8006/confirm/{found.token}/"
    send_mail("Is it you?", f"If so: {link}", None, [found.user.email])


def confirm(request, token):
    get_object_or_404(Confirmation, token=token)
    waiting = Confirmation.objects.filter(token=token, confirmed_at=None)
    if waiting.update(confirmed_at=timezone.now()):
        add_job("welcome", Confirmation.objects.get(token=token).user_id)
    return HttpResponse("Thank you.")


@db_periodic_task(crontab(minute="5", hour="0"))
def digest():
    last = Digest.objects.order_by("until").last()
    now = timezone.now()
    users = User.objects.filter(date_joined__lte=now)
    if last:
        users = users.filter(date_joined__gt=last.until)
    if users:
        names = "\\n".join(users.values_list("username", flat=True))
        send_mail("New", names, None, ["team@example.com"])
        Digest.objects.create(until=now)
"""
JOB_MODELS = """

class Confirmation(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE)
    token = models.TextField(unique=True)
    confirmed_at = models.DateTimeField(null=True)


class Digest(models.Model):
    until = models.DateTimeField()
"""
JOB_MIGRATION = """from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_failed_at")]
    operations = [
        migrations.CreateModel(
            "Confirmation",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("user", models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE)),
                ("token", models.TextField(unique=True)),
                ("confirmed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            "Digest",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("until", models.DateTimeField()),
            ],
        ),
    ]
"""
FROM_JOBS = {
    APPS: IMPORT_EXTRAS,
    EXTRAS: JOBS,
    URLS: [CONFIRM_URL, IMPORT_VIEWS],
    "accounts/signals.py": [('        add_job_for(instance, "welcome")', "        pass")],
    "accounts/models.py": [("\n\ndef state(", f"{JOB_MODELS}\n\ndef state(")],
    "accounts/migrations/0003_confirmation_digest.py": JOB_MIGRATION,
    SETTINGS: [
        (
            "OUTBOX_WORK = {\n",
            'OUTBOX_WORK = {\n    "ask": "accounts.extras.ask",\n'
            '    "team": "accounts.extras.tell_team",\n',
        )
    ],
}

HONEST = [
    Variant("signed links and a flag", 4, RECEIVERS),
    Variant("signed names and a file", 4, FILE_OF_NAMES),
    Variant("tokens, jobs and a table", 5, FROM_JOBS),
]

# Edits of the first of them, and by task what is said of each.
MISTAKES = {
    "too early, blocking, every minute, guessable": (
        {
            EXTRAS: [
                (
                    "transaction.on_commit(lambda: tasks.tell(instance.pk))",
                    "tasks.tell(instance.pk)",
                ),
                (
                    "async def one_joke(created, **kwargs):\n    if created:\n"
                    "        await asyncio.to_thread(get_joke)",
                    "async def one_joke(created, **kwargs):\n    if created:\n        get_joke()",
                ),
                ('signing.dumps(str(user.pk), salt="confirm")', "user.username"),
                (
                    'signing.loads(token, salt="confirm", max_age=86_400)',
                    "User.objects.get(username=token).pk",
                ),
                ("except signing.BadSignature", "except User.DoesNotExist"),
            ],
            TASKS: [('crontab(minute="0", hour="7")', "crontab()")],
        },
        {
            "third": "The team's mail left, or was queued, before the commit.",
            "side-by-side": "what blocks in an `async def` blocks the whole event loop",
            "digest": "The digest's moment comes 1440 times a day.",
            "confirmation": "A link that nobody was sent confirms an address, too",
        },
    ),
    "at each save, not async, the same again, at each visit": (
        {
            EXTRAS: [
                (
                    "def tell_the_team(instance, created, raw, **kwargs):\n"
                    "    if created and not raw:",
                    "def tell_the_team(instance, raw, **kwargs):\n    if not raw:",
                ),
                *[
                    (
                        f"async def {name}(created, **kwargs):\n    if created:\n"
                        "        await asyncio.to_thread(get_joke)",
                        f"def {name}(created, **kwargs):\n    if created:\n        get_joke()",
                    )
                    for name in ["one_joke", "another_joke"]
                ],
                (
                    "    if Profile.objects.filter(user=pk, welcome_sent_at=None).exists():\n    ",
                    "",
                ),
            ],
            TASKS: [("        new.update(in_digest=True)\n", "")],
        },
        {
            "third": "The team got 2 mails for one user, who was saved twice.",
            "side-by-side": "the receivers are not `async def`",
            "digest": "The next digest names the same users again",
            "confirmation": "The link, opened twice, sends the welcome mail twice.",
        },
    ),
    "without the name, one joke, one user, never sent": (
        {
            EXTRAS: [
                (
                    "@receiver(post_save, sender=User)\nasync def another_joke",
                    "async def another_joke",
                ),
                (
                    "    if Profile.objects.filter(user=pk, welcome_sent_at=None).exists():\n"
                    "        tasks.send_welcome_email(pk)\n",
                    "    Profile.objects.get(user=pk)\n",
                ),
            ],
            TASKS: [
                ('f"{name} is here."', '"Somebody is here."'),
                ('"\\n".join(names)', "names[-1]"),
            ],
        },
        {
            "third": "No mail to team@example.com names the new user.",
            "side-by-side": "`save()` asked the joke API 1 times, not twice.",
            "digest": "No periodic task sends team@example.com one mail that names all new users.",
            "confirmation": "The link was opened, and the welcome mail never came.",
        },
    ),
}

# Redis

SQLITE = '    "huey_class": "huey.SqliteHuey",\n    "filename": VAR_DIR / "huey.sqlite3",\n'
REDIS = """    "huey_class": "huey.{}",
    "name": "signup",
    "url": {},
"""
URL = 'env("REDIS_URL", default="")'
REDIS_INSTANCE = f"""from huey import PriorityRedisHuey

HUEY = PriorityRedisHuey("signup", url={URL}, blocking=True)

LOGGING = {{
"""
REDIS_HONEST = {
    "a class in the settings": {SETTINGS: [(SQLITE, REDIS.format("PriorityRedisHuey", URL))]},
    "an instance in the settings": {SETTINGS: [("LOGGING = {\n", REDIS_INSTANCE)]},
}
REDIS_MISTAKES = {
    "priorities in a queue without them": (
        {SETTINGS: [(SQLITE, REDIS.format("RedisHuey", URL))]},
        "Only one of two tasks is in Redis: does your kind of queue take priorities",
    ),
    "priorities given up": (
        {
            SETTINGS: [(SQLITE, REDIS.format("RedisHuey", URL))],
            TASKS: [("priority=1, ", "")],
        },
        "A mail waited for pictures that were queued before it.",
    ),
}
