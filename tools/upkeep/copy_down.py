"""Carry an edit of a file that steps share from the step where it begins to the later ones."""

import shutil
import subprocess
import sys

from ..arguments import parse
from ..sites.catalogue import ROOT, STEPS
from .changes import may_change


def main(arguments=None):
    """Run the command; return 1 if an edit can't be carried without losing another."""
    parse("copy-down", arguments)
    try:
        return copy_down(ROOT)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"This needs git, and a clone: {error}", file=sys.stderr)
        return 1


def copy_down(root):
    """Carry all edits in the repository at `root`; print each copy, or why there is none."""
    copies, problems = plan(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("Nothing was copied.", file=sys.stderr)
        return 1
    for source, target in copies:
        if (root / source).exists():
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / source, root / target)
            print(f"{source} -> {target}")
        else:
            (root / target).unlink()
            print(f"{target} removed, like {source}")
    if not copies:
        print("Nothing to copy.")
    return 0


def plan(root):
    """Return which paths are to be copied to which, and what stands in the way, as texts."""
    edited = edited_files(root)
    copies, problems = [], []
    for name in sorted({path.partition("/")[2] for path in edited}):
        first = f"{STEPS[0].name}/{name}"
        for step in STEPS[1:]:
            path = f"{step.name}/{name}"
            if may_change(step, name):
                first = path  # another version begins here
            elif content(root / path) == content(root / first):
                continue
            elif path in edited:
                begin = f"this version begins in {first}: edit that alone."
                problems.append(f"{path} was itself edited, and {begin}")
            else:
                copies.append((first, path))
    return copies, problems


def content(path):
    """Return what a file holds, None if there is none."""
    return path.read_bytes() if path.is_file() else None


def edited_files(root):
    """Return the steps' files that differ from the last commit, those that git ignores left out."""
    folders = ["-z", "--", *(step.name for step in STEPS)]
    changed = git(root, "diff", "HEAD", "--name-only", "--no-renames", "--relative", *folders)
    new = git(root, "ls-files", "--others", "--exclude-standard", *folders)
    return set(f"{changed}{new}".split("\0")[:-1])


def git(root, *arguments):
    return subprocess.check_output(["git", *arguments], cwd=root, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
