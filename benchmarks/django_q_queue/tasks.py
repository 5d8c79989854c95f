from django_q.tasks import async_task


def enqueue(number, seconds):
    async_task("benchmarks.work.work", number, seconds)
