"""What a task is, and what its judges share."""

from collections.abc import Callable
from dataclasses import dataclass

import django

DJANGO = f"https://docs.djangoproject.com/en/{django.VERSION[0]}.{django.VERSION[1]}"
PYTHON = "https://docs.python.org/3"
HUEY = "https://huey.readthedocs.io/en/latest"


class Wrong(Exception):
    """A promise does not hold; the text says what is wrong, for the learner to read."""


@dataclass(frozen=True)
class Task:
    """One small thing to reach.

    `judge` takes the Evidence, and raises Wrong if the promise does not hold. `hints`: the idea, a
    page of the documentation, a line of code. `after`: the task that must be done first.
    """

    name: str
    promise: str
    why: str
    judge: Callable
    hints: tuple[str, str, str]
    after: str = ""


def kinds(departures):
    """Return what has left: a set of "joke", "mail", "picture", "queue" and "process"."""
    return {departure["what"] for departure in departures}


def too_early(departures):
    """Return what has left before another connection saw its row."""
    return kinds(d for d in departures if not d["committed"])


def count(departures, what):
    return sum(departure["what"] == what for departure in departures)


def expect_no_error(*results, prefix=""):
    """Raise Wrong for the first error that came out of an experiment."""
    for result in results:
        if result["error"]:
            what = "The sign-up" if "status" in result else "Saving a user"
            raise Wrong(f"{prefix}{what} raised {shown(result['error'])}.")


def expect_profile(result, prefix=""):
    """Raise Wrong for a sign-up that did not lead to a profile."""
    expect_no_error(result, prefix=prefix)
    if result["status"] != 302:
        said = f"The sign-up was answered with status {result['status']}, not with a redirect."
        raise Wrong(f"{prefix}{said}")


def blamed(fact, guess, *results):
    """Return Wrong for the fact, with an error that was logged meanwhile, or else the guess."""
    for result in results:
        if result["logged"]:
            return Wrong(f"{fact}. The log says: {shown(result['logged'][0])}.")
    return Wrong(f"{fact}: {guess}")


def shown(error):
    return error["text"] + (f" ({error['place']})" if error["place"] else "")
