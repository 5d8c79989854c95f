"""Record the runs that the notebooks plot: what the steps' own timing logs say of each.

Nothing is written before the last run is over. All runs take about fifteen minutes and 300 MB of
temporary files. The machine should do nothing else meanwhile.
"""

import json
import sys

import requests
from rich.console import Console

from ..arguments import parse
from ..sites.machine import machine_and_versions
from ..sites.processes import StartError, stop_in_order
from ..sites.visitor import SignUpRefused
from ..standins.standins import Standins
from .recording import RECORDED, Recording, runs_to_keep, write
from .runs import SEED, bursts, hashes, kills, one_at_a_time, web
from .runs_of_pictures import pictures
from .runs_of_races import races

RUNS = {
    "one_at_a_time": one_at_a_time,
    "bursts": bursts,
    "kills": kills,
    "hashes": hashes,
    "pictures": pictures,
    "web": web,
    "races": races,
}


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("record", arguments)
    stop_in_order()
    console = Console(highlight=False)
    try:
        if options.what == "cluster":
            record_cluster(options, console)
        else:
            record(options, console)
    except (StartError, SignUpRefused, requests.RequestException) as error:
        console.print(f"[red]{error}[/red]\nNothing was written.", soft_wrap=True)
        return 1
    return 0


def record(options, console):
    """Make the runs, and write their files and recorded.json when all of them are over."""
    about = {"seed": SEED} | machine_and_versions()
    kept = runs_to_keep(options.into, about) if options.only else {}
    with Standins(http_port=0, smtp_port=0) as standins:
        recording = Recording(console, standins)
        for name in options.only or RUNS:
            RUNS[name](recording, options)
    about["runs"] = kept | recording.runs
    recording.files[RECORDED] = json.dumps(about, indent=2) + "\n"
    write(recording.files, options.into)
    console.print(f"Written: {', '.join(recording.files)}", soft_wrap=True)


def record_cluster(options, console):
    """Make the runs of the cluster, and write cluster.json when all of them are over."""
    from ..cluster.measure import cluster  # whose packages only this needs

    with Standins(http_port=0, smtp_port=0) as standins:
        text = cluster(options, console, standins)
    write({"cluster.json": text}, options.into)
    console.print("Written: cluster.json")


if __name__ == "__main__":
    sys.exit(main())
