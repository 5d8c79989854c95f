"""Each step alone in an empty folder, with its requirements and the kit as a wheel."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.playground.project import LEFT_OUT
from tools.sites.catalogue import ROOT, STEPS
from tools.sites.ports import free_port
from tools.sites.processes import running, wait_until
from tools.sites.site import answers
from tools.sites.visitor import Visitor, make_picture

from .conftest import completed, wait_for

LOCKS = ["workshop.txt", "tests.txt"]

# In one worker of pytest-xdist, with one environment.
pytestmark = pytest.mark.xdist_group("alone")


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The Python of an environment that has the locks' packages and the kit, nothing else.

    The packages are copied from the one that runs this test: no network, and no minute, is needed.
    """
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    [packages] = (folder / "venv").glob("[Ll]ib/**/site-packages")
    for name in {name for lock in LOCKS for name in pinned(lock)}:
        for file in metadata.files(name):
            source = Path(file.locate())
            if ".." not in file.parts and source.exists():
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, packages / file)
    build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"]
    subprocess.run(build, cwd=ROOT / "kit", stdout=subprocess.DEVNULL, check=True)
    [wheel] = folder.glob("workshop_kit-*.whl")
    shutil.unpack_archive(wheel, packages, "zip")
    return folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pinned(lock):
    """Return the names of the packages that a lock wants on this machine."""
    lines = (ROOT / "requirements" / lock).read_text(encoding="utf-8").splitlines()
    wanted = map(Requirement, lines)
    return [each.name for each in wanted if not each.marker or each.marker.evaluate()]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_runs_alone(step, python, standins, tmp_path):
    folder = tmp_path / "ein Übungsordner, kopiert"  # after which the cookies are named
    shutil.copytree(step.folder, folder, ignore=LEFT_OUT)
    strays = {"PYTHONPATH", "DJANGO_SETTINGS_MODULE", "WITHOUT_PACKAGES"}
    environment = {k: v for k, v in os.environ.items() if k not in strays} | {
        "JOKE_API_URL": standins.joke_url,
        "EMAIL_BACKEND": "safeguards.mail.EmailBackend",
        "EMAIL_HOST": standins.smtp_host,
        "EMAIL_PORT": str(standins.smtp_port),
        "SIMULATED_RESIZE_SECONDS": "0",
    }
    options = {"cwd": folder, "env": environment}
    subprocess.run([python, "manage.py", "migrate", "--verbosity=0"], check=True, **options)
    url, log = f"http://127.0.0.1:{free_port()}", tmp_path / "log.txt"
    server = [python, "manage.py", "runserver", "--noreload", url.removeprefix("http://")]
    consumer = [python, "manage.py", "run_huey"] if step.has_consumer else [python, "--version"]
    with running(server, log, **options) as site, running(consumer, log, **options):
        wait_until(lambda: answers(url), site, step.name, log)
        visitor = Visitor(url, "ada")
        visitor.sign_up(make_picture((640, 480)))
        wait_for(lambda: visitor.thumbnail() and 'data-welcome="done"' in visitor.get("/").text)
    tests = [python, "-m", "pytest", "--quiet", "-pno:cacheprovider"]
    result = subprocess.run(tests, capture_output=True, encoding="utf-8", **options)
    assert result.returncode == 0, result.stdout


def test_step_without_the_kit_says_what_to_install():
    without = "import runpy, sys; sys.modules['safeguards'] = None; runpy.run_path('manage.py')"
    result = completed([sys.executable, "-c", without], STEPS[0].folder)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pip install ../kit" in result.stderr
