"""The steps' timing logs: load them, join each piece of work with its sign-up, and count.

All times are in seconds.
"""

import json
from pathlib import Path

import pandas as pd
from timing.records import read
from timing.sign_up import lane_of

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "notebooks" / "data"
STEPS = sorted(path.name for path in ROOT.glob("step[1-9]_*"))
REST = "the rest"  # of a request: what no piece of work is logged for
JOBS = {"fetch joke": "mail", "send mail": "mail", "resize picture": "picture"}
FIRST_WORK = ["fetch joke", "resize picture"]  # what a job begins with
LAST_WORK = ["send mail", "resize picture"]  # what ends it


# Load


def load(run, own=False, steps=None, interrupted=False):
    """Return the records of a recorded run, or of `own` sign-ups in the steps' var/ folders.

    A row is a piece of work that has ended. Beside what was logged, it says when the work `began`
    and `ended`, counted from the beginning of its sign-up's request, and in which `lane` it ran:
    the request's thread ("request"), another thread, or a worker process. With `steps`, only
    theirs. Raises FileNotFoundError when one of them has no logs.

    With `interrupted`, there is also a row for work that has begun and not ended; when it `ended`
    and what `elapsed` is missing (NaN).
    """
    paths = ROOT.glob("step*/var/timings.*.jsonl*") if own else [DATA / f"{run}.jsonl"]
    records = [record for path in sorted(paths) for record in read(path)[0]]
    records = [record for record in records if record["end"] or interrupted]
    if missing := set(steps or []).difference(record["step"] for record in records):
        raise FileNotFoundError(f"No timing logs of {', '.join(sorted(missing))}: sign up there.")
    log = join(pd.DataFrame(records))
    return log[log["step"].isin(steps or log["step"])]


def recorded(run):
    """Return the settings that a run was recorded with."""
    return json.loads((DATA / "recorded.json").read_text(encoding="utf-8"))["runs"][run]["settings"]


def losses():
    """Return the least and the most that was lost when servers were stopped, by step and way."""
    lost = json.loads((DATA / "losses.json").read_text(encoding="utf-8"))["lost"]
    runs = [
        {"step": step, "way": way, "mails": run["mails_lost"], "thumbnails": run["thumbnails_lost"]}
        for step, ways in lost.items()
        for way, results in ways.items()
        for run in results
    ]
    return pd.DataFrame(runs).groupby(["step", "way"], sort=False).agg(["min", "max"])


def join(records):
    """Return the records of all sign-ups whose request has ended, each with what it says of it."""
    requests = records[records["event"] == "sign-up"].drop_duplicates("sign_up")
    requests = requests.set_index("sign_up")[["start", "process", "threadName"]]
    log = records.join(requests.add_prefix("request_"), on="sign_up", how="inner")
    by_sign_up = requests.to_dict("index")
    log["lane"] = [lane_of(r, by_sign_up[r["sign_up"]]) for r in log.to_dict("records")]
    log["began"] = log["start"] - log["request_start"]
    log["ended"] = log["end"] - log["request_start"]
    return log.sort_values("start", ignore_index=True)


# Count


def sign_ups(log):
    """Return a row for each sign-up: step, username, when the page was back, when all was done."""
    groups = log.groupby("sign_up", sort=False)
    pages = log[log["event"] == "sign-up"].set_index("sign_up")
    return pages[["step", "username"]].assign(page=pages["elapsed"], done=groups["ended"].max())


def typical(log):
    """Return the records of the sign-up whose page was back after the median time."""
    pages = sign_ups(log)["page"].sort_values()
    return log[log["sign_up"] == pages.index[(len(pages) - 1) // 2]]


def saved_rows(log):
    """Return when each step's user and profile were saved, by step and event: median times.

    `began` and `ended` count from the call of user.save().
    """
    work = log[log["event"].isin(["save user", "create profile"])]
    called = work.groupby("sign_up")["start"].transform("min")
    work = work.assign(began=work["start"] - called, ended=work["end"] - called)
    return work.groupby(["step", "event"])[["began", "ended"]].median()


def waited_for(log):
    """Return the median of each piece of work that the visitors waited for, by step, in order.

    Work within other work, such as "create profile" within "save user", is taken out of that one.
    "The rest" fills up to the median of the page's time; mostly no piece of work is logged for it.
    """
    work = log[(log["lane"] == "request") & (log["event"] != "sign-up")].reset_index()
    pairs = work.merge(work, on="sign_up", suffixes=("", "_outer"))
    within = pairs[
        (pairs["start"] >= pairs["start_outer"])
        & (pairs["end"] <= pairs["end_outer"])
        & (pairs["event"] != pairs["event_outer"])
    ]
    inner = within.groupby("index_outer")["elapsed"].sum()
    work["own"] = work["elapsed"] - work["index"].map(inner).fillna(0)
    by_sign_up = work.groupby(["step", "sign_up", "event"])["own"].sum().unstack(fill_value=0)
    ranks = work.groupby("sign_up")["began"].rank()
    in_order = ranks.groupby(work["event"]).median().sort_values().index
    pages = log[log["event"] == "sign-up"].set_index(["step", "sign_up"])["elapsed"]
    pieces = by_sign_up.groupby("step").median()[in_order]
    # So that all pieces add up to the page's own median: the medians of parts alone don't.
    return pieces.assign(**{REST: pages.groupby("step").median() - pieces.sum(axis=1)})


def level(up, down):
    """Return how many there are over time, where one comes at each `up` and goes at each `down`."""
    changes = pd.concat([pd.Series({0.0: 0}), pd.Series(1, index=up), pd.Series(-1, index=down)])
    return changes.groupby(level=0).sum().sort_index().cumsum()


def under_way(log, events):
    """Return how many jobs with these pieces of work were under way in the seconds of a burst."""
    work = log[log["event"].isin(events)]
    burst = log["request_start"].min()
    # A joke and its mail are one job, and so are not counted as two.
    jobs = work.groupby(["sign_up", work["event"].map(JOBS)])
    return level(jobs["start"].min() - burst, jobs["end"].max() - burst)


def waiting(log):
    """Return how many tasks waited in the queue, over the seconds of a burst."""
    burst = log["request_start"].min()
    queued = log[log["event"] == "queue"]
    begun = log[log["event"].isin(FIRST_WORK) & (log["lane"] != "request")]
    return level(queued["start"] - burst, begun["start"] - burst)


def drained(log):
    """Return how many seconds after the first request of a burst everything was done."""
    return log["end"].max() - log["request_start"].min()


def mail_waits(log):
    """Return how long each mail waited, from its queueing until a worker began with it."""
    starts = log.groupby(["sign_up", "event"])["start"].min().unstack()
    return starts["fetch joke"] - starts["queue"]  # the mail is queued first


def after_kill(log, killed_at):
    """Return what a kill of the workers did to each job: a row for each mail and each picture.

    `cut_off`: the kill interrupted it; `done`: it was done in the end; `began` and `again`: when it
    first began and when it began again, in seconds since the kill, for those cut off (NaN: never).
    """
    work = log[log["event"].isin(JOBS)]
    work = work.assign(job=work["event"].map(JOBS)).set_index(["sign_up", "job"])
    ended = work[work["event"].isin(LAST_WORK) & work["end"].notna() & (work["error"] == "")]
    killed = work["process"].iloc[0]  # the first to work
    began, again = (
        rows.groupby(level=[0, 1])["start"].min() - killed_at
        for rows in [work[work["process"] == killed], work[work["process"] != killed]]
    )
    jobs = pd.MultiIndex.from_product([log["sign_up"].unique(), ["mail", "picture"]])
    cut_off = jobs.isin(began.index) & ~jobs.isin(ended.index[ended["process"] == killed])
    table = pd.DataFrame({"cut_off": cut_off, "done": jobs.isin(ended.index)}, index=jobs)
    return table.assign(
        **{
            name: times.reindex(jobs).where(cut_off)
            for name, times in [("began", began), ("again", again)]
        }
    )


def p95(seconds):
    """Return the 95th percentile."""
    return seconds.quantile(0.95)


def duration(seconds):
    """Return a duration in words: below a tenth of a second in milliseconds."""
    if seconds < 0.1:
        return f"{1000 * seconds:.2g} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
