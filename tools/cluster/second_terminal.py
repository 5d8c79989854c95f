"""What a second terminal does with a cluster: kill, pause and resume its parts, or stop it all."""

import json
import shutil
from contextlib import suppress

import psutil

from ..sites.catalogue import ROOT
from ..sites.processes import StartError, kill
from .parts import send

SIGNALS = {"kill": "kill", "pause": "suspend", "resume": "resume"}


def notes(base_port):
    """Return the file in which the first terminal notes its processes."""
    return ROOT / "var" / f"cluster-{base_port}.json"


def write_notes(base_port, cluster):
    """Note the processes as they are now."""
    path = notes(base_port)
    path.parent.mkdir(exist_ok=True)
    noted = {
        "folder": str(cluster.folder),
        "command": number(psutil.Process()),
        "parts": {
            part.name: {"address": part.address} | number(part.process)
            for part in cluster.parts.values()
        },
    }
    new = path.with_suffix(".new")
    new.write_text(json.dumps(noted), encoding="utf-8")
    new.replace(path)  # so that nobody reads half of it


def read_notes(base_port):
    try:
        return json.loads(notes(base_port).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StartError("No cluster runs here: python workshop.py cluster starts one.") from None


def number(process):
    return {"process": process.pid, "since": process.create_time()}


def noted_process(noted):
    """Return a process that was noted; raise psutil.NoSuchProcess when it has ended."""
    process = psutil.Process(noted["process"])
    if process.create_time() != noted["since"]:  # another has its number now
        raise psutil.NoSuchProcess(process.pid)
    return process


def signal_part(action, name, base_port):
    """Kill, pause or resume a part."""
    parts = read_notes(base_port)["parts"]
    if name not in parts:
        what = f"There is no part {name!r}" if name else f"{action.capitalize()} what"
        raise StartError(f"{what}: {', '.join(parts)}.")
    try:
        send(noted_process(parts[name]), SIGNALS[action])
    except psutil.NoSuchProcess:
        raise StartError(f"{name} is not running at the moment.") from None


def stop_cluster(base_port):
    """End the first terminal's command, or what it left behind when it was killed."""
    noted = read_notes(base_port)
    with suppress(psutil.NoSuchProcess):
        command = noted_process(noted["command"])
        command.terminate()  # which stops all parts, but not on Windows
        command.wait()
    for part in noted["parts"].values():
        with suppress(psutil.NoSuchProcess):
            kill(noted_process(part))
    shutil.rmtree(noted["folder"], ignore_errors=True)
    notes(base_port).unlink(missing_ok=True)
