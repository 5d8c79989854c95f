"""What the five steps are. Imports the standard library only."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def started_in(path="."):
    """Return the path, which counts from where the user stands; the launcher runs all in ROOT."""
    return Path(os.environ.get("WORKSHOP_STARTED_IN") or Path.cwd(), path)


@dataclass(frozen=True)
class Step:
    """One of the five projects; `where` says in a few words where the slow work runs.

    `page_waits`: for other servers, while a visitor waits for the page.
    `has_outbox`: the database remembers what is still to do, so killed work comes back.
    """

    number: int
    name: str
    where: str
    page_waits: bool = False
    has_consumer: bool = False
    has_outbox: bool = False

    @property
    def folder(self):
        return ROOT / self.name

    @property
    def label(self):
        return f"Step {self.number}"


STEPS = [
    Step(1, "step1_sync_signup", "in the view", page_waits=True),
    Step(2, "step2_signals", "in post_save receivers", page_waits=True),
    Step(3, "step3_threading", "mail in a thread"),
    Step(4, "step4_huey", "in Huey's workers", has_consumer=True),
    Step(
        5,
        "step5_outbox",
        "in Huey's workers, from an outbox",
        has_consumer=True,
        has_outbox=True,
    ),
]
BY_NUMBER = {step.number: step for step in STEPS}


def find_step(text):
    """Return the step with this number or folder name; raise ValueError if there is none."""
    for step in STEPS:
        if text.rstrip("/\\") in (str(step.number), step.name):
            return step
    *numbers, last = (str(step.number) for step in STEPS)
    raise ValueError(f"There is no step {text!r}: the steps are {', '.join(numbers)} and {last}.")
