"""Carry an edit of a file that steps share from the step where it begins to the later ones.

What was edited is what differs from the last commit. Nothing is written if a copy that an edit
would replace was itself edited, differently.
"""

import shutil
import subprocess
import sys
from itertools import chain

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
    committed, current = committed_files(root), current_files(root)
    names = {path.partition("/")[2] for path in committed | current}
    copies, problems = [], []
    for name, steps in chain.from_iterable(shared(name, committed) for name in sorted(names)):
        first, *later = [f"{step.name}/{name}" for step in steps]
        for path in later:
            if current.get(path) == current.get(first):
                continue
            if current.get(path) == committed.get(path):
                copies.append((first, path))
            elif current.get(first) == committed.get(first):
                problems.append(f"{path} was edited, but its version begins in {first}: edit that.")
            else:
                problems.append(f"{path} was itself edited, not as {first} was.")
    return copies, problems


def shared(name, committed):
    """Return (name, steps) for each version of a file: the steps that share it.

    A version begins where the list of changes says so, and where the last commit has another one.
    """
    versions = []
    for before, step in zip([None, *STEPS], STEPS, strict=False):
        is_same = before and committed.get(f"{before.name}/{name}") == committed.get(
            f"{step.name}/{name}"
        )
        if is_same and not may_change(step, name):
            versions[-1][1].append(step)
        else:
            versions.append((name, [step]))
    return versions


def committed_files(root):
    """Return the hash of each file of the steps in the last commit, by its path."""
    lines = git(root, "ls-tree", "-r", "-z", "HEAD", "--", *folders()).split("\0")[:-1]
    entries = [line.split("\t") for line in lines]
    return {path: about.split()[2] for about, path in entries}


def current_files(root):
    """Return the hash of each file of the steps as it is now, ignored files left out."""
    listed = git(root, "ls-files", "-z", "-co", "--exclude-standard", "--", *folders())
    paths = [path for path in sorted(set(listed.split("\0")[:-1])) if (root / path).is_file()]
    hashes = git(root, "hash-object", "--stdin-paths", input="\n".join(paths)).split()
    return dict(zip(paths, hashes, strict=True))


def folders():
    return [step.name for step in STEPS]


def git(root, *arguments, **options):
    command = ["git", *arguments]
    options |= {"cwd": root, "check": True, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.run(command, **options).stdout


if __name__ == "__main__":
    sys.exit(main())
