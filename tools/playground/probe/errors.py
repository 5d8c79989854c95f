"""An error in a learner's words: what, in which of their files, in which line."""

import os
import sys
import threading
import traceback
from pathlib import Path

NO_REDIS = ". Huey uses Redis unless `HUEY` in the settings names another `huey_class`"
# What an error does not say of its cause.
ADVICE = {
    "'Migration' object has no": ". A receiver without `sender` is called for every model's rows,"
    " here for Django's own",
    '"redis" python module not found': NO_REDIS,
    "localhost:6379": NO_REDIS,
    "FOREIGN KEY constraint failed": ". A profile was written before its user: `pre_save` comes"
    " before the row, `post_save` after it",
    "'functools.partial' object has no attribute '__qualname__'": ". Django 5.2 can't log a"
    " `partial` that fails: pass a function or a lambda",
}
THEIR_FILES = os.environ.get("THEIR_FILES", "").split("\n")  # that the learner has written


def described(error):
    """Return the error's text and place, and its traceback, for JSON."""
    return {
        "text": f"{type(error).__name__}: {text_of(error)}",
        "place": place_of(error),
        "traceback": "".join(traceback.format_exception(error)),
    }


def text_of(error):
    if isinstance(error, SyntaxError):
        return error.msg
    text = " ".join(str(error).split())[:300].rstrip(".")
    return f"{text}{next((advice for sign, advice in ADVICE.items() if sign in text), '')}"


def place_of(error):
    """Return the last place in this folder that the error came through, or ""."""
    while error is not None:
        places = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError) and error.filename:
            places.append((error.filename, error.lineno))
        if place := last_of_ours(places):
            return place
        error = error.__cause__ or error.__context__
    return ""


def stuck_place(everywhere):
    """Return where in the learner's files the main thread is, a request's or any other, or ""."""
    main, frames = threading.main_thread(), sys._current_frames()
    for thread in sorted(threading.enumerate(), key=lambda t: t is not main):
        if everywhere or thread is main or "process_request_thread" in thread.name:
            stack = traceback.extract_stack(frames.get(thread.ident))
            if place := last_of_ours([(f.filename, f.lineno) for f in stack]):
                return place
    return ""


def last_of_ours(places):
    """Return the last place in a file that the learner has written, or else in this folder."""
    here, found = Path.cwd().resolve(), []
    for name, line in reversed(places):
        path = Path(name)
        if path.is_relative_to(here) and path.name != "manage.py":
            found.append((path.relative_to(here).as_posix(), line))
    theirs = [place for place in found if place[0] in THEIR_FILES]
    return next((f"{file}, line {line}" for file, line in theirs or found), "")
