"""The notebooks' plots. Each function draws one figure, with a title that the notebook computes."""

import math
import re

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from timing_log import JOBS, REST, ROOT, after_kill, duration, p95

STYLE = ROOT / "kit" / "timing" / "static" / "timing" / "timeline.css"
# One colour for each piece of work, from the style sheet of the page's timeline.
COLOURS = {
    name.replace("-", " "): colour
    for name, colour in re.findall(r"--([a-z-]+): (#\w{6});", STYLE.read_text(encoding="utf-8"))
}
COLOURS["resize picture"] = COLOURS.pop("resize picture")  # the last piece of work comes last
COLOURS[REST] = "#dddddd"
DARK = ["create profile", "send mail", "resize picture"]  # colours for white letters
LETTER = 0.011  # its width, as a share of the axis's
ROW_OF_NAMES = 7  # in a legend, at most
JOB_HEIGHTS = {"mail": -0.2, "picture": 0.2}  # in a visitor's row
SINCE_FIRST = "seconds since the first request reached the site"


class TitledFigure(Figure):
    """A figure that is its title where only text is shown, as in a notebook's outputs."""

    def __repr__(self):
        return self.get_suptitle()


def new_figure(title, rows=1, columns=1, height=3.6, **options):
    """Return the axes of a new figure with this title."""
    options |= {"FigureClass": TitledFigure, "figsize": (9, height), "squeeze": False}
    figure, axes = plt.subplots(rows, columns, **options)
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontweight="bold")
    return axes.flatten()


# The work of a sign-up


def lanes(title, sign_ups):
    """Draw a sign-up of each step: a row for each thread or process, a line at the page's return.

    A bar is a piece of work. One within another, such as a receiver within save(), is half as high.
    """
    rows = {step: work_by_lane(records) for step, records in sign_ups.items()}
    heights = [len(lanes) + 0.4 for lanes in rows.values()]
    height = 1.2 + 0.7 * sum(heights)
    axes = new_figure(title, len(rows), height=height, sharex=True, height_ratios=heights)
    end = max(records["ended"].max() for records in sign_ups.values())
    for ax, (step, lanes) in zip(axes, rows.items(), strict=True):
        for row, work in enumerate(lanes.values()):
            draw_bars(ax, row, work, end)
        draw_return(ax, sign_ups[step], end)
        ax.set_title(step if len(rows) > 1 else "")
        ax.set(yticks=range(len(lanes)), yticklabels=lanes, ylim=(len(lanes) - 0.5, -0.5))
    axes[-1].set(xlabel="seconds since the request reached the site", xlim=(0, 1.02 * end))
    draw_legend(axes[-1].figure)


def work_by_lane(records):
    """Return the records of each lane, sorted by the work that it does."""
    work = records[records["event"] != "sign-up"]
    order = work["event"].map(list(COLOURS).index)
    first = order.groupby(work["lane"]).min().sort_values(kind="stable")
    return {lane: work[work["lane"] == lane] for lane in first.index}


def draw_bars(ax, row, work, end):
    """Draw a bar for each piece of work; one within another is half as high."""
    for record in work.sort_values("began").itertuples():
        outer = (work["began"] < record.began) & (work["ended"] > record.ended)
        inner = (work["began"] > record.began) & (work["ended"] < record.ended)
        height = 0.3 if outer.any() else 0.6
        whole = math.inf if inner.any() else end
        draw_bar(ax, row, record.began, record.ended - record.began, record.event, height, whole)


def draw_bar(ax, row, start, length, event, height, whole):
    """Draw a piece of work, with its name on it if it is long enough; the legend has the others."""
    has_room = LETTER * len(event) < length / whole
    colour = COLOURS[event]
    ax.barh(row, length, height, start, color=colour, label=f"_{event}" if has_room else event)
    if has_room:
        letters = "white" if event in DARK else "black"
        options = {"ha": "center", "va": "center", "fontsize": 9}
        ax.text(start + length / 2, row, event, color=letters, **options)


def draw_return(ax, records, end):
    """Draw a line where the page was back."""
    back = records.loc[records["event"] == "sign-up", "ended"].iloc[0]
    ax.axvline(back, color="black", linestyle="--")
    ax.annotate(
        f"page back: {duration(back)}",
        (back, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if back > end / 2 else 3, 3),
        textcoords="offset points",
        annotation_clip=True,
        horizontalalignment="right" if back > end / 2 else "left",
    )


def stack(title, seconds):
    """Draw a bar for each row of `seconds`, its pieces of work one after the other."""
    [ax] = new_figure(title, height=1.9 + 0.55 * len(seconds))
    draw_stack(ax, seconds)
    draw_legend(ax.figure)


def enlarged(title, seconds, part_title, part):
    """Draw one row's pieces of work, and below it, enlarged, some of them."""
    axes = new_figure(title, 2, height=4.2)
    for ax, row in zip(axes, [seconds, part], strict=True):
        draw_stack(ax, row.to_frame("request").T)
    axes[1].set_title(part_title)
    draw_legend(axes[1].figure)


def draw_stack(ax, seconds):
    """Draw a row of bars for each row of `seconds`, and its total."""
    totals = seconds.sum(axis=1)
    for row, (name, pieces) in enumerate(seconds.iterrows()):
        starts = pieces.cumsum() - pieces
        for event in pieces.index[pieces > 0]:
            draw_bar(ax, row, starts[event], pieces[event], event, 0.6, totals.max())
        over_grid = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        options = {"textcoords": "offset points", "va": "center", "bbox": over_grid}
        ax.annotate(duration(totals[name]), (totals[name], row), (6, 0), **options)
    ax.set(yticks=range(len(seconds)), yticklabels=seconds.index)
    ax.set(xlabel="seconds", xlim=(0, 1.15 * totals.max()), ylim=(len(seconds) - 0.5, -0.5))


def saved_rows(title, times):
    """Draw when each step saves user and profile, in milliseconds since user.save() was called."""
    steps = times.index.unique("step")
    [ax] = new_figure(title, height=3)
    end = 1000 * times["ended"].max()
    for row, step in enumerate(steps):
        work = 1000 * times.loc[step]
        draw_bars(ax, row, work.reset_index(), end)
    ax.set(yticks=range(len(steps)), yticklabels=steps, ylim=(len(steps) - 0.5, -0.5))
    ax.set(xlabel="milliseconds since user.save() was called", xlim=(0, None))
    draw_legend(ax.figure)


def kills(title, logs, settings):
    """Draw the jobs of runs with a kill: a row for each visitor, the mail above the picture."""
    axes = new_figure(title, len(logs), height=8, sharex=True)
    for ax, (step, log) in zip(axes, logs.items(), strict=True):
        draw_kill(ax, log, settings[step]["killed_at"], settings[step]["restarted_at"])
        ax.set_title(step)
    axes[-1].set(xlabel=SINCE_FIRST, xlim=(0, None))
    draw_legend(axes[-1].figure)


def draw_kill(ax, log, killed_at, restarted_at):
    """Draw when each job was under way, which were interrupted, and which are lost."""
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
    ax.plot([killed_at - first] * len(cut_off), cut_off, "kX", markersize=9, label="interrupted")
    for key in jobs.index[~jobs["done"]]:
        where = (restarted_at - first, heights[key])
        words = f"the {key[1]} is lost"
        ax.annotate(words, where, (4, 0), textcoords="offset points", verticalalignment="center")
    ax.set(yticks=range(len(rows)), yticklabels=[f"visitor {row + 1}" for row in rows.values()])
    ax.set(ylim=(len(rows) - 0.5, -0.5))


# Numbers


def points(title, groups, colour="black", xlabel="seconds"):
    """Draw every point of each group, beside its median (solid) and 95th percentile (dotted)."""
    [ax] = new_figure(title, height=1.2 + 0.8 * len(groups))
    for row, values in enumerate(groups.values()):
        # Below each other in their order, or points of the same value would hide each other.
        heights = [row - 0.3 + 0.6 * (i + 0.5) / len(values) for i in range(len(values))]
        ax.plot(values, heights, "o", color=colour, alpha=0.35, markersize=5)
        ax.vlines(values.median(), row - 0.4, row + 0.4, color=colour)
        ax.vlines(p95(values), row - 0.4, row + 0.4, color=colour, linestyle=":")
        words = f"median {duration(values.median())}\np95 {duration(p95(values))}"
        ax.text(1.02, row, words, transform=ax.get_yaxis_transform(), verticalalignment="center")
    ax.set(yticks=range(len(groups)), yticklabels=groups, ylim=(len(groups) - 0.5, -0.5))
    ax.set(xlabel=xlabel, xlim=(0, 1.05 * max(values.max() for values in groups.values())))


def levels(title, panels):
    """Draw counts over time: for each panel, named by its axis, lines of (name, counts, style)."""
    axes = new_figure(title, len(panels), height=1 + 1.9 * len(panels), sharex=True)
    for ax, (ylabel, lines) in zip(axes, panels.items(), strict=True):
        for name, counts, style in lines:
            [line] = ax.step(counts.index, counts, where="post", **style)
            nearly_over = counts.index[counts >= counts.max() / 8][-1]
            where = (nearly_over, counts.max() / 8)
            ax.annotate(name, where, (4, 5), textcoords="offset points", color=line.get_color())
        ax.set(ylabel=ylabel, ylim=(0, None))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    end = max(counts.index.max() for lines in panels.values() for _, counts, _ in lines)
    axes[-1].set(xlabel=SINCE_FIRST, xlim=(0, 1.1 * end))


def losses(title, losses, xlabel):
    """Draw the largest loss of each step and way, labelled with the smallest and largest."""
    [ax] = new_figure(title, height=5.5)
    most = losses["max"].unstack(sort=False)
    most.plot.barh(ax=ax, color=["#cccccc", "#999999", "#555555"], width=0.8, legend=False)
    for bars, way in zip(ax.containers, most, strict=True):
        runs = losses.xs(way, level="way").itertuples()
        spans = [f"{run.min}" if run.min == run.max else f"{run.min}-{run.max}" for run in runs]
        ax.bar_label(bars, [f"{way}: {span}" for span in spans], padding=3, fontsize=8)
    ax.invert_yaxis()
    ax.set(ylabel="", xlabel=xlabel, xlim=(0, 1.15 * most.max(axis=None)))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def curves(title, panels):
    """Draw what pictures of each format cost, by their megapixels: a panel for each column.

    Every point, beside the medians (solid) and 95th percentiles (dotted).
    """
    axes = new_figure(title, len(panels), height=1 + 2.7 * len(panels), sharex=True)
    for ax, (column, pictures) in zip(axes, panels.items(), strict=True):
        for (kind, rows), marker in zip(pictures.groupby("format"), "os", strict=True):
            sizes = rows.groupby("megapixels")[column]
            medians = sizes.median()
            [line] = ax.plot(medians)
            ax.plot(p95(sizes), color=line.get_color(), linestyle=":")
            ax.plot(rows["megapixels"], rows[column], marker, color=line.get_color(), alpha=0.5)
            where = (medians.index[-1], medians.iloc[-1])
            words = f"{kind.upper()}: {medians.iloc[-1]:.3g}"
            ax.annotate(words, where, (8, 0), textcoords="offset points", color=line.get_color())
        ax.set(ylabel=column, xscale="log", yscale="log")
        draw_log_ticks(ax.yaxis)
    draw_log_ticks(ax.xaxis)
    sizes = sorted(set(pictures["megapixels"]))
    ax.set(xlabel="megapixels", xticks=sizes, xlim=(0.9, 1.6 * sizes[-1]))


def ratios(title, table, xlabel):
    """Draw a row of dots for each row of `table`, on a logarithmic axis with a line at 1."""
    [ax] = new_figure(title, height=1.4 + 0.36 * len(table))
    ax.axvline(1, color="black", linewidth=1)
    for (name, values), marker, grey in zip(
        table.items(), ["o", "D"], ["black", "#888888"], strict=False
    ):
        ax.plot(values, range(len(table)), marker, color=grey, label=name, linestyle="none")
    for row, values in enumerate(table.itertuples(index=False)):
        words = " / ".join(f"{value:.2f}" if value < 10 else f"{value:.1f}" for value in values)
        ax.annotate(words, (1.01, row), xycoords=("axes fraction", "data"), va="center")
    ax.set(yticks=range(len(table)), yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    ax.set(xlabel=xlabel, xscale="log")
    draw_log_ticks(ax.xaxis)
    if len(table.columns) > 1:
        draw_legend(ax.figure)


def bars(title, table, xlabel=""):
    """Draw a bar with its number for each row, from 0 on: a panel for each column."""
    axes = new_figure(title, 1, len(table.columns), 1.4 + 0.36 * len(table), sharey=True)
    for ax, (name, values) in zip(axes, table.items(), strict=True):
        drawn = ax.barh(table.index, values, color="#777777")
        ax.bar_label(drawn, [f"{value:.1f}" for value in values], padding=3)
        ax.set(xlabel=xlabel or name, xlim=(0, 1.15 * values.max()))
    axes[0].invert_yaxis()


def draw_log_ticks(axis):
    """Label a logarithmic axis with plain numbers: 1, 2, 5, 10 and so on."""
    axis.set_major_locator(LogLocator(subs=[1, 2, 5]))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def draw_legend(figure):
    """Name the work in the figure that has no label, once each, in the order of the work."""
    named = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    named = {name: named.pop(name) for name in COLOURS if name in named} | named
    columns = len(named) if len(named) <= ROW_OF_NAMES else math.ceil(len(named) / 2)
    if named:
        figure.legend(named.values(), named, loc="outside lower center", ncols=columns)
