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
HERE = Path.cwd().resolve()
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
        if place := last_of_theirs(places):
            return place
        error = error.__cause__ or error.__context__
    return ""


def stuck_place(everywhere):
    """Return where in the learner's files the main thread is, a request's or any other, or ""."""
    main, frames = threading.main_thread(), sys._current_frames()
    for thread in sorted(threading.enumerate(), key=lambda t: t is not main):
        if everywhere or is_of_a_request(thread):
            stack = traceback.extract_stack(frames.get(thread.ident))
            if place := last_of_theirs([(f.filename, f.lineno) for f in stack]):
                return place
    return ""


def is_of_a_request(thread):
    """Return whether a thread serves a request, or is the main one, which saves users itself."""
    return thread is threading.main_thread() or "process_request_thread" in thread.name


def last_of_theirs(places, folder=HERE, their_files=THEIR_FILES):
    """Return the last place in a file that the learner has written, or else in the folder."""
    found = [
        (Path(name).relative_to(folder).as_posix(), line)
        for name, line in reversed(places)
        if Path(name).is_relative_to(folder)
    ]
    theirs = [place for place in found if place[0] in their_files]
    return next((f"{file}, line {line}" for file, line in theirs or found), "")
