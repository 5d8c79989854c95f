"""Queue tasks on the queue whose settings module DJANGO_SETTINGS_MODULE names, for queues.py."""

import os
import time
from importlib import import_module

package = os.environ["DJANGO_SETTINGS_MODULE"].rpartition(".")[0]
enqueue = import_module(f"{package}.tasks").enqueue


def queue(numbers, seconds=0):
    """Queue tasks that sleep so long; return when each call began and how long it took."""
    calls = []
    for number in numbers:
        at, start = time.time(), time.perf_counter()
        enqueue(number, seconds)
        calls.append([at, time.perf_counter() - start])
    return calls


QUESTIONS = {"queue": queue}
