"""The records of `bench` and `record cluster`, as tables. All times are in seconds."""

import json

import pandas as pd

from timing_log import DATA

BARE, UPLOAD = "bare", ", upload"
HASHING = "hashing alone"
REFERENCE = "Huey, SQLite"  # with which the other queues are compared


def load(name):
    """Return a record, "benchmarks" or "cluster", as it was written."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


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
    return pages.astype({"n": int})


def crowds(part):
    """Return a row for each site and crowd, with its number of bursts."""
    sites = {site: results for site, results in part["crowds"].items() if site != HASHING}
    rows = {
        (site, int(visitors)): crowd(result)
        for site, results in sites.items()
        for visitors, result in results.items()
    }
    table = pd.DataFrame(rows).T.rename_axis(["site", "at once"])
    table["÷ bare"] = table["a second"].div(table.loc[BARE, "a second"], level="at once")
    return table.astype({"bursts": int, "errors": int})


def servers(part):
    """Return a row for each step, server and number of threads."""
    table = pd.DataFrame({name: crowd(result) for name, result in part["servers"].items()}).T
    return table.astype({"bursts": int, "errors": int})


def crowd(result):
    """Return a row of the tables of crowds and servers."""
    seconds, rates = pd.Series(result["seconds"]), pd.Series(result["pages_per_second"])
    return {
        "bursts": len(rates),
        "median": seconds.median(),
        "p95": seconds.quantile(0.95),
        "errors": result["errors"],
        "a second": rates.median(),
    }


def hashes_a_second(part):
    """Return how many passwords the machine hashed in a second, doing nothing else."""
    return pd.Series(part["crowds"][HASHING]["per_second"]).median()


def growth(part):
    """Return the median of each piece of work ÷ its median with the fewest users and jobs."""
    medians = pd.DataFrame(part["seconds"]).map(lambda seconds: pd.Series(seconds).median())
    return medians.div(medians["10 users, 10 jobs"], axis=0)


def drained(part):
    """Return the median mails and pictures a second, by the kind and number of workers."""
    rates = {name: pd.DataFrame(runs).median() for name, runs in part["drain"].items()}
    return pd.DataFrame(rates).T.set_axis(["mails a second", "pictures a second"], axis=1)


def leases(part):
    """Return how many leases after a kill the interrupted work began again, in each run."""
    settings = part["settings"]
    began_again = pd.Series(part["killed"]) - settings["interrupted_work_seconds"]
    return began_again / settings["lease_seconds"]


def pictures(part):
    """Return what a thumbnail costs: by picture, medians in seconds and megabytes, and ratios."""
    rows = {}
    for name, ways in part["costs"].items():
        medians = {way: pd.DataFrame(costs).median() for way, costs in ways.items()}
        step, libvips = medians["step"], medians["libvips"]
        rows[name] = {
            "seconds": step["seconds"],
            "÷ bare decoding": step["seconds"] / medians["decode"]["seconds"],
            "÷ libvips": step["seconds"] / libvips["seconds"],
            "MB": step["bytes"] / 1e6,
            "MB, libvips": libvips["bytes"] / 1e6,
        }
    return pd.DataFrame(rows).T


def queues(part):
    """Return a row for each queue; what never came back within the record's limit is NaN.

    What queueing costs is compared with the queue of step 4.
    """
    rows = {
        name: {
            "to queue": pd.Series(found["queueing_seconds"]).median(),
            "done a second": found["drained_per_second"],
            "idle pick-up, ms": pd.Series(found["pickup_seconds"]).median() * 1000,
            "idle CPU, %": found["idle_cpu_percent"],
            "lost": found["unfinished"],
            "done again, s": found["done_again_seconds"],
            "lines": found["lines"],
        }
        for name, found in part["queues"].items()
    }
    table = pd.DataFrame(rows).T.astype(float)
    table["to queue"] /= table.loc[REFERENCE, "to queue"]
    return table.rename(columns={"to queue": f"to queue ÷ {REFERENCE}"})


def rates(record):
    """Return how many mails a second so many consumers sent: by their number and the queue."""
    found = {name: queue["jobs_a_second"] for name, queue in record["queues"].items()}
    return by_number(found, "consumers")


def signed_up(record):
    """Return how many sign-ups a second were answered, by the size of the crowd and web servers."""
    found = record["pages"]["a_second"]
    names = {"1": "1 web server"} | {n: f"{n} web servers" for n in found if n != "1"}
    return by_number(found, "visitors at once").rename(columns=names)


def by_number(found, name):
    """Return a table with whole numbers, which JSON keeps as text, as its index."""
    table = pd.DataFrame(found)
    return table.set_axis(table.index.astype(int)).rename_axis(name)


def faults(record):
    """Return a row with the outcome of each fault."""
    table = pd.DataFrame(record["faults"]).T
    return table.astype(dict.fromkeys(table.columns.drop("seconds"), int)).round(1)


def repair(record):
    """Return what a repair takes with "few" and with "many" users and jobs: the fastest runs."""
    return pd.DataFrame(record["repair"]["seconds"]).min()


def paper(record, a_day, peak):
    """Return what so many sign-ups a day take, if the busiest second has `peak` times the mean.

    Each sign-up has a mail and a picture, and a picture's job is assumed to cost as much as a
    mail's.
    """
    page, job = record["pages"]["cpu"], record["queues"]["Redis"]["cpu_of_a_job"]
    waits = record["settings"]["joke_delay"] + record["settings"]["mail_delay"]
    rate = a_day / (24 * 3600) * peak
    return pd.Series(
        {
            "sign-ups in the busiest second": rate,
            "processors: web servers": rate * (page["web-1"] + page["web-2"]),
            "processors: of these, for hashes": rate * record["pages"]["hash"],
            "processors: PostgreSQL": rate * (page["postgres"] + 2 * job["postgres"]),
            "processors: Redis": rate * (page["redis"] + 2 * job["redis"]),
            "workers that wait for the mail": rate * waits,
            "rows, GB a year": record["pages"]["bytes"] * a_day * 365 / 1e9,
        }
    )
