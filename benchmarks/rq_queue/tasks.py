from django.conf import settings
from redis import Redis
from rq import Queue, Retry

from benchmarks.work import work

queue = Queue(connection=Redis.from_url(settings.BROKER_URL))


def enqueue(number, seconds):
    queue.enqueue(work, number, seconds, retry=Retry(max=3), result_ttl=0)
