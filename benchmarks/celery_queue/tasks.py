from celery import Celery

from benchmarks.work import work

app = Celery("benchmarks")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(autoretry_for=[Exception], retry_backoff=True)
def run(number, seconds):
    work(number, seconds)


def enqueue(number, seconds):
    run.delay(number, seconds)
