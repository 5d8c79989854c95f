"""A process with a step's settings that is asked for measurements of the step's code."""

import json
import subprocess
import sys

import psutil

from ..sites.processes import StartError, stop


class Probe:
    """Answers what it is asked for with `ask()`, from `with` to the end of its block.

    `module` has a table QUESTIONS, and is imported by a process of its own with the `environment`.
    """

    def __init__(self, module, folder, environment, log):
        self.log = log
        with log.open("w", encoding="utf-8") as errors:
            self.process = psutil.Popen(
                [sys.executable, "-m", "tools.measure.answer", module],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
            )

    def ask(self, question, *arguments):
        """Return the answer, which is mostly seconds. Raises StartError if there is none."""
        try:
            self.process.stdin.write(json.dumps([question, *arguments]) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            said = self.log.read_text(encoding="utf-8").strip().splitlines() or ["it ended"]
            raise StartError(f"{question}: {said[-1]}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
