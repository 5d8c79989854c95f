"""The pinned packages."""

import re

import pytest

from tools.sites.catalogue import ROOT
from workshop import COMMANDS

PIN = re.compile(r"^([^=\s]+)==(\S+)(?: ; (.*))?$", re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_locks_that_are_installed_together_agree(name):
    pins = {}
    for lock in COMMANDS[name][1]:
        text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
        for package, version, marker in PIN.findall(text):
            pins.setdefault((package, marker), {}).setdefault(version, []).append(lock)
    assert {key: versions for key, versions in pins.items() if len(versions) > 1} == {}
