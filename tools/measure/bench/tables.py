"""The pages' tables of the benchmarks. Imports the standard library only, like publish/docs.py."""

from statistics import median, quantiles


def bench_table(record):
    """Return the most important ratios of a record as a Markdown table."""
    parts = record["parts"]
    lines = ["| what | ratio | n |", "| --- | ---: | ---: |"]
    lines += [f"| {what} | {figure} | {n} |" for what, figure, n in rows(parts)]
    return "\n".join(lines) + "\n"


def rows(parts):
    """Yield what is measured, its ratio as text, and of how many measurements it is."""
    seconds = parts["floor"]["seconds"]
    for step in ["Step 4", "Step 5"]:
        page, bare = seconds[f"{step}, upload"], seconds["bare, upload"]
        yield (
            f"{step}'s page with a picture ÷ a sign-up that only saves two rows, median (p95)",
            f"{median(page) / median(bare):.2f} ({p95(page) / p95(bare):.2f})",
            len(page),
        )
    crowds = parts["load"]["crowds"]
    hashing = median(crowds["hashing alone"]["per_second"])
    crowd = crowds["Step 5, its workers elsewhere"]
    most = max(crowd, key=int)
    yield (
        f"step 5's pages a second, {most} visitors at once ÷ password hashes a second",
        f"{median(crowd[most]['pages_per_second']) / hashing:.2f}",
        len(crowd[most]["pages_per_second"]),  # bursts
    )
    few, many = (
        parts["growth"]["seconds"][size] for size in ["10 users, 10 jobs", "1000000 users"]
    )
    for what in ["sign-up without its hash", "repair"]:
        yield (
            f"{what}, 1,000,000 users ÷ 10 users",
            f"{median(many[what]) / median(few[what]):.2f}",
            len(many[what]),
        )
    thumbnail = parts["pictures"]["costs"]["JPEG, 12 megapixels"]
    step, libvips = (
        median(cost["seconds"] for cost in thumbnail[way]) for way in ["step", "libvips"]
    )
    yield (
        "thumbnail of a JPEG of 12 megapixels ÷ the same with libvips",
        f"{step / libvips:.2f}",
        len(thumbnail["step"]),
    )


def queues_table(record):
    """Return what was measured of the queues as a Markdown table."""
    part = record["parts"]["queues"]
    settings = part["settings"]
    own_lines = f" + {settings['lines_of_the_outbox']}"
    lines = [
        "| queue | to queue a task | empty tasks a second | an idle worker has one after | idle CPU"
        f" | unfinished {settings['after_kill_seconds']} s after SIGKILL, of"
        f" {settings['killed_tasks']} | lines |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for name, queue in part["queues"].items():
        again = queue["done_again_seconds"]
        cells = [
            name,
            f"{median(queue['queueing_seconds']) * 1e6:.0f} µs",
            f"{queue['drained_per_second']:.0f}",
            f"{median(queue['pickup_seconds']) * 1000:.3g} ms",
            f"{queue['idle_cpu_percent']:.1f} %",
            f"{queue['unfinished']}" if again is None else f"0, all done after {again:.0f} s",
            f"{queue['lines']}{own_lines if name.startswith('outbox') else ''}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def p95(numbers):
    return quantiles(numbers, n=20, method="inclusive")[-1]
