"""The demo's figures: what the visitors of each step waited for."""

import json
from statistics import median

from rich.table import Table

from ..sites.catalogue import STEPS
from ..sites.machine import machine_and_versions
from ..standins.state import JOKES


def show(lanes, inbox, console):
    """Print the figures of each step's lanes; return them, and whether nothing is missing."""
    results = {step.name: summary(lanes[step], inbox) for step in lanes}
    total = sum(len(of_step) for of_step in lanes.values())
    mails, thumbnails = (
        sum(result[what] for result in results.values())
        for what in ["mails_delivered", "thumbnails"]
    )
    console.print(table(results))
    console.print(f"{mails} of {total} mails delivered with a joke.")
    console.print(f"{thumbnails} of {total} thumbnails made.")
    return results, mails == thumbnails == total


def summary(lanes, inbox):
    """Return a step's figures: seconds, and how many got a mail with a joke and a thumbnail.

    The timing log says when the page left the site ("page_seconds") and when all was done; the
    client's own clock says when it got the answer ("client_seconds").
    """
    recipients = {mail["to"][0] for mail in inbox if any(joke in mail["text"] for joke in JOKES)}
    thumbnails = [lane.visitor.thumbnail() for lane in lanes]
    waited_for = {}
    for lane in lanes:
        for event, seconds in lane.sign_up.waited_for.items():
            waited_for.setdefault(event, []).append(seconds)
    return {
        "page_seconds": [lane.sign_up.page_seconds for lane in lanes],
        "client_seconds": [lane.request_seconds for lane in lanes],
        "done_seconds": [lane.sign_up.done_seconds for lane in lanes],
        "waited_for_seconds": waited_for,
        "mails_delivered": sum(lane.visitor.email in recipients for lane in lanes),
        "thumbnails": sum(max(t.size) <= 300 for t in thumbnails if t),
    }


def table(results):
    """Return the staircase: medians, in seconds, of what each step's visitors waited for."""
    table = Table(title="How long a visitor waits (medians, in seconds)", title_justify="left")
    table.add_column("step")
    table.add_column("page back", justify="right")
    table.add_column("client's clock", justify="right")
    table.add_column("all done", justify="right")
    table.add_column("the wait is made of")
    for step in STEPS:
        result = results[step.name]
        parts = {name: median(s) for name, s in result["waited_for_seconds"].items()}
        longest = sorted(parts, key=parts.get, reverse=True)[:3]
        table.add_row(
            f"{step.number} {step.where}",
            *(f"{median(result[f'{what}_seconds']):.3f}" for what in ["page", "client", "done"]),
            "\n".join(f"{parts[name]:.3f} {name}" for name in longest),
            end_section=True,
        )
    return table


def to_json(results):
    """Return the figures, and what they were measured on, as one JSON object."""
    return json.dumps({"steps": results} | machine_and_versions(), indent=2) + "\n"
