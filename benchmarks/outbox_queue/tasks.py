from django.db import transaction

from benchmarks.work import work
from outbox.tasks import add_job


def run(key):
    number, seconds = key.split()
    work(int(number), float(seconds))


def enqueue(number, seconds):
    with transaction.atomic():  # in a site, the transaction that saves the rows
        add_job("work", f"{number} {seconds}")
