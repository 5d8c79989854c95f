"""The timing log where every web server can read it: a list in Redis for each sign-up."""

import json
import logging
import time

from django.conf import settings
from redis import Redis, RedisError
from timing.records import WEEK, records_in_files

SILENCE_SECONDS = 0.25  # that Redis may take; a log must not delay a sign-up
PAUSE_SECONDS = 10  # without a try, when Redis did not answer


def connection(url):
    """Return a connection of the log's own: the broker's waits for longer."""
    options = {"socket_timeout": SILENCE_SECONDS, "socket_connect_timeout": SILENCE_SECONDS}
    return Redis.from_url(url, retry=None, **options)


def key(sign_up):
    return f"timings:{sign_up}"


class RedisHandler(logging.Handler):
    """Keeps each record in Redis for a week. While Redis is away, only the files have it."""

    def __init__(self, url):
        super().__init__()
        self.redis, self.try_again_at = connection(url), 0

    def emit(self, record):
        if time.monotonic() < self.try_again_at:
            return
        try:
            with self.redis.pipeline() as pipeline:
                pipeline.rpush(key(record.sign_up), self.format(record))
                pipeline.expire(key(record.sign_up), WEEK)
                pipeline.execute()
        except RedisError:
            self.try_again_at = time.monotonic() + PAUSE_SECONDS


def records_in_redis(user):
    """Yield all machines' records of the user's sign-up; this machine's, if Redis is away."""
    try:
        with connection(settings.TIMINGS_URL) as redis:
            records = redis.lrange(key(user.pk), 0, -1)
    except RedisError:
        yield from records_in_files(user)
        return
    for record in map(json.loads, records):
        # Two machines may have processes with the same number.
        yield record | {"process": f"{record['host']} {record['process']}"}
