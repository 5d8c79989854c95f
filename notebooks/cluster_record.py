"""What `python workshop.py record cluster` measured: tables of it, and plots. Times in seconds."""

import json
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parent / "data" / "cluster.json"
DAY = 24 * 3600
MARKERS = ["o", "s", "^"]


def load():
    """Return the record as it was written."""
    return json.loads(DATA.read_text(encoding="utf-8"))


def queueing(record):
    """Return what it takes to queue one call: a row for each queue, in seconds."""
    return pd.DataFrame({name: found["queue"] for name, found in record["queues"].items()}).T


def rates(record, what):
    """Return how many "calls" or "jobs" a second were done: a row for each number of consumers."""
    table = pd.DataFrame(
        {name: found[f"{what}_a_second"] for name, found in record["queues"].items()}
    )
    return by_number(table).rename_axis("consumers")


def waits(record, quantile):
    """Return what sign-ups waited for their page: visitors at once by number of web servers."""
    table = {
        f"{servers} web server{'s' if servers != '1' else ''}": {
            visitors: pd.Series(seconds).quantile(quantile) for visitors, seconds in runs.items()
        }
        for servers, runs in record["pages"]["seconds"].items()
    }
    return by_number(pd.DataFrame(table)).rename_axis("visitors at once")


def signed_up(record):
    """Return how many sign-ups a second were answered, in the same shape."""
    return by_number(pd.DataFrame(record["pages"]["a_second"])).rename_axis("visitors at once")


def by_number(table):
    """Return the table with whole numbers, which JSON keeps as text, as its index."""
    return table.set_axis(table.index.astype(int))


def faults(record):
    """Return what came of each fault: a row each."""
    table = pd.DataFrame(record["faults"]).T
    return table.astype(dict.fromkeys(table.columns.drop("seconds"), int)).round(1)


def paper(record, a_day, peak):
    """Return what so many sign-ups a day take, if the busiest second has `peak` times the mean.

    Each sign-up has a mail and a picture, and a picture's job is taken to cost what a mail's does.
    """
    pages, queue = record["pages"]["cpu"], record["queues"]["Redis"]
    settings = record["settings"]
    rate = a_day / DAY * peak
    job = settings["joke_delay"] + settings["mail_delay"]
    cores = {
        part: rate * (pages[part] + 2 * queue["cpu_of_a_job"][part])
        for part in ["postgres", "redis"]
    }
    return pd.Series(
        {
            "sign-ups in the busiest second": rate,
            "processors: web servers": rate * (pages["web-1"] + pages["web-2"]),
            "processors: of these, for hashes": rate * record["pages"]["hash"],
            "processors: PostgreSQL": cores["postgres"],
            "processors: Redis": cores["redis"],
            "workers that wait for the mail": rate * job,
            "rows, GB a year": record["pages"]["bytes"] * a_day * 365 / 1e9,
        }
    )


def draw_rates(ax, table, title):
    """Draw how much is done a second by how many consumers; dotted: in proportion to them."""
    for (name, rate), marker in zip(table.items(), MARKERS, strict=True):
        [line] = ax.plot(table.index, rate, marker=marker, label=name)
        in_proportion = rate.iloc[0] * table.index / table.index[0]
        ax.plot(table.index, in_proportion, ":", color=line.get_color(), alpha=0.5)
    ax.set(title=title, xlabel=table.index.name, xticks=table.index, ylim=(0, None))
    ax.set_ylabel("a second")


def draw_waits(ax, table, p95):
    """Draw medians (solid) and 95th percentiles (dotted) by the number of visitors at once."""
    for (name, seconds), marker in zip(table.items(), MARKERS, strict=False):
        [line] = ax.plot(table.index, seconds, marker=marker, label=name)
        ax.plot(table.index, p95[name], ":", marker=marker, color=line.get_color(), alpha=0.6)
    ax.set(xlabel=table.index.name, ylabel="seconds", xticks=table.index, ylim=(0, None))


def draw_faults(ax, table):
    """Draw when all work was done after each fault."""
    bars = ax.barh(table.index, table["seconds"], color="#777777")
    ax.bar_label(bars, [f"{seconds:.0f} s" for seconds in table["seconds"]], padding=3)
    ax.invert_yaxis()
    ax.set(xlabel="seconds from the fault until all work was done")
