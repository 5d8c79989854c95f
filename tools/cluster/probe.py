"""What measure.py asks of step 5, as a process with the step's settings.

It reads one call a line, `["queue", 1000]`, and answers with a line of JSON each.
"""

import json
import logging
import sys
import time
from uuid import uuid4

import django

django.setup()

from django.conf import settings  # noqa: E402
from huey.contrib.djhuey import HUEY  # noqa: E402

from accounts.models import User  # noqa: E402
from outbox import tasks  # noqa: E402
from outbox.models import Job  # noqa: E402


def seconds_of(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def queue(count):
    """Queue so many calls for a worker; return what each took."""
    return [seconds_of(tasks.do_next_job) for _ in range(count)]


def drain():
    """Return how long it took until the queue was empty."""
    return seconds_of(lambda: wait_while(HUEY.pending_count))


def sign_up(count):
    """Save so many users with a mail to be sent, and no password to be hashed."""
    for _ in range(count):
        name = uuid4().hex
        User.objects.create(username=name, email=f"{name}@example.com", password="!")


def work():
    """Return how long it took until no job was left."""
    return seconds_of(lambda: wait_while(Job.objects.exists))


def wait_while(condition):
    while condition():
        time.sleep(0.02)


def repair():
    """Return how long the repair took."""
    return seconds_of(tasks.repair.call_local)


def flush():
    HUEY.flush()


def hashes(count):
    """Return what a password's hash takes of a processor, which every sign-up needs."""
    user = User()
    start = time.process_time()
    for _ in range(count):
        user.set_password("correct horse battery staple")
    return (time.process_time() - start) / count


CALLS = {call.__name__: call for call in [queue, drain, sign_up, work, repair, flush, hashes]}
settings.DEBUG = False  # or Django would keep each query
logging.disable(logging.INFO)
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(CALLS[name](*arguments)), flush=True)
