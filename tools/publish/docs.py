"""Compare what the READMEs show of the code and of the recorded runs with what these are now.

A comment above each fenced block says what it shows:

    <!-- function step1_sync_signup/accounts/views.py sign_up -->
    <!-- diff step1_sync_signup/accounts/views.py step2_signals/accounts/views.py -->
    <!-- file step4_huey/accounts/tasks.py -->
    <!-- setting step4_huey/config/settings.py HUEY -->
    <!-- command -->   (written by hand)

and above a table `<!-- demo FILE -->` or `<!-- losses FILE -->`, the file that this command wrote
with `--json`, `<!-- steps DEMO LOSSES -->`, which joins the two, or `<!-- queues FILE -->`. Paths
start at the root.
"""

import ast
import difflib
import json
import re
import sys
from statistics import median
from textwrap import dedent

from ..arguments import parse
from ..measure.bench.tables import queues_table
from ..sites.catalogue import ROOT, STEPS

FENCED = re.compile(r"<!-- (\w+)([^\n]*) -->\n(```\w*\n)(.*?)(```\n)", re.DOTALL)
TABLE = re.compile(r"<!-- (demo|losses|queues|steps) ([^\n]+) -->\n\n((?:\|.*\n)*)")


PAGES = [
    "README.md",
    "docs/INSTRUCTOR.md",
    "docs/PRODUCTION.md",
    "docs/SLIDES.md",
    "kit/README.md",
    "step5_outbox/CLUSTER.md",
    "examples/django_tasks/README.md",
]


def readmes():
    """Return the paths of the pages that are kept in step: the root's, and each step's README."""
    return [*(ROOT / name for name in PAGES), *(step.folder / "README.md" for step in STEPS)]


def regenerated(text):
    """Return a README's text with its blocks as the code and the recorded run are now."""
    text = FENCED.sub(regenerated_block, text)
    return TABLE.sub(regenerated_table, text)


def regenerated_block(match):
    kind, arguments, opening, content, closing = match.groups()
    show = {
        "function": definition,
        "setting": definition,
        "diff": diff,
        "file": read,
        "command": lambda: content,
    }[kind]
    return f"<!-- {kind}{arguments} -->\n{opening}{show(*arguments.split())}{closing}"


def regenerated_table(match):
    kind, paths, _ = match.groups()
    show = {
        "demo": demo_table,
        "losses": losses_table,
        "queues": queues_table,
        "steps": steps_table,
    }[kind]
    records = [json.loads(read(path)) for path in paths.split()]
    return f"<!-- {kind} {paths} -->\n\n{show(*records)}"


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def definition(path, name):
    """Return the source of a function or class, decorators included, or of a setting."""
    source = read(path)
    for node in ast.walk(ast.parse(source)):
        names = [getattr(node, "name", None), *map(ast.unparse, getattr(node, "targets", []))]
        if name in names:
            start = min(part.lineno for part in [node, *getattr(node, "decorator_list", [])])
            return dedent("".join(source.splitlines(keepends=True)[start - 1 : node.end_lineno]))
    raise ValueError(f"{path} has no {name}")


def diff(before, after):
    lines = difflib.unified_diff(
        read(before).splitlines(keepends=True),
        read(after).splitlines(keepends=True),
        before,
        after,
        n=2,
    )
    return "".join(lines)


def demo_table(record):
    """Return the staircase as a Markdown table: medians, in seconds."""
    steps = record["steps"]
    lines = [
        "| step | where the slow work runs | the page is back after | everything is done after |",
        "| --- | --- | ---: | ---: |",
    ]
    for step in STEPS:
        page, done = (median(steps[step.name][f"{what}_seconds"]) for what in ["page", "done"])
        lines.append(f"| `{step.name}` | {step.where} | {page:.2f} s | {done:.2f} s |")
    return "\n".join(lines) + "\n"


def steps_table(demo, losses):
    """Return how long the page takes and what a SIGKILL loses, step by step, as a table."""
    lines = [
        "| step | the slow work runs | the page is back after | a kill loses, of "
        f"{losses['signups']} sign-ups |",
        "| --- | --- | ---: | --- |",
    ]
    for step in STEPS:
        page = median(demo["steps"][step.name]["page_seconds"])
        killed = lost(losses["lost"][step.name]["SIGKILL"])
        link = f"[`{step.name}`]({step.name}/)"
        lines.append(f"| {link} | {step.where} | {page:.2f} s | {killed} |")
    return "\n".join(lines) + "\n"


def losses_table(record):
    """Return what each step lost as a Markdown table, by the way in which it was stopped."""
    ways = list(record["lost"][STEPS[0].name])
    lines = [
        f"| of {record['signups']} sign-ups, lost | " + " | ".join(ways) + " |",
        "| --- |" + " --- |" * len(ways),
    ]
    for step in STEPS:
        cells = [lost(record["lost"][step.name][way]) for way in ways]
        lines.append(f"| `{step.name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def lost(runs):
    """Return what several runs lost, in words."""
    return f"{extremes(runs, 'mails_lost')} mails, {extremes(runs, 'thumbnails_lost')} thumbnails"


def extremes(runs, what):
    """Return the smallest and the largest number of several runs, or one if they are the same."""
    numbers = [run[what] for run in runs]
    return str(min(numbers)) if len(set(numbers)) == 1 else f"{min(numbers)} to {max(numbers)}"


def main(arguments=None):
    """Run the command; return 1 if a README differs and was not written."""
    options = parse("docs", arguments)
    different = []
    for path in readmes():
        text = path.read_text(encoding="utf-8")
        if (new := regenerated(text)) != text:
            different.append(path.relative_to(ROOT).as_posix())
            if options.update:
                path.write_text(new, encoding="utf-8", newline="\n")
    for name in different:
        print(f"{name}: {'rewritten' if options.update else 'out of date'}")
    if different and not options.update:
        print("Rewrite them with: python workshop.py docs --update")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
