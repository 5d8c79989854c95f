"""The pinned packages."""

import re

import pytest

from tools.commands import COMMANDS
from tools.sites.catalogue import ROOT

PIN = re.compile(r"^([^=\s]+)==(\S+)(?: ; (.*))?$", re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_locks_that_are_installed_together_agree(name):
    pins = {}
    for lock in COMMANDS[name].locks:
        text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
        for package, version, marker in PIN.findall(text):
            pins.setdefault((package, marker), {}).setdefault(version, []).append(lock)
    assert {key: versions for key, versions in pins.items() if len(versions) > 1} == {}
