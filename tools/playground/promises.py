"""The promises that one stage asks for and the later ones must keep, a function each.

Each returns "" if the promise holds, or else a message. They ignore where the work runs.
"""

from .tasks import blamed, count, kinds, raised, refused, too_early


def profile_with_user(seen):
    tried, saved, facts = seen.ask("rollback"), seen.commit(), seen.facts
    if message := raised(tried, saved):
        return message
    if not saved["has_profile"]:
        if facts["listens_to_user"]:
            guess = "a receiver listens, so which condition does it check?"
        elif facts["listens_to_another_user"]:
            guess = (
                "your receiver listens to `django.contrib.auth.models.User`, which this project has"
                " swapped out. Take `User` from `.models`, or `get_user_model()`."
            )
        else:
            guess = "are your receivers imported when the project starts? (`ready()` in `apps.py`)"
        return blamed("A saved user has no profile", guess, tried, saved)
    if not tried["has_profile"]:
        return (
            "The profile comes only after the commit: code that saves a user and goes on in the"
            " same transaction finds none."
        )
    if message := refused(seen.ask("sign_up")):
        second = " Does `save_new_user()` also make a profile?"
        return message + (second if "UNIQUE" in message else "")
    return ""


def nothing_before_commit(seen):
    tried, saved, pictured = seen.ask("rollback"), seen.commit(), seen.ask("picture")
    return raised(tried, saved, pictured) or mail_after_commit(seen) or picture_after_commit(seen)


def mail_after_commit(seen):
    tried, saved = seen.ask("rollback"), seen.commit()
    early = kinds(tried["left"]) | kinds(saved["left_inside"]) | too_early(saved["left"])
    if early & {"joke", "mail"} and tried["left_by_threads"]:
        return (
            "A thread had the mail before the commit: it doesn't see the user's row, and a rollback"
            " can't recall the mail."
        )
    if "mail" in early:
        return "The mail left before the commit. A rollback can't recall it."
    if "joke" in early:
        return (
            "The joke was fetched before the commit: the transaction stays open, and locks the"
            " database, for as long as the joke API likes."
        )
    if "queue" in early:
        return "The task was queued before the commit: a worker would not find the user's row."
    return ""


def picture_after_commit(seen):
    result = seen.ask("picture")
    early = kinds(result["left_by_rollback"]) | kinds(result["left_inside"])
    early |= {what for left in result["pictures"] for what in too_early(left)}
    if "picture" in early:
        return "The picture was resized before the commit: the transaction waits for it."
    if "queue" in early:
        return "The picture's task was queued before the commit: a worker would find no picture."
    return ""


def one_mail(seen):
    saved, signed_up = seen.commit(), seen.ask("sign_up")
    if message := raised(saved) or refused(signed_up):
        return message
    if not saved["mails"]:
        guess = "only the view sends one, or a receiver when `login()` saves the user again."
        if not signed_up["mails"]:
            guess = "nobody sends one. Which condition does the receiver check?"
        return blamed("A saved user gets no mail", guess, saved)
    if (number := len(signed_up["mails"])) > 1:
        guess = "does the view also send one, or a receiver when `login()` saves the user again?"
        return blamed(f"A sign-up sends {number} mails", guess, signed_up)
    if not signed_up["mails"]:
        return blamed("A sign-up sends no mail", "what is different in a request?", signed_up)
    if (number := len(saved["mails"])) > 1:
        return blamed(f"A saved user gets {number} mails", "who sends the second?", saved)
    return ""


def one_thumbnail(seen):
    result, signed_up = seen.ask("picture"), seen.ask("sign_up")
    if message := raised(result):
        return message
    first_count, second_count = (count(left, "picture") for left in result["pictures"])
    if not (first_count and result["is_resized"]):
        guess = (
            "a receiver listens to the profile, so which condition does it check?"
            if seen.facts["listens_to_profile"]
            else "no receiver listens to the profile. A receiver of the user, or the view, isn't"
            " told of a profile that gets a picture."
        )
        return blamed("A saved picture is not resized", guess, result)
    if not second_count:
        return (
            "A profile's second picture is not resized: your code asks whether the profile has a"
            " thumbnail, not whether this save wrote the picture."
        )
    if message := refused(signed_up):
        return message
    if (number := count(signed_up["left"], "picture")) > 1:
        guess = "does the view, or another receiver or task, also do it?"
        return blamed(f"A sign-up resizes its picture {number} times", guess, signed_up)
    if not signed_up["is_resized"]:
        return blamed("The picture of a sign-up was not resized", "who saves it?", signed_up)
    if (number := max(first_count, second_count)) > 1:
        guess = "does the resize's own `save()` start another?"
        return blamed(f"A saved picture is resized {number} times", guess, result)
    return ""


def nothing_again(seen):
    result = seen.ask("again")
    if (error := result["error"]) and "UNIQUE" in error["text"]:
        return (
            f"Saving a user again raised {error['text']}: a receiver made a second profile."
            " What does `created` say?"
        )
    if message := raised(result):
        return message
    second, loaded = kinds(result["second"]), kinds(result["loaded"])
    if second & {"joke", "mail"}:
        return "A user who was saved again got a second mail: what does `created` say?"
    if "picture" in second:
        return (
            "A profile that was saved again, by a plain `save()`, got its picture resized again: do"
            " `update_fields` name the picture?"
        )
    if "queue" in second:
        return "A user or profile that was saved again queued another task."
    if result["has_loaded_profile"] or loaded:
        what = "made a profile" if result["has_loaded_profile"] else "sent a mail"
        what = "resized a picture" if "picture" in loaded else what
        return f"`loaddata` {what}: what does `raw` say?"
    return ""


def harmless(seen):
    """Work that fails fails neither the sign-up nor the other work."""
    if message := refused(seen.ask("sign_up")):
        return message  # there is no bug in its work
    mail, picture = seen.ask("bug", where="mail"), seen.ask("bug", where="picture")
    if message := raised(mail):
        return f"A bug in the mail failed the whole sign-up. {message}"
    if not mail["bug"]["hit"]:
        return "The mail is not made with Django's `EmailMessage`, so no bug could be tried in it."
    if message := raised(picture):
        return f"A bug in the resize failed the whole sign-up. {message}"
    if message := refused(mail) or refused(picture):
        return message
    if not mail["is_resized"]:
        return "After a bug in the mail, the picture was not resized either."
    if not picture["mails"]:
        return "After a bug in the resize, the mail was not sent either."
    if seen.facts["has_consumer"] and (message := refused(seen.ask("bug", where="queue"))):
        return (
            f"A broken queue failed the sign-up, whose user is committed. {message} Queue in an"
            " `on_commit()` function with `robust=True`."
        )
    return ""


def logged(seen):
    """A bug in the mail is in the log, with what it was."""
    bug = seen.ask("bug", where="mail")["bug"]
    if bug["logged"]:
        return ""
    if bug["mentioned"]:
        return (
            "The log mentions a bug in the mail, but not what it was: `logger.exception()` adds the"
            " traceback."
        )
    return "A bug in the mail was swallowed silently: no log mentions it."


def ends(seen):
    result = seen.end()
    if message := refused(result):
        return message
    if result["stuck"]:
        return (
            f"The process never ends ({result['stuck']}): Python waits for threads that are not"
            " daemons. `manage.py migrate` would not return either."
        )
    return ""


def still(seen):
    """All that stage 2 asked for, and that the process ends."""
    promises = [
        profile_with_user,
        nothing_before_commit,
        one_mail,
        one_thumbnail,
        nothing_again,
        harmless,
        ends,
    ]
    return next((message for promise in promises if (message := promise(seen))), "")
