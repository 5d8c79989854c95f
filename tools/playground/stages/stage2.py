"""From step 1 to step 2: receivers of signals do the work."""

from .. import promises
from ..tasks import DJANGO, Task, Wrong


def mail(seen):
    promises.mail_after_commit(seen)
    promises.one_mail(seen)


def picture(seen):
    promises.picture_after_commit(seen)
    promises.one_thumbnail(seen)


def once(seen):
    promises.nothing_again(seen)
    if not seen.ask("again")["first"]:
        raise Wrong("No receiver does any work yet, so there is nothing to count.")


def failure(seen):
    promises.harmless(seen)
    promises.logged(seen)


PROFILE = """
# accounts/signals.py
@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs): ...


# accounts/apps.py
class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self):
        from . import signals"""
TASKS = [
    Task(
        name="profile",
        promise="Saving a new user also saves a profile, in the same transaction.",
        why="A view, `createsuperuser` and a test save users; none should have to remember it.",
        judge=promises.profile_with_user,
        hints=(
            "Django can notify your code after each save. Write a receiver in its own module, and"
            " import that module at startup, in `ready()`. Then nobody else makes the profile.",
            f"{DJANGO}/topics/signals/#connecting-receiver-functions",
            PROFILE,
        ),
    ),
    Task(
        name="mail",
        promise="Saving a new user sends the mail once, after the commit.",
        why="A mail can't be rolled back, and an open transaction locks the database for others.",
        judge=mail,
        hints=(
            "A receiver of `post_save` runs inside the transaction that saves. Let it register a"
            " function that Django calls after the commit, and remove the mail from the view.",
            f"{DJANGO}/topics/db/transactions/#performing-actions-after-commit",
            "transaction.on_commit(lambda: send_welcome_email(instance))",
        ),
    ),
    Task(
        name="picture",
        promise="Saving a profile with a new picture, the first or another, resizes it once, after"
        " the commit.",
        why="The resize is slow, and needs the row; the view is not the only one to set pictures.",
        judge=picture,
        hints=(
            "The profile is a model like the user. Its receiver must tell a save that wrote the"
            " picture from all others, including the resize's own.",
            f"{DJANGO}/ref/signals/#post-save",
            'if "picture" in (update_fields or []): ...',
        ),
    ),
    Task(
        name="once",
        promise="A user or profile that is saved again, or comes with `loaddata`, starts nothing.",
        why="`login()` saves the user each time; a fixture brings the profile's row itself.",
        judge=once,
        hints=(
            "Django tells a receiver more than which row was saved.",
            f"{DJANGO}/ref/signals/#post-save",
            "if created and not raw: ...",
        ),
    ),
    Task(
        name="failure",
        promise="A mail or resize that fails is logged, and fails neither the sign-up nor the"
        " other.",
        why="The user is saved by then: an error page would be wrong, and silence would be worse.",
        judge=failure,
        hints=(
            "An exception in an `on_commit()` function comes out where the transaction ends, and"
            " Django skips the functions after it. Django can also log the exception instead.",
            f"{DJANGO}/topics/db/transactions/#django.db.transaction.on_commit",
            "transaction.on_commit(lambda: send_welcome_email(instance), robust=True)",
        ),
        after="mail",
    ),
]
