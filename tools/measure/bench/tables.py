"""The pages' table of the queues. Imports the standard library only, like publish/docs.py."""

from statistics import median


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
