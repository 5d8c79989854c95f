"""Queue tasks on the queue whose settings module DJANGO_SETTINGS_MODULE names, for queues.py."""

import os
import time
from importlib import import_module

from django.conf import settings
from django.core.management import call_command

package = os.environ["DJANGO_SETTINGS_MODULE"].rpartition(".")[0]
enqueue = import_module(f"{package}.tasks").enqueue


def prepare():
    """Make the queue's tables; return the command of a worker, and how many of it are to run."""
    call_command("migrate", verbosity=0)
    return [settings.WORKER, settings.WORKER_PROCESSES]


def queue(numbers, seconds):
    """Queue tasks that sleep so long; return when each call began and how long it took."""
    calls = []
    for number in numbers:
        at, start = time.time(), time.perf_counter()
        enqueue(number, seconds)
        calls.append([at, time.perf_counter() - start])
    return calls


QUESTIONS = {"prepare": prepare, "queue": queue}
