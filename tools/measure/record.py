"""Record the runs that the notebooks plot: what the steps' own timing logs say of each."""

import json
import sys
from contextlib import contextmanager
from datetime import date
from statistics import median

from rich.progress import track

from ..sites.machine import machine_and_versions
from ..sites.visitor import PICTURE_SIZE, SignUpRefused, make_picture
from .frame import SEED, WORKERS, finished, measured, own_standins, run_command, to_keep, write
from .runs import bursts, hashes, kills, one_at_a_time, pictures, races, web

RUNS = {run.__name__: run for run in [one_at_a_time, bursts, kills, hashes, pictures, web, races]}
RECORDED = "recorded.json"


def main(arguments=None):
    """Run the command; return its exit status."""
    return run_command("record", record, arguments)


def record(options, console):
    """Make the runs, and write their files when all of them are over."""
    with own_standins() as standins:
        if options.what == "cluster":
            from .cluster.runs import cluster  # whose packages only this needs

            files = {"cluster.json": cluster(options, console, standins)}
        else:
            files = record_runs(options, console, standins)
    write(files, options.into)
    console.print(f"Written: {', '.join(files)}", soft_wrap=True)


def record_runs(options, console, standins):
    """Return the texts of the runs' files and of recorded.json, by name."""
    about = {"seed": SEED} | machine_and_versions()
    kept = to_keep(options.into / RECORDED, about, "runs") if options.only else {}
    recording = Recording(console, standins)
    for name in options.only or RUNS:
        RUNS[name](recording, options)
    about["runs"] = kept | recording.runs
    return recording.files | {RECORDED: json.dumps(about, indent=2) + "\n"}


class Recording:
    """What came of the runs so far.

    `runs` is what recorded.json says of each, `files` are texts by name.
    """

    def __init__(self, console, standins):
        self.console, self.standins = console, standins
        self.picture = make_picture()
        self.runs, self.files = {}, {}

    def track(self, items, description):
        """Yield the items, with a bar that shows how many are left."""
        return track(items, description, console=self.console)

    def settings(self, **changed):
        return {
            "simulated_resize_seconds": 0,
            "joke_delay": self.standins.settings["joke_delay"],
            "mail_delay": self.standins.settings["mail_delay"],
            "workers": WORKERS,
            "password_hasher": "safeguards.hashers.Argon2idPasswordHasher",  # the steps' own
            "picture": {"format": "jpeg", "size": PICTURE_SIZE, "bytes": len(self.picture)},
        } | changed

    @contextmanager
    def site(self, step, variables=None, **changed):
        """Run a step with some settings changed for the length of the block; yield it Measured.

        `variables` are further environment variables.
        """
        settings = self.settings(**changed)
        if not step.has_consumer:
            del settings["workers"]
        options = {"SIMULATED_RESIZE_SECONDS": settings["simulated_resize_seconds"]}
        options |= {"workers": settings.get("workers")} | (variables or {})
        with measured(step, self.standins, **options) as site:
            site.settings = settings
            yield site

    def keep(self, name, steps, records, settings):
        """Keep a run of sign-ups. Raises SignUpRefused unless all their work was done."""
        records = sorted((r for r in records if r["end"]), key=lambda record: record["start"])
        done = finished(records)
        if any(record["error"] for record in records) or len(set(done)) != 1:
            raise SignUpRefused(f"{name}: work has failed, or the timing log has not all of it.")
        self.keep_rows(name, records, steps, done[0] // len(steps), settings)
        medians = [
            f"{event} {median(r['elapsed'] for r in records if r['event'] == event):.3f} s"
            for event in ["sign-up", "hash password", "resize picture"]
        ]
        self.console.print(f"{name}, medians: {', '.join(medians)}", soft_wrap=True)

    def keep_rows(self, name, rows, steps, n, settings):
        """Keep what a run measured; `n` is of sign-ups in each step, or of measurements."""
        self.files[f"{name}.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
        self.runs[name] = {
            "date": date.today().isoformat(),
            "steps": [step.name for step in steps],
            "n": n,
            "settings": settings,
        }


if __name__ == "__main__":
    sys.exit(main())
