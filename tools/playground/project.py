"""The folder that a learner works in: made from a step, compared, kept."""

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..sites.catalogue import BY_NUMBER, ROOT, STEPS, started_in

PLAYGROUND = ROOT / "playground"
NOTES = "playground.json"  # in the folder: its stage, and how many hints were shown
BANNER = "accounts/templates/accounts/base.html"
PORT = 6  # above the base port: after the steps'
# What a step writes while it runs; the last, if the name of a queue's file is relative.
LEFT_OUT = shutil.ignore_patterns("var", "__pycache__", ".*", "*.sqlite3*")


class NoProject(ValueError):
    """The folder can't be used; the text says why, and what to do."""


@dataclass(frozen=True)
class Project:
    """A folder that holds a step, for all that runs a step; `stage` is what its tasks are of."""

    folder: Path
    stage: int
    number: int = PORT

    @property
    def name(self):
        return self.folder.name

    @property
    def label(self):
        return f"{self.name}, stage {self.stage}"

    @property
    def page_waits(self):
        return self.stage <= 2

    @property
    def has_consumer(self):
        return self.stage >= 4

    @property
    def solution(self):
        return BY_NUMBER[self.stage]

    @property
    def origin(self):
        """The step that the stage starts from."""
        return BY_NUMBER[self.stage - 1]


def stages():
    """Return the numbers of the stages: every step but the first can be reached."""
    return [step.number for step in STEPS[1:]]


def find_project(text=None, stage=None):
    """Return the Project in a folder, by default the playground; raise NoProject.

    The stage is the given one, or the one that `start` noted, or that of the step of this name.
    """
    folder = PLAYGROUND if text is None else folder_of(text)
    if not (folder / "manage.py").is_file():
        reason = "there is no manage.py in it" if folder.is_dir() else "it is not there"
        raise NoProject(f"{shown(folder)} holds no step: {reason}. Make one: workshop.py start 2")
    named = {step.name: step.number for step in STEPS}
    stage = stage or notes(folder).get("stage") or named.get(folder.name)
    if stage not in stages():
        raise NoProject(f"Which stage is {shown(folder)} at? Say it, as in --stage 2 (2 to 5).")
    return Project(folder, stage)


def is_project(text):
    """Return whether the text names a folder, other than a step's, for find_project()."""
    is_step = text.rstrip("/\\") in {step.name for step in STEPS}
    return not is_step and (text == PLAYGROUND.name or folder_of(text).is_dir())


def folder_of(text):
    """Return the folder that a path means where the user is.

    The repository's own folders, the steps and the playground, have their names everywhere.
    """
    folder, ours = started_in(text).resolve(), ROOT / text
    is_ours = ours in [PLAYGROUND, *(step.folder for step in STEPS)]
    return ours if is_ours and not folder.exists() else folder


def shown(folder):
    """Return the folder's path as people write it where they are."""
    if folder.is_relative_to(here := started_in().resolve()):
        return str(folder.relative_to(here))
    return folder.name if folder == PLAYGROUND else str(folder)


def notes(folder):
    try:
        found = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def note(folder, **changes):
    """Write something down in the folder, beside what is noted there already."""
    text = json.dumps(notes(folder) | changes, indent=2)
    (folder / NOTES).write_text(text + "\n", encoding="utf-8")


def make(folder, stage):
    """Copy the step before the stage into the folder; return the Project."""
    shutil.copytree(BY_NUMBER[stage - 1].folder, folder, ignore=LEFT_OUT)
    banner = '{% extends "timing/base.html" %}\n\n{% block step %}<strong>Playground</strong>'
    banner += f" Stage {stage}: from step {stage - 1} to step {stage}.{{% endblock step %}}\n"
    (folder / BANNER).write_text(banner, encoding="utf-8")
    note(folder, stage=stage)
    return Project(folder, stage)


def files(folder):
    """Return the folder's files by name, without those that it writes while it runs."""
    names = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path
        for name, path in names.items()
        if name.as_posix() not in (NOTES, BANNER) and not LEFT_OUT(folder, name.parts)
    }


def changed_files(project):
    """Return the names of the files that differ from the step that the stage starts from."""
    mine, origin = (
        {name: path.read_bytes().replace(b"\r\n", b"\n") for name, path in files(folder).items()}
        for folder in [project.folder, project.origin.folder]
    )
    return sorted(
        name for name in mine.keys() | origin.keys() if mine.get(name) != origin.get(name)
    )


def put_aside(folder):
    """Rename the folder, so that nothing in it is lost; return where it is now."""
    moment = datetime.now().strftime("%Y-%m-%d-%H%M%S-%f")
    backup = folder.with_name(f"{folder.name}-backup-{moment}")
    try:
        folder.rename(backup)
    except OSError as error:
        raise NoProject(
            f"{shown(folder)} can't be renamed ({error.strerror}): stop what runs in it."
        ) from error
    return backup
