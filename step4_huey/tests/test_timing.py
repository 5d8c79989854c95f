import json
import logging
import os
import threading
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User
from accounts.timing import timed


def last_record():
    path = Path(settings.LOGGING["handlers"]["timings_file"]["filename"])
    return json.loads(path.read_text(encoding="utf-8").splitlines()[-1])


def test_record_says_what_took_how_long_and_where():
    user = User(username="ada")
    with timed("resize picture", user):
        pass
    record = last_record()
    assert record["step"] == settings.BASE_DIR.name
    assert record["sign_up"] == str(user.pk)
    assert record["username"] == "ada"
    assert record["event"] == "resize picture"
    assert record["end"] == pytest.approx(record["start"] + record["elapsed"])
    assert record["process"] == os.getpid()
    assert record["threadName"] == threading.current_thread().name
    assert record["error"] == ""


def test_failure_is_recorded_and_raised():
    with pytest.raises(OSError, match="no route"), timed("send mail", User(username="ada")):
        raise OSError("no route")
    assert last_record()["error"] == "OSError('no route')"


def test_console_names_the_line_that_did_the_work():
    formatter = logging.Formatter(settings.LOGGING["formatters"]["timing"]["format"])
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(formatter.format(record))
    logger = logging.getLogger("accounts.timing")
    logger.addHandler(handler)
    try:
        with timed("save user", User(username="ada")):
            pass
    finally:
        logger.removeHandler(handler)
    [line] = lines
    assert " INFO accounts.test_timing:" in line
    assert line.endswith("s] - save user for ada")
