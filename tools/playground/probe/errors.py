"""An error in a learner's words: what, in which of their files, in which line."""

import traceback
from pathlib import Path

# What an error does not say of its cause.
ADVICE = {
    "'Migration' object has no": ". A receiver without `sender` is called for every model's rows,"
    " here for Django's own",
    '"redis" python module not found': ". Huey uses Redis unless `HUEY` in the settings names"
    " another `huey_class`",
    "FOREIGN KEY constraint failed": ". A profile was written before its user: `pre_save` comes"
    " before the row, `post_save` after it",
}
# The learner writes nothing in these, which are in the way of each piece of work.
NOT_THEIRS = ("timing/", "kit/")


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


def frame_place(frame):
    """Return the place in this folder where a running frame is, or ""."""
    return last_of_ours([(f.filename, f.lineno) for f in traceback.extract_stack(frame)])


def last_of_ours(places):
    here, found = Path.cwd().resolve(), []
    for name, line in reversed(places):
        path = Path(name)
        if path.is_relative_to(here) and path.name != "manage.py":
            found.append(f"{path.relative_to(here).as_posix()}, line {line}")
    return next((p for p in found if not p.startswith(NOT_THEIRS)), "".join(found[:1]))
