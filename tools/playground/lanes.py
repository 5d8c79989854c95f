"""Draws a sign-up's lanes as text: which piece of work ran where, and when the page came back.

`python -m tools.playground.lanes` records those of the solutions, for the comparison.
"""

import json
from pathlib import Path

from timing.sign_up import SignUp

from ..sites.catalogue import BY_NUMBER

SOLUTIONS = Path(__file__).with_name("solutions.json")
WIDTH = 60  # columns for the time
LETTERS = {
    "hash password": "h",
    "save user": "s",
    "create profile": "c",
    "queue": "q",
    "fetch joke": "j",
    "send mail": "m",
    "resize picture": "r",
}


def lanes(records):
    """Return a sign-up as lanes: the pieces of work, begin and end in seconds, by their row.

    "page" is when the page came back. None if there was no sign-up.
    """
    sign_up = SignUp(records)
    if not sign_up.request or not sign_up.request["end"]:
        return None
    zero = sign_up.request["start"]
    rows = {}
    for record in sign_up.records:
        if record["event"] in LETTERS and record["end"]:
            row = "request" if sign_up.lane(record) == "request" else sign_up.row(record).split()[0]
            times = [round(record[key] - zero, 3) for key in ("start", "end")]
            rows.setdefault(row, []).append([record["event"], *times])
    return {"page": round(sign_up.request["elapsed"], 3), "rows": rows}


def drawn(title, sign_up, longest):
    """Return the lines of a drawing, on a scale where so many seconds are WIDTH columns."""

    def column(seconds):
        return min(WIDTH, round(seconds / longest * WIDTH))

    lines = [f"{title}: the page is back after {sign_up['page']:.2f} s"]
    for row, pieces in sign_up["rows"].items():
        cells = [" "] * (WIDTH + 1)
        # The shortest last, on top: what contains another piece does not hide it.
        for event, begin, end in sorted(pieces, key=lambda piece: piece[1] - piece[2]):
            for cell in range(column(begin), max(column(end), column(begin) + 1)):
                cells[min(cell, WIDTH)] = LETTERS[event]
        if row == "request":
            cells[column(sign_up["page"])] = "|"
        lines.append(f"  {row:8}{''.join(cells).rstrip()}")
    return lines


def beside_the_solution(project, records):
    """Return the lines that show the sign-up, and below it that of the solution."""
    mine = lanes(records)
    if not mine:
        return []
    solution = solutions().get(str(project.stage))
    both = {"Your sign-up": mine, f"{project.solution.label}'s": solution}
    both = {title: sign_up for title, sign_up in both.items() if sign_up}
    longest = max(
        max(end for pieces in sign_up["rows"].values() for _, _, end in pieces)
        for sign_up in both.values()
    )
    lines = [""]
    for title, sign_up in both.items():
        lines += drawn(title, sign_up, max(longest, *(s["page"] for s in both.values())))
    used = {event for s in both.values() for row in s["rows"].values() for event, _, _ in row}
    legend = [f"{letter} {event}" for event, letter in LETTERS.items() if event in used]
    return [*lines, f"  {', '.join(legend)}, | the page is back"]


def solutions():
    """Return a sign-up of each stage's solution, as it was recorded."""
    if not SOLUTIONS.exists():
        return {}
    return json.loads(SOLUTIONS.read_text(encoding="utf-8"))


def record():
    """Write down a sign-up of each stage's solution, as the checker sees it."""
    from .check import judge
    from .evidence import Evidence
    from .project import Project
    from .stages import TASKS

    recorded = {}
    for stage, tasks in TASKS.items():
        with Evidence(Project(BY_NUMBER[stage].folder, stage)) as seen:
            for task in tasks:
                judge(task, seen, {})
            recorded[str(stage)] = lanes(seen.lanes())
    SOLUTIONS.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
