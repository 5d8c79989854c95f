"""The steps' timing logs: load them, join each piece of work with its sign-up, and draw.

All times are in seconds.
"""

import json
import math
import re
from pathlib import Path

import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from timing.records import read
from timing.sign_up import lane_of

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "notebooks" / "data"
STEPS = sorted(path.name for path in ROOT.glob("step[1-9]_*"))
STYLE = ROOT / "kit" / "timing" / "static" / "timing" / "timeline.css"
# One colour for each piece of work, from the style sheet of the page's timeline.
_, RULES = STYLE.read_text(encoding="utf-8").split("One colour for each piece of work")
COLOURS = {
    name.replace("-", " "): colour
    for name, colour in re.findall(r"--([a-z-]+): (#\w{6});", RULES.split("}")[0])
}
REST = "the rest"  # of a request: what no piece of work is logged for
SINCE_FIRST = "seconds since the first request reached the site"
ROW_OF_NAMES = 7  # of a legend, at most
JOBS = {"fetch joke": "mail", "send mail": "mail", "resize picture": "picture"}
FIRST_WORK = ["fetch joke", "resize picture"]  # what a job begins with
JOB_HEIGHTS = {"mail": -0.2, "picture": 0.2}  # in a visitor's row
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
    """Return what was lost when servers were stopped: by step and way, the least and the most."""
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


def waited_for(log):
    """Return what the visitors waited for: the medians of each piece of work, by step, in order.

    Work within other work, such as "create profile" within "save user", is taken out of that one.
    What is missing to the median of the page's time is "the rest", mostly what no piece of work is
    logged for.
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
    first began and when anew, in seconds since the kill, for those cut off (NaN: never).
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


# Draw


def draw_lanes(ax, records):
    """Draw one sign-up: a row for each thread or process, a line where the page came back.

    A bar is a piece of work. One within another, such as a receiver within save(), is half as high.
    """
    request = records[records["event"] == "sign-up"].iloc[0]
    work = records[records["event"] != "sign-up"]
    lanes = sorted(work["lane"].unique(), key=lambda lane: (lane != "request", lane))
    draw_bars(ax, work, lanes)
    ax.axvline(request["ended"], color="black", linestyle="--")
    ax.annotate(
        f"the page is back, {request['ended']:.2f} s",
        (request["ended"], 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        annotation_clip=True,
        horizontalalignment="right" if request["ended"] > records["ended"].max() / 2 else "left",
    )
    ax.set(yticks=range(len(lanes)), yticklabels=lanes, ylim=(len(lanes) - 0.5, -0.5))
    ax.set(xlabel="seconds since the request reached the site", xlim=(0, None))


def draw_rows_being_saved(ax, records):
    """Draw how one sign-up saves user and profile, in milliseconds since user.save() was called."""
    work = records[records["event"].isin(["save user", "create profile"])]
    draw_bars(ax, work, ["request"], since=work["began"].min(), unit=0.001)
    ax.set(yticks=[0], yticklabels=["request"], ylim=(0.5, -0.5))


def draw_bars(ax, work, lanes, since=0, unit=1):
    """Draw a bar for each piece of work, in its lane; one within another is half as high."""
    for event in COLOURS:
        for record in work[work["event"] == event].itertuples():
            outer = (work["began"] < record.began) & (work["ended"] > record.ended)
            ax.barh(
                lanes.index(record.lane),
                record.elapsed / unit,
                left=(record.began - since) / unit,
                height=0.3 if outer[work["lane"] == record.lane].any() else 0.6,
                color=COLOURS[event],
                label=event,
            )


def draw_stack(ax, seconds):
    """Draw a bar for each row of `seconds`, its pieces of work one on the other."""
    colours = COLOURS | {REST: "#dddddd"}
    seconds.plot.barh(stacked=True, ax=ax, color=colours, width=0.6, legend=False)
    totals = [f"{total:.3g} s" for total in seconds.sum(axis=1)]
    ax.bar_label(ax.containers[-1], totals, padding=4)
    ax.invert_yaxis()
    ax.set(xlabel="seconds", ylabel="")


def draw_points(ax, groups, colour="black", xscale="linear"):
    """Draw every point of each group, beside its median (solid) and 95th percentile (dotted)."""
    for row, values in enumerate(groups.values()):
        # One below the other in order of time, or points of the same value would hide each other.
        heights = [row - 0.3 + 0.6 * (i + 0.5) / len(values) for i in range(len(values))]
        ax.plot(values, heights, "o", color=colour, alpha=0.35, markersize=5)
        ax.vlines(values.median(), row - 0.4, row + 0.4, color=colour)
        ax.vlines(p95(values), row - 0.4, row + 0.4, color=colour, linestyle=":")
        words = f"median {values.median():.3g} s\np95 {p95(values):.3g} s"
        ax.text(1.02, row, words, transform=ax.get_yaxis_transform(), verticalalignment="center")
    ax.set(yticks=range(len(groups)), yticklabels=groups, ylim=(len(groups) - 0.5, -0.5))
    ax.set(xlabel="seconds", xscale=xscale)
    if xscale == "log":
        draw_log_ticks(ax.xaxis)
    else:
        ax.set_xlim(0, 1.05 * max(values.max() for values in groups.values()))


def draw_level(ax, counts, **options):
    """Draw a count over time."""
    ax.step(counts.index, counts, where="post", **options)
    ax.set(xlabel=SINCE_FIRST, xlim=(0, None), ylim=(0, None))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))


def draw_kill(ax, log, killed_at, restarted_at):
    """Draw the jobs of a run with a kill: a row for each visitor, the mail above the picture."""
    first = log["request_start"].min()
    rows = {name: number for number, name in enumerate(log["sign_up"].unique())}
    heights = {(name, job): row + y for name, row in rows.items() for job, y in JOB_HEIGHTS.items()}
    ax.axvspan(killed_at - first, restarted_at - first, color="#dddddd", label="no worker runs")
    for record in log[log["event"].isin(JOBS)].itertuples():
        ax.barh(
            heights[record.sign_up, JOBS[record.event]],
            (killed_at if pd.isna(record.end) else record.end) - record.start,
            left=record.start - first,
            height=0.34,
            color=COLOURS[record.event],
            label=record.event,
        )
    jobs = after_kill(log, killed_at)
    cut_off = [heights[key] for key in jobs.index[jobs["cut_off"]]]
    ax.plot([killed_at - first] * len(cut_off), cut_off, "kX", markersize=9, label="cut off")
    for key in jobs.index[~jobs["done"]]:
        where = (restarted_at - first, heights[key])
        words = f"the {key[1]} is lost"
        ax.annotate(words, where, (4, 0), textcoords="offset points", verticalalignment="center")
    ax.set(yticks=range(len(rows)), yticklabels=[f"visitor {row + 1}" for row in rows.values()])
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=SINCE_FIRST)


def draw_losses(ax, losses):
    """Draw the largest loss of each step and way, labelled with the smallest and largest."""
    most = losses["max"].unstack(sort=False)
    most.plot.barh(ax=ax, color=["#bbbbbb", "#777777", "#000000"], width=0.8, legend=False)
    for bars, way in zip(ax.containers, most, strict=True):
        runs = losses.xs(way, level="way").itertuples()
        spans = [f"{run.min}" if run.min == run.max else f"{run.min}-{run.max}" for run in runs]
        ax.bar_label(bars, spans, padding=3)
    ax.invert_yaxis()
    ax.set(ylabel="")


def draw_curves(ax, pictures, column):
    """Draw what pictures of each format cost, by their megapixels.

    Every point, beside the medians (solid) and 95th percentiles (dotted).
    """
    for (kind, rows), marker in zip(pictures.groupby("format"), "os", strict=True):
        sizes = rows.groupby("megapixels")[column]
        [line] = ax.plot(sizes.median(), label=kind)
        ax.plot(p95(sizes), color=line.get_color(), linestyle=":")
        ax.plot(rows["megapixels"], rows[column], marker, color=line.get_color(), alpha=0.5)
    ax.legend()
    ax.set(xlabel="megapixels", xscale="log", yscale="log")
    draw_log_ticks(ax.xaxis)
    draw_log_ticks(ax.yaxis)
    ax.set_xticks(sorted(set(pictures["megapixels"])))


def draw_log_ticks(axis):
    """Label a logarithmic axis with plain numbers: 1, 2, 5, 10 and so on."""
    axis.set_major_locator(LogLocator(subs=[1, 2, 5]))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def draw_legend(ax):
    """Name what the figure shows, once each, below it."""
    named = {}
    for each in ax.figure.axes:
        handles, labels = each.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    named = {name: named.pop(name) for name in COLOURS if name in named} | named
    columns = len(named) if len(named) <= ROW_OF_NAMES else math.ceil(len(named) / 2)
    ax.figure.legend(named.values(), named, loc="outside lower center", ncols=columns)
