"""Says what was found, in the terminal."""

import shutil
import textwrap
import time

from ..sites.catalogue import STEPS
from .lanes import beside_the_solution

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
        """Print the drawing of a sign-up, if there was one, and how much is done."""
        for line in beside_the_solution(self.project, seen.lanes()):
            print(line)
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
        """Return the commands for somebody who has done all tasks of the stage."""
        stage = self.project.stage
        after = f"`python workshop.py start {stage + 1}` goes on."
        if stage == STEPS[-1].number:
            after = "`python workshop.py check --tasks` lists five tasks more."
        return f"`python workshop.py diff` compares it with {self.project.solution.name}. {after}"

    def broken(self, error):
        print(f"✗ It does not start: {error}", flush=True)
        if self.with_tracebacks:
            print(error.traceback)
        elif error.traceback:
            print("`check --traceback` shows the traceback.")

    def list(self, tasks):
        """Print each task: what must hold, and why."""
        for task in tasks:
            self.line("", task.name, task.promise)
            self.line("", "", task.why)
