from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from benchmarks.work import work


@app.task(retry=RetryStrategy(max_attempts=8, exponential_wait=2))
def run(number, seconds):
    work(number, seconds)


# https://procrastinate.readthedocs.io/en/stable/howto/production/retry_stalled_jobs.html
# Every minute, as the outbox's repair; the documentation has every tenth.
@app.periodic(cron="* * * * *")
@app.task(queueing_lock="retry_stalled_jobs", pass_context=True)
async def retry_stalled_jobs(context, timestamp):
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.retry_job(job)


def enqueue(number, seconds):
    run.defer(number=number, seconds=seconds)
