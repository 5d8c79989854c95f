"""Try the checker on the solutions in tests/solutions/: python -m tools.playground.judge [STAGE].

For maintainers, after a change of the checker. With further words, only the solutions whose names
have one of them.
"""

import shutil
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ..sites.catalogue import BY_NUMBER, ROOT
from .check import judge
from .evidence import Broken, Evidence
from .project import Project
from .stages import TASKS

SOLUTIONS = ROOT / "tests" / "solutions"
LEFT_OUT = shutil.ignore_patterns("tests", "var", "README.md")  # which no check looks at
ABREAST = 2  # checks at the same time


@dataclass(frozen=True)
class Solution:
    """What a learner may write. A wrong one `fails` tasks, with messages that have these words."""

    name: str
    stage: int
    copied: int
    edits: list
    fails: dict
    is_daily: bool

    def write(self, parent):
        """Return a new folder with the solution, as a Project."""
        folder = parent / "mein Übungsplatz"
        shutil.copytree(BY_NUMBER[self.copied].folder, folder, ignore=LEFT_OUT)
        for path, edit in self.edits:
            write(folder / path, edit)
        return Project(folder, self.stage)

    def unexpected(self, messages):
        """Return what the checker should not have said, or should have."""
        if not self.fails:
            return [f"{task}: {text}" for task, text in messages.items() if text]
        return [
            f"{task}: {messages[task] or 'passed'} (not: {words})"
            for task, words in self.fails.items()
            if words not in messages[task]
        ]


def write(path, edit):
    """Change a file: by its whole new text, False to delete it, or pairs of old and new text."""
    if edit is False:
        path.unlink()
        return
    if isinstance(edit, str):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = edit
    else:
        text = path.read_text(encoding="utf-8")
        for old, new in edit:
            assert not old or text.count(old) == 1, f"{path}: {text.count(old)} of {old!r}"
            text = text.replace(old, new) if old else f"{text}\n{new}\n"
    path.write_text(text, encoding="utf-8")


def solutions(stage):
    """Return the stored solutions of a stage, the one that the hints lead to first."""
    tables = tomllib.loads((SOLUTIONS / f"stage{stage}.toml").read_text(encoding="utf-8"))
    copied, found, base = tables.pop("copied"), [], []
    for name, table in tables.items():
        fails, is_daily = table.pop("fails", {}), table.pop("daily", False)
        edits = [*base, *table.items()]
        base = base or edits
        found.append(Solution(name, stage, copied, edits, fails, is_daily))
    return found


def messages_of(solution):
    """Return what the checker says of each task of the solution's stage, "" for what is done."""
    messages = {}
    with (
        TemporaryDirectory(prefix="judge-", ignore_cleanup_errors=True) as folder,
        Evidence(solution.write(Path(folder).resolve())) as seen,
    ):
        for task in TASKS[solution.stage]:
            try:
                judge(task, seen, messages)
            except Broken as error:  # the check ends here
                messages[task.name] = str(error)
                break
    return dict.fromkeys((task.name for task in TASKS[solution.stage]), "not judged") | messages


def main():
    stages = [int(word) for word in sys.argv[1:] if word.isdigit()] or list(TASKS)
    words = [word for word in sys.argv[1:] if not word.isdigit()]
    chosen = [
        solution
        for stage in stages
        for solution in solutions(stage)
        if not words or any(word in solution.name for word in words)
    ]
    failed = 0
    with ThreadPoolExecutor(ABREAST) as threads:
        for solution, messages in zip(chosen, threads.map(messages_of, chosen), strict=True):
            unexpected = solution.unexpected(messages)
            failed += bool(unexpected)
            kind = "wrong" if solution.fails else "right"
            verdict = "✗" if unexpected else "✓"
            print(f"{verdict} {solution.stage} {kind}  {solution.name}", flush=True)
            for line in unexpected or [f"{task}: {messages[task]}" for task in solution.fails]:
                print(f"      {line}")
    print(f"\n{failed} of {len(chosen)} solutions were judged unexpectedly.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
