"""The drawing of where each piece of work runs, step by step."""

from ..sites.catalogue import ROOT, STEPS
from ..sites.templates import render
from . import TEMPLATES
from .screenshot_stage import STYLE, TIMELINE, takes

# By step: where the page comes back, and the lanes with their bars, each a piece of work, where it
# begins, and how long it is drawn, in per cent. What is quick is drawn longer, to be readable.
HASH = [("receive form", 0, 7), ("hash password", 7, 11)]
CALLED = [("save user", 18, 10), ("create profile", 28, 8)]
RECEIVED = [("save user", 18, 18), ("create profile", 28, 7)]  # by a receiver, inside save()
SLOW = [("fetch joke", 36, 9), ("send mail", 45, 9), ("resize picture", 54, 42)]
QUEUED = [*RECEIVED, ("queue", 36, 7), ("queue", 43, 7)]
# Receivers add both jobs, the picture's in the same transaction.
ADDED = [("save user", 18, 25), ("create profile", 28, 7), ("queue", 35, 7), ("queue", 43, 7)]
WORKERS = {
    "one worker": [("fetch joke", 50, 9), ("send mail", 59, 9)],
    "another worker": [("resize picture", 50, 42)],
}
FLOWS = {
    1: (96, {"request": [*HASH, *CALLED, *SLOW]}),
    2: (96, {"request": [*HASH, *RECEIVED, *SLOW]}),
    3: (
        85,
        {
            "request": [*HASH, *RECEIVED, ("queue", 36, 7), ("resize picture", 43, 42)],
            "a thread": [("fetch joke", 43, 9), ("send mail", 52, 9)],
        },
    ),
    4: (50, {"request": [*HASH, *QUEUED], **WORKERS}),
    5: (50, {"request": [*HASH, *ADDED], **WORKERS}),
}
SOURCES = [
    STYLE,
    TIMELINE,
    "tools/publish/templates/overview.html",
    "tools/publish/screenshot_of_overview.py",
]


@takes({"overview.png": SOURCES})
def overview(stage):
    """Draw where each piece of work runs, from left to right as time passes."""
    rows = []
    for step in STEPS:
        page_back, lanes = FLOWS[step.number]
        lanes = [{"name": name, "bars": bars} for name, bars in lanes.items()]
        rows.append({"step": step, "page_back": page_back, "lanes": lanes})
    style = "".join((ROOT / path).read_text(encoding="utf-8") for path in [STYLE, TIMELINE])
    page = stage.open()
    page.set_content(render(TEMPLATES / "overview.html", {"style": style, "rows": rows}).decode())
    stage.save(page, "overview.png")
