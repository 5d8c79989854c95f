"""From step 1 to step 2: receivers of signals do the work."""

from ..tasks import DJANGO, Task, first, kinds, raised, refused, too_early


def profile(seen):
    tried, saved = seen.ask("rollback"), seen.ask("commit")
    if message := raised(tried, saved):
        return message
    if not saved["has_profile"]:
        if seen.facts["has_receiver"]:
            return "A saved user has no profile, though a receiver listens: what does it ask for?"
        return "A saved user has no profile: are your receivers imported? (`ready()` in `apps.py`)"
    if not tried["has_profile"]:
        return (
            "The profile comes only after the commit: who saves a user and goes on in the same"
            " transaction finds none."
        )
    if message := refused(seen.ask("sign_up")):
        second = " Does `save_new_user()` still make a profile, too?"
        return message + (second if "IntegrityError" in message else "")
    return ""


def mail(seen):
    tried, saved = seen.ask("rollback"), seen.ask("commit")
    if message := raised(tried, saved) or before_commit(tried, saved):
        return message
    if not saved["mails"]:
        return "A saved user gets no mail: only the view sends one."
    signed_up = seen.ask("sign_up")
    if message := refused(signed_up):
        return message
    if (count := len(signed_up["mails"])) > 1:
        return f"A sign-up sends {count} mails: does the view still send one, too?"
    return ""


def before_commit(tried, saved):
    """Return what to say of work that began in the transaction, or ""."""
    early = kinds(tried["left"]) | kinds(saved["left_inside"]) | too_early(saved["left"])
    if early and tried["left_after_save"]:
        return (
            "A thread had the mail before the commit: it doesn't see the user's row, and a rollback"
            " would not call it back."
        )
    if "mail" in early:
        return "The mail left before the commit; a rollback would not call it back."
    if "joke" in early:
        return (
            "The joke was fetched before the commit: the transaction stays open, and locks the"
            " database, for as long as the joke API likes."
        )
    return ""


def picture(seen):
    result = seen.ask("picture")
    if message := raised(result):
        return message
    if not result["is_resized"]:
        return "A saved picture is not resized: only the view does that."
    if "picture" in kinds(result["left_inside"]) | too_early(result["left"]):
        return "The picture was resized before the commit: the transaction waits for it."
    signed_up = seen.ask("sign_up")
    if message := refused(signed_up):
        return message
    count = sum(departure["what"] == "picture" for departure in signed_up["left"])
    if count > 1:
        return f"A sign-up resizes its picture {count} times: does the view still do it, too?"
    return "" if signed_up["is_resized"] else "The picture of a sign-up was not resized."


def once(seen):
    result = seen.ask("again")
    if (error := result["error"]) and "IntegrityError" in error["text"]:
        return (
            f"Saving a user again raised {error['text']}: a receiver made a second profile."
            " What does `created` say?"
        )
    if message := raised(result):
        return message
    if not result["first"]:
        return "No receiver does any work yet, so there is nothing to count."
    if kinds(result["second"]) & {"joke", "mail"}:
        return "A user who was saved again got a second mail: what does `created` say?"
    if "picture" in kinds(result["second"]):
        return (
            "A profile that was saved again, by a plain `save()`, got its picture resized again: do"
            " `update_fields` name the picture?"
        )
    if result["loaded"] or result["has_loaded_profile"]:
        return "`loaddata` made a profile or sent a mail: what does `raw` say?"
    return ""


def failure(seen):
    if message := refused(seen.ask("sign_up")):
        return message  # there is no bug in its mail
    result = seen.ask("bug")
    if message := raised(result):
        return f"A bug in the mail failed the whole sign-up. {message}"
    if not result["bug_was_hit"]:
        return "The mail is not made with Django's `EmailMessage`, so no bug could be tried in it."
    if not result["said"]:
        return "A bug in the mail was swallowed silently: no log speaks of it."
    return first(
        refused(result),
        ""
        if result["is_resized"]
        else "After a bug in the mail, the picture was not resized either.",
    )


TASKS = [
    Task(
        name="profile",
        promise="Whoever saves a new user has saved a profile, too, in the same transaction.",
        why="A view, `createsuperuser` and a test save users; none should have to remember it.",
        judge=profile,
        hints=(
            "Django tells whoever asks when a row was saved. Ask, in a module of its own, and have"
            " that module imported when the project starts; then nobody else makes the profile.",
            f"{DJANGO}/topics/signals/#connecting-receiver-functions",
            "@receiver(post_save, sender=User)",
        ),
    ),
    Task(
        name="mail",
        promise="Whoever saves a new user sends the mail, once, and after the commit.",
        why="A mail can't be rolled back, and an open transaction locks the database for others.",
        judge=mail,
        hints=(
            "A receiver of `post_save` runs in the transaction that saves. Let it only leave word"
            " what is to be done once the transaction is committed. Then the view has less to do.",
            f"{DJANGO}/topics/db/transactions/#performing-actions-after-commit",
            "transaction.on_commit(lambda: send_welcome_email(instance))",
        ),
    ),
    Task(
        name="picture",
        promise="Whoever gives a profile a picture gets it resized, once, and after the commit.",
        why="The resize is slow, and needs the row; the view is not the only one to set pictures.",
        judge=picture,
        hints=(
            "The profile is a model like the user. Its receiver must tell a save that wrote the"
            " picture from all others, among them those of the resize itself.",
            f"{DJANGO}/ref/signals/#post-save",
            'if "picture" in (update_fields or []): ...',
        ),
    ),
    Task(
        name="once",
        promise="A user who is saved again, or comes with `loaddata`, starts nothing.",
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
        promise="A mail that fails is logged, and fails neither the sign-up nor the picture.",
        why="The user is saved by then: an error page would be wrong, and silence would be worse.",
        judge=failure,
        hints=(
            "What an `on_commit()` function raises comes out where the transaction ends, and the"
            " functions after it are dropped. Django can catch and log it instead, if told to.",
            f"{DJANGO}/topics/db/transactions/#django.db.transaction.on_commit",
            "transaction.on_commit(lambda: send_welcome_email(instance), robust=True)",
        ),
        after="mail",
    ),
]
