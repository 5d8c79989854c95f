"""The record of the benchmarks: load it as tables. Times are in seconds unless a name says so."""

import json
from pathlib import Path

import pandas as pd

PATH = Path(__file__).parent / "data" / "benchmarks.json"
BARE, UPLOAD = "bare", ", upload"
FEWEST = "10 users, 10 jobs"
HASHING = "hashing alone"
ALONE = ", its workers elsewhere"


def load():
    """Return the whole record."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def floor(part):
    """Return each page's median and 95th percentile ÷ those of a bare sign-up like it."""
    pages = pd.DataFrame(
        {
            name: {"median": pd.Series(s).median(), "p95": pd.Series(s).quantile(0.95), "n": len(s)}
            for name, s in part["seconds"].items()
        }
    ).T
    bare = [BARE + (UPLOAD if name.endswith(UPLOAD) else "") for name in pages.index]
    pages["÷ bare, median"] = pages["median"] / pages.loc[bare, "median"].to_numpy()
    pages["÷ bare, p95"] = pages["p95"] / pages.loc[bare, "p95"].to_numpy()
    return pages


def crowds(part):
    """Return a row for each step and number of visitors at once."""
    hashing = pd.Series(part["crowds"][HASHING]["per_second"]).median()
    rows = [
        (name, int(visitors), *crowd(result, hashing))
        for name, results in part["crowds"].items()
        if name != HASHING
        for visitors, result in results.items()
    ]
    columns = ["site", "at once", *CROWD]
    return pd.DataFrame(rows, columns=columns).set_index(["site", "at once"])


def servers(part):
    """Return a row for each server and step."""
    hashing = pd.Series(part["crowds"][HASHING]["per_second"]).median()
    rows = {name: crowd(result, hashing) for name, result in part["servers"].items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=CROWD)


CROWD = ["median", "p95", "errors", "pages a second", f"÷ {HASHING}"]


def crowd(result, hashing):
    seconds = pd.Series(result["seconds"])
    pages = pd.Series(result["pages_per_second"]).median()
    return seconds.median(), seconds.quantile(0.95), result["errors"], pages, pages / hashing


def growth(part):
    """Return the medians of each piece of work (rows) ÷ that with the fewest users and jobs."""
    medians = pd.DataFrame(part["seconds"]).map(lambda seconds: pd.Series(seconds).median())
    return medians.div(medians[FEWEST], axis=0)


def drained(part):
    """Return the median mails and pictures a second, by the kind and number of workers."""
    rates = {name: pd.DataFrame(runs).median() for name, runs in part["drain"].items()}
    return pd.DataFrame(rates).T


def pictures(part):
    """Return what a thumbnail costs: by picture, medians in seconds and megabytes, and ratios."""
    rows = {}
    for name, ways in part["costs"].items():
        seconds = {way: pd.DataFrame(costs)["seconds"].median() for way, costs in ways.items()}
        peaks = {way: pd.DataFrame(costs)["bytes"].median() for way, costs in ways.items()}
        rows[name] = {
            "÷ libvips": seconds["step"] / seconds["libvips"],
            "÷ bare decoding": seconds["step"] / seconds["decode"],
            "seconds": seconds["step"],
            "MB": peaks["step"] / 1e6,
            "MB, libvips": peaks["libvips"] / 1e6,
        }
    return pd.DataFrame(rows).T


def queues(part):
    """Return a row for each queue; what never came back within the record's limit is NaN."""
    rows = {
        name: {
            "µs to queue": pd.Series(found["queueing_seconds"]).median() * 1e6,
            "done a second": found["drained_per_second"],
            "idle pick-up, ms": pd.Series(found["pickup_seconds"]).median() * 1000,
            "idle CPU, %": found["idle_cpu_percent"],
            "lost": found["unfinished"],
            "done again, s": found["done_again_seconds"],
            "lines": found["lines"],
        }
        for name, found in part["queues"].items()
    }
    return pd.DataFrame(rows).T.astype(float)


def aim(what, value, most):
    """Return in words whether a ratio is at most what it should be, and by how much it is not."""
    if value <= most:
        return f"{what}: {value:.2f}, at most {most} was the aim: reached"
    return f"{what}: {value:.2f}, at most {most} was the aim: missed by {value - most:.2f}"
