from django_tasks import task

from benchmarks.work import work


@task()
def run(number, seconds):
    work(number, seconds)


def enqueue(number, seconds):
    run.enqueue(number, seconds)
