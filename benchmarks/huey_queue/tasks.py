from huey.contrib.djhuey import db_task

from benchmarks.work import work

run = db_task(retries=8, retry_delay=1)(work)


def enqueue(number, seconds):
    run(number, seconds)
