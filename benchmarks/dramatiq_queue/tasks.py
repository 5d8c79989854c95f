import dramatiq
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker

from benchmarks.work import work

dramatiq.set_broker(RedisBroker(url=settings.BROKER_URL))


@dramatiq.actor
def run(number, seconds):
    work(number, seconds)


def enqueue(number, seconds):
    run.send(number, seconds)
