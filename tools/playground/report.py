"""Says what was found, in the terminal."""

import shutil
import textwrap
import time

from ..sites.catalogue import STEPS
from .project import shown

MARKS = {True: "✓", False: "✗"}


class Report:
    """Prints the verdicts as they come."""

    def __init__(self, project, with_tracebacks=False):
        self.project, self.with_tracebacks = project, with_tracebacks

    def begin(self):
        self.began = time.monotonic()
        print(f"{self.project.label}: {self.project.solution.where}\n", flush=True)

    def add(self, task, message):
        """Print one verdict: the promise, and below it what is wrong, if anything is."""
        self.line(MARKS[not message], task.name, task.promise)
        if message:
            self.line("", "", f"→ {message}")

    def line(self, mark, name, text):
        width = min(shutil.get_terminal_size((100, 24)).columns, 110)
        begin = f"{mark:2}{name:14}"
        print(
            textwrap.fill(text, width, initial_indent=begin, subsequent_indent=" " * len(begin)),
            flush=True,
        )

    def end(self, seen, messages):
        """Print how much is done, and what comes next."""
        if self.with_tracebacks:
            print("\n".join(["", *seen.tracebacks]) if seen.tracebacks else "\nNo traceback.")
        open_tasks = [name for name, message in messages.items() if message]
        count = len(messages)
        seconds = time.monotonic() - self.began
        noun = "task" if count == 1 else "tasks"
        print(f"\n{count - len(open_tasks)} of {count} {noun} done, checked in {seconds:.1f} s.")
        if open_tasks:
            print(f"Next: {open_tasks[0]}. `python workshop.py hint` helps.", end="")
            if seen.tracebacks and not self.with_tracebacks:
                print(" `check --traceback` shows the errors' tracebacks.", end="")
            print(flush=True)
        elif count > 1:
            print(self.what_next(), flush=True)

    def what_next(self):
        """Return what somebody does who has done all tasks of the stage."""
        stage, theirs = self.project.stage, self.project.solution.name
        compare = f"`git diff --no-index {shown(self.project.folder)} {theirs}` compares."
        if stage == STEPS[-1].number:
            return compare
        return f"{compare} `python workshop.py start {stage + 1}` goes on."

    def broken(self, error):
        print(f"✗ {str(error).rstrip('.')}.", flush=True)
        if self.with_tracebacks:
            print(error.traceback)
        elif error.traceback:
            print("`check --traceback` shows the traceback.")

    def list(self, tasks):
        """Print each task: what must hold, and why."""
        for task in tasks:
            self.line("", task.name, task.promise)
            self.line("", "", task.why)
