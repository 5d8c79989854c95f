"""The promises that one stage asks for and the later ones must keep, a function each.

Each raises Wrong if the promise does not hold. They ignore where the work runs.
"""

from .tasks import Wrong, blamed, count, expect_no_error, expect_profile, kinds, too_early


def profile_with_user(seen):
    tried, saved, facts = seen.ask("rollback"), seen.commit(), seen.facts
    expect_no_error(tried, saved)
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
        raise blamed("A saved user has no profile", guess, tried, saved)
    if not tried["has_profile"]:
        raise Wrong(
            "The profile comes only after the commit: code that saves a user and goes on in the"
            " same transaction finds none."
        )
    try:
        expect_profile(seen.ask("sign_up"))
    except Wrong as error:
        second = " Does `save_new_user()` also make a profile?" if "UNIQUE" in str(error) else ""
        raise Wrong(f"{error}{second}") from None


def mail_after_commit(seen):
    tried, saved = seen.ask("rollback"), seen.commit()
    expect_no_error(tried, saved)
    early = kinds(tried["left"]) | kinds(saved["left_inside"]) | too_early(saved["left"])
    if early & {"joke", "mail"} and tried["left_by_threads"]:
        raise Wrong(
            "A thread had the mail before the commit: it doesn't see the user's row, and a rollback"
            " can't recall the mail."
        )
    if "mail" in early:
        raise Wrong("The mail left before the commit. A rollback can't recall it.")
    if "joke" in early:
        raise Wrong(
            "The joke was fetched before the commit: the transaction stays open, and locks the"
            " database, for as long as the joke API likes."
        )
    if "queue" in early:
        raise Wrong(
            "The task was queued before the commit: a worker would not find the user's row."
        )


def picture_after_commit(seen):
    result = seen.ask("picture")
    expect_no_error(result)
    early = kinds(result["left_by_rollback"]) | kinds(result["left_inside"])
    early |= {what for left in result["pictures"] for what in too_early(left)}
    if "picture" in early:
        raise Wrong("The picture was resized before the commit: the transaction waits for it.")
    if "queue" in early:
        raise Wrong(
            "The picture's task was queued before the commit: a worker would find no picture."
        )


def one_mail(seen):
    saved, signed_up = seen.commit(), seen.ask("sign_up")
    expect_no_error(saved)
    expect_profile(signed_up)
    if not saved["mails"]:
        guess = "only the view sends one, or a receiver when `login()` saves the user again."
        if not signed_up["mails"]:
            guess = "nobody sends one. Which condition does the receiver check?"
        raise blamed("A saved user gets no mail", guess, saved)
    if (number := len(signed_up["mails"])) > 1:
        guess = "does the view also send one, or a receiver when `login()` saves the user again?"
        raise blamed(f"A sign-up sends {number} mails", guess, signed_up)
    if not signed_up["mails"]:
        raise blamed("A sign-up sends no mail", "what is different in a request?", signed_up)
    if (number := len(saved["mails"])) > 1:
        raise blamed(f"A saved user gets {number} mails", "who sends the second?", saved)


def one_thumbnail(seen):
    result, signed_up = seen.ask("picture"), seen.ask("sign_up")
    expect_no_error(result)
    first_count, second_count = (count(left, "picture") for left in result["pictures"])
    if not (first_count and result["is_resized"]):
        guess = (
            "a receiver listens to the profile, so which condition does it check?"
            if seen.facts["listens_to_profile"]
            else "no receiver listens to the profile. A receiver of the user, or the view, isn't"
            " told of a profile that gets a picture."
        )
        raise blamed("A saved picture is not resized", guess, result)
    if not second_count:
        raise Wrong(
            "A profile's second picture is not resized: your code asks whether the profile has a"
            " thumbnail, not whether this save wrote the picture."
        )
    expect_profile(signed_up)
    if (number := count(signed_up["left"], "picture")) > 1:
        guess = "does the view, or another receiver or task, also do it?"
        raise blamed(f"A sign-up resizes its picture {number} times", guess, signed_up)
    if not signed_up["is_resized"]:
        raise blamed("The picture of a sign-up was not resized", "who saves it?", signed_up)
    if (number := max(first_count, second_count)) > 1:
        guess = "does the resize's own `save()` start another?"
        raise blamed(f"A saved picture is resized {number} times", guess, result)


def nothing_again(seen):
    result = seen.ask("again")
    if (error := result["error"]) and "UNIQUE" in error["text"]:
        raise Wrong(
            f"Saving a user again raised {error['text']}: a receiver made a second profile."
            " What does `created` say?"
        )
    expect_no_error(result)
    second, loaded = kinds(result["second"]), kinds(result["loaded"])
    if second & {"joke", "mail"}:
        raise Wrong("A user who was saved again got a second mail: what does `created` say?")
    if "picture" in second:
        raise Wrong(
            "A profile that was saved again, by a plain `save()`, got its picture resized again: do"
            " `update_fields` name the picture?"
        )
    if "queue" in second:
        raise Wrong("A user or profile that was saved again queued another task.")
    if result["has_loaded_profile"] or loaded:
        what = "made a profile" if result["has_loaded_profile"] else "sent a mail"
        what = "resized a picture" if "picture" in loaded else what
        raise Wrong(f"`loaddata` {what}: what does `raw` say?")


def bug_in_the_mail(seen):
    result = seen.ask("sign_up", bug="mail")
    expect_no_error(result, prefix="A bug in the mail failed the whole sign-up. ")
    return result


def harmless(seen):
    """Work that fails fails neither the sign-up nor the other work."""
    expect_profile(seen.ask("sign_up"))  # there is no bug in its work
    mail, picture = bug_in_the_mail(seen), seen.ask("sign_up", bug="picture")
    expect_no_error(picture, prefix="A bug in the resize failed the whole sign-up. ")
    expect_profile(mail)
    expect_profile(picture)
    if not mail["is_resized"]:
        raise Wrong("After a bug in the mail, the picture was not resized either.")
    if not picture["mails"]:
        raise Wrong("After a bug in the resize, the mail was not sent either.")
    if seen.facts["has_consumer"]:
        expect_profile(
            seen.ask("sign_up", bug="queue"),
            prefix="A broken queue failed the sign-up, whose user is committed. Queue in an"
            " `on_commit()` function with `robust=True`. ",
        )


def logged(seen, advice=""):
    """A bug in the mail is in the log, with what it was."""
    bug = seen.ask("sign_up", bug="mail")["bug"]
    if bug["mentioned"] and not bug["logged"]:
        raise Wrong(
            "The log mentions a bug in the mail, but not what it was: `logger.exception()` adds the"
            " traceback."
        )
    if not bug["logged"]:
        raise Wrong(f"A bug in the mail was swallowed silently: no log mentions it.{advice}")


def ends(seen):
    result = seen.end
    expect_profile(result)
    if result["stuck"]:
        raise Wrong(
            f"The process never ends ({result['stuck']}): Python waits for threads that are not"
            " daemons. `manage.py migrate` would not return either."
        )


def still(seen):
    """All that stage 2 asked for, and that the process ends."""
    profile_with_user(seen)
    mail_after_commit(seen)
    picture_after_commit(seen)
    one_mail(seen)
    one_thumbnail(seen)
    nothing_again(seen)
    harmless(seen)
    ends(seen)
