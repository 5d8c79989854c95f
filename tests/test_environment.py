"""workshop.py, run for real in temporary clones whose lock is one tiny package; no network."""

import ast
import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import packaging
import psutil
import pytest

from tools.arguments import parse
from tools.commands import COMMANDS, locks_of
from tools.playground.project import LEFT_OUT
from tools.setup import doctor
from tools.sites.catalogue import ROOT
from tools.sites.ports import reserved_ports

from .conftest import wait_for
from .test_commands import LIMIT, posix_only

DONE = "workshop.py demo: done.\n"
REPORT = """
import json, os, sys, tiny
seen = {"tiny": tiny.VERSION, "prefix": sys.prefix, "cwd": os.getcwd(), "arguments": sys.argv[1:],
        "utf8": sys.flags.utf8_mode, "path": sys.path, "from": os.environ["WORKSHOP_STARTED_IN"],
        "variables": list(os.environ)}
print(json.dumps(seen))
sys.exit(int(os.environ.get("STATUS", "0")))
"""
# Ends half a second after the first signal, and leaves a list of those that came until then.
WAIT_FOR_SIGNAL = """
import os, signal, sys, time
from pathlib import Path
came = []
for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
    signal.signal(number, lambda number, _: came.append(number))
Path("pid").write_text(str(os.getpid()))
while not came:
    time.sleep(0.01)
time.sleep(0.5)
Path("came").write_text(" ".join(signal.Signals(number).name for number in came))
sys.exit(7)
"""


class Clone:
    """A temporary clone with a lock of its own, and a folder of wheels for a package index."""

    def __init__(self, root, wheels):
        self.root, self.wheels = root, wheels
        self.venv = root / ".venv"
        self.stamp = self.venv / "installed.json"
        self.log = self.venv / "install.log"
        base = {"base": str(self.venv), "platbase": str(self.venv)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", base))
        self.lock = root / "requirements" / "workshop.txt"
        self.options = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()}

    def command(self, *arguments, python=sys.executable, **variables):
        """Return the arguments of Popen that start the launcher with these."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        env = inherited | {"PIP_CONFIG_FILE": os.devnull, "PATH": without_uv()}
        env |= self.options | variables
        return {
            "args": [python, self.root / "workshop.py", *arguments],
            "env": env,
            "cwd": self.wheels,  # anywhere else
            "encoding": "utf-8",
        }

    def run(self, *arguments, **variables):
        """Run the launcher to its end."""
        return subprocess.run(
            **self.command(*arguments, **variables), capture_output=True, timeout=LIMIT
        )

    @contextmanager
    def start(self, *arguments, **variables):
        """Start the launcher; at the end of the block nothing of it is left."""
        with subprocess.Popen(
            **self.command(*arguments, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield process
            finally:
                kill_all(process)


def without_uv():
    """Return the PATH on which no uv is found, so that pip installs."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not shutil.which("uv", path=folder))


def kill_all(process):
    """Kill a process and its descendants together, as a power cut would."""
    if process.poll() is None:
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            each.kill()
    process.wait()


def pid_in(path):
    """Return the process id in a file, once it's there."""
    return int(wait_for(lambda: path.exists() and path.read_text(), LIMIT))


def write_wheel(folder, version, extra_files=0, tag="py3-none-any"):
    """Write a wheel of the package `tiny`, with as many empty data files as wanted."""
    name = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny-{version}-{tag}.whl", "w") as wheel:
        wheel.writestr("tiny.py", f"VERSION = {version!r}\n")
        for number in range(extra_files):
            wheel.writestr(f"tiny_data/{number}.txt", "")
        wheel.writestr(
            f"{name}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
        )
        wheel.writestr(f"{name}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{name}/RECORD", "")


def make_clone(folder):
    """Return a new Clone, in a folder with a space and non-ASCII letters in its name."""
    root, wheels = folder / "Übung – 練習 1", folder / "wheels"
    shutil.copytree(ROOT / "tools", root / "tools", ignore=LEFT_OUT)
    shutil.copy(ROOT / "workshop.py", root)
    (root / "requirements").mkdir()
    texts = {
        "tools/demo/demo.py": REPORT,
        "tools/demo/run.py": WAIT_FOR_SIGNAL,
        "requirements/workshop.txt": "tiny==1.0\n",
        "requirements/site.txt": "absent==1.0\n",
    }
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    wheels.mkdir()
    write_wheel(wheels, "1.0")
    return Clone(root, wheels)


@pytest.fixture
def clone(tmp_path):
    return make_clone(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A clone after its first run; for reading only."""
    clone = make_clone(tmp_path_factory.mktemp("built"))
    clone.first_run = clone.run("demo", "--json", "two words")
    assert clone.first_run.returncode == 0, clone.first_run.stderr
    return clone


@pytest.fixture
def ready(built, tmp_path):
    """A clone of one's own that has been built already."""
    root, wheels = tmp_path / built.root.name, tmp_path / "wheels"
    shutil.copytree(built.root, root, symlinks=True)
    shutil.copytree(built.wheels, wheels)
    return Clone(root, wheels)


@pytest.fixture
def no_network():
    """Pip's options for an index that nobody serves."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        yield {"PIP_INDEX_URL": url, "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": ""}


def one_line(result):
    """Return the launcher's only line of complaint."""
    said = [line for line in result.stderr.splitlines() if not line.endswith(".")]
    assert len(said) == 1, result.stderr
    return said[0]


def test_first_run_installs_the_lock_and_runs_the_command_in_the_clone(built):
    seen = json.loads(built.first_run.stdout)
    assert seen["tiny"] == "1.0"
    assert Path(seen["prefix"]) == built.venv
    assert Path(seen["cwd"]) == built.root
    assert Path(seen["from"]) == built.wheels.resolve()  # where a path in an argument counts from
    assert seen["arguments"] == ["--json", "two words"]
    assert seen["utf8"] == 1
    assert "Downloading and installing workshop.txt" in built.first_run.stderr
    assert "making it again" not in built.first_run.stderr
    assert built.first_run.stderr.endswith(DONE)


def test_second_run_says_nothing_and_installs_nothing(built):
    log = built.log.stat().st_mtime_ns
    result = built.run("demo")
    assert (result.returncode, result.stderr) == (0, DONE)
    for status, how in [(41, "failed"), (128 + signal.SIGTERM, "stopped")]:
        result = built.run("demo", STATUS=str(status))
        assert result.returncode == status
        assert result.stderr == f"workshop.py demo: {how} (exit status {status}).\n"
    assert built.log.stat().st_mtime_ns == log


def test_callers_variables_reach_the_command_only_if_they_are_meant_for_it(built, tmp_path):
    (tmp_path / "tiny.py").write_text("raise SystemExit('the wrong tiny')", encoding="utf-8")
    (tmp_path / "tools.py").write_text("raise SystemExit('the wrong tools')", encoding="utf-8")
    strays = {"PYTHONPATH": str(tmp_path), "VIRTUAL_ENV": str(tmp_path), "PYTHONSAFEPATH": "1"}
    strays |= {"DJANGO_SETTINGS_MODULE": "other.settings", "DEBUG": "release", "MPLBACKEND": "Agg"}
    result = built.run("demo", SIMULATED_RESIZE_SECONDS="1", **strays)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert str(tmp_path) not in seen["path"]
    assert strays.keys() & set(seen["variables"]) == set()
    assert "SIMULATED_RESIZE_SECONDS" in seen["variables"]


def test_pips_settings_that_lead_elsewhere_are_named_each_time(clone, tmp_path):
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[install]\ntarget = {(tmp_path / 'x').as_posix()}\n", encoding="utf-8")
    for _ in range(2):
        result = clone.run("demo", PIP_CONFIG_FILE=str(settings))
        assert result.returncode == 1
        assert "pip has put the packages elsewhere" in result.stderr


@pytest.mark.skipif(not shutil.which("uv"), reason="there is no uv here")
def test_uv_installs_where_it_is_on_the_path(clone):
    shutil.copytree(clone.wheels, clone.root / "wheels")
    result = clone.run("demo", PATH=os.environ["PATH"])
    assert json.loads(result.stdout)["tiny"] == "1.0", result.stderr
    assert "Installed 1 package" in clone.log.read_text(encoding="utf-8")
    assert not (clone.packages / "pip").exists()


@posix_only
def test_pip_of_the_python_installs_where_uv_fails(clone, tmp_path):
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\nexit 1\n")
    uv.chmod(0o755)
    result = clone.run("demo", PATH=f"{uv.parent}:{without_uv()}")
    assert json.loads(result.stdout)["tiny"] == "1.0", result.stderr
    assert not (clone.packages / "pip").exists()


def test_changed_lock_is_installed_by_one_of_two_launchers_wherever_pips_variables_lead(
    ready, tmp_path
):
    write_wheel(ready.wheels, "2.0")
    ready.lock.write_text("tiny==2.0\n", encoding="utf-8")
    ready.options |= {"PIP_TARGET": str(tmp_path / "x"), "PIP_DRY_RUN": "1", "PIP_USER": "1"}
    with ready.start("demo") as first, ready.start("demo") as second:
        said = [process.communicate(timeout=LIMIT)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert sorted("Downloading" in text for text in said) == [False, True]
    assert sorted("waiting for it" in text for text in said) == [False, True]
    assert all('"tiny": "2.0"' in text for text in said)
    assert not any("Making .venv" in text for text in said)


def test_environment_of_another_python_is_made_again(ready):
    stamp = json.loads(ready.stamp.read_text(encoding="utf-8"))
    ready.stamp.write_text(json.dumps(stamp | {"python": "older"}), encoding="utf-8")
    with ready.start("demo") as launcher:
        said = launcher.stdout.readline()
        assert said == ".venv is unfinished, or of another Python: making it again.\n"


@posix_only
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_while_installing_also_ends_what_the_installer_started(clone, tmp_path, name):
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > '{tmp_path}/pid'\nwait\n")
    uv.chmod(0o755)
    with clone.start("demo", PATH=f"{uv.parent}{os.pathsep}{without_uv()}") as launcher:
        started = pid_in(tmp_path / "pid")
        launcher.send_signal(getattr(signal, name))
        said, _ = launcher.communicate(timeout=LIMIT)
    assert launcher.returncode == 128 + getattr(signal, name)
    assert said.endswith(f"workshop.py demo: stopped (exit status {launcher.returncode}).\n")
    assert "Traceback" not in said
    wait_for(lambda: not psutil.pid_exists(started), LIMIT)


def test_environment_made_by_hand_is_left_alone(clone):
    clone.venv.mkdir()
    (clone.venv / "mine.txt").write_text("precious")
    result = clone.run("demo")
    assert result.returncode == 1
    assert "would be lost" in one_line(result)
    assert [path.name for path in clone.venv.iterdir()] == ["mine.txt"]


def test_no_network_ends_in_one_line_and_leaves_the_other_commands_working(ready, no_network):
    result = ready.run("site", **no_network)
    assert result.returncode == 1
    assert "connect to a network" in one_line(result)
    assert "Retrying" in ready.log.read_text(encoding="utf-8")
    result = ready.run("demo", **no_network)
    assert (result.returncode, result.stderr) == (0, DONE)


def test_one_steps_tests_need_no_browser_no_notebooks_and_no_cluster():
    assert locks_of("test", parse("test", ["2"])) == ["workshop.txt", "tests.txt"]


def bare_python(folder):
    """Return a copy of this Python as Debian delivers it: with venv, without ensurepip and pip."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / version
    library = folder / sys.platlibdir / version
    python.parent.mkdir(parents=True)
    library.mkdir(parents=True)
    shutil.copy(Path(sys._base_executable).resolve(), python)
    for path in Path(sysconfig.get_path("stdlib")).iterdir():
        if path.name not in ("ensurepip", "site-packages", "dist-packages"):
            (library / path.name).symlink_to(path)
    for path in Path(sys.base_prefix, sys.platlibdir).glob("libpython*"):
        (library.parent / path.name).symlink_to(path)
    return python


def test_killed_while_installing_makes_the_environment_again(ready):
    write_wheel(ready.wheels, "2.0", extra_files=1000)
    ready.lock.write_text("tiny==2.0\n", encoding="utf-8")
    with ready.start("demo") as launcher:
        wait_for((ready.packages / "tiny_data").exists, LIMIT, pause=0.005)
        kill_all(launcher)
    assert not ready.stamp.exists()
    result = ready.run("demo")
    assert json.loads(result.stdout)["tiny"] == "2.0"
    assert ".venv is unfinished, or of another Python: making it again." in result.stderr
    assert len(list(ready.packages.glob("tiny_data/*.txt"))) == 1000


@posix_only
def test_python_without_ensurepip_says_what_to_install_and_needs_only_a_bundle(clone, tmp_path):
    python = bare_python(tmp_path / "bare")
    result = clone.run("demo", python=python)
    assert result.returncode == 1
    assert "sudo apt install python3-venv" in one_line(result)
    clone.venv.rename(tmp_path / "unfinished")
    status, found = examine(clone, "http://127.0.0.1:9", python=python)
    assert (status, found["venv and pip"][0]) == (1, "FIX")
    bundled = Path(sysconfig.get_path("stdlib"), "ensurepip", "_bundled")
    folder = Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or bundled)  # Debian has one
    if not (wheels := list(folder.glob("pip-*.whl"))):
        pytest.skip("this Python brings no pip to put into the bundle")
    shutil.copytree(clone.wheels, clone.root / "wheels")
    shutil.copy(wheels[0], clone.root / "wheels")
    result = clone.run("demo", python=python)
    assert json.loads(result.stdout)["tiny"] == "1.0", result.stderr


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def packer(ready):
    """A clone that can make a bundle: version 3.0 for all systems but Windows, 2.0 for that."""
    lock = "tiny==3.0 ; sys_platform != 'win32'\ntiny==2.0 ; sys_platform == 'win32'\n"
    texts = {"workshop.txt": lock, "tests.txt": lock, "bundle.txt": ""}
    for name, text in texts.items():
        (ready.root / "requirements" / name).write_text(text, encoding="utf-8")
    tag = f"cp{PYTHON.replace('.', '')}"
    write_wheel(ready.wheels, "2.0", tag=f"{tag}-{tag}-win_amd64")
    write_wheel(ready.wheels, "3.0")
    shutil.copy(ROOT / ".gitignore", ready.root)
    shutil.copytree(Path(packaging.__file__).parent, ready.packages / "packaging")
    return ready


def test_room_without_a_network_sets_up_from_a_bundle(packer, no_network, tmp_path):
    result = packer.run("bundle", "--systems", "linux", "windows", "--pythons", PYTHON)
    assert result.returncode == 0, result.stderr
    assert f"windows, Python {PYTHON}: 1 packages\n" in result.stdout
    archive = packer.root / "workshop-bundle.zip"
    assert f"{archive}: 0 MB, 2 wheels and the repository." in result.stdout

    shutil.unpack_archive(archive, tmp_path / "room")
    room = Clone(tmp_path / "room" / "workshop", packer.wheels)
    assert not room.venv.exists()
    packer.venv.rename(room.venv)  # to make it anew takes long
    result = room.run("demo", **no_network)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["tiny"] == ("2.0" if os.name == "nt" else "3.0")
    assert "Taking packages from" in result.stderr
    assert "Downloading" not in result.stderr


def test_bundle_that_lacks_a_package_is_not_written(packer):
    archive = packer.root / "old.zip"
    archive.write_text("old")
    packer.lock.write_text("absent==1.0\n", encoding="utf-8")
    result = packer.run("bundle", "--systems=linux", "--pythons", PYTHON, "--output", archive)
    assert result.returncode == 1
    assert "No matching distribution found for absent==1.0\nNothing was written." in result.stderr
    assert archive.read_text() == "old"
    assert list(packer.root.glob("packing-*")) == []


def examine(clone, index, taken=0, python=sys.executable, **variables):
    """Return the doctor's exit status and its findings: {check: (state, words)}.

    Something else listens on the port that is so many above the first one.
    """
    with reserved_ports() as first, socket.socket() as other:
        if taken:
            other.bind(("127.0.0.1", first + taken))
            other.listen()
        variables = {"PIP_INDEX_URL": index, "PIP_NO_INDEX": "0"} | variables
        result = clone.run("doctor", f"--base-port={first}", python=python, **variables)
    lines = [line for line in result.stdout.splitlines() if line.startswith(("ok", "note", "FIX"))]
    found = {line[6:20].strip(): (line[:4].strip(), line[20:]) for line in lines}
    assert len(found) == 8, result.stdout + result.stderr
    faults = [name for name, (state, _) in found.items() if state == "FIX"]
    assert not faults or f"Not ready: fix {', '.join(faults)}, then" in result.stdout
    return result.returncode, found


@pytest.fixture
def package_index(tmp_path):
    """The address of an index that answers when asked for pip."""
    (tmp_path / "index" / "pip").mkdir(parents=True)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "index")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_doctor_finds_a_machine_ready_and_leaves_it_as_it_was(clone, package_index):
    before = sorted(path for path in clone.root.rglob("*") if "__pycache__" not in path.parts)
    status, found = examine(clone, package_index)
    assert (status, {state for state, _ in found.values()} - {"note"}) == (0, {"ok"})
    assert "to download" in found["packages"][1]
    assert before == sorted(p for p in clone.root.rglob("*") if "__pycache__" not in p.parts)


def test_doctor_says_how_to_fix_what_is_not_ready(clone, no_network):
    proxy = {"https_proxy": "http://me:secret@127.0.0.1:9"}
    status, found = examine(clone, no_network["PIP_INDEX_URL"], taken=3, **proxy)
    assert status == 1
    assert found["ports"][0] == found["packages"][0] == "FIX"
    # The first port ends in 0, as in tools/sites/ports.py.
    assert re.match(r"\d+3 can't be used: stop what uses them", found["ports"][1])
    assert "connect to a network" in found["packages"][1]
    assert found["proxy"][0] == "note"
    assert "secret" not in found["proxy"][1]


def test_doctor_names_the_setting_that_keeps_pip_off_the_network(clone, no_network):
    settings = {"ALL_PROXY": "socks5://127.0.0.1:9", "PIP_NO_INDEX": "1"}
    _, found = examine(clone, no_network["PIP_INDEX_URL"], **settings)
    assert found["proxy"][0] == found["packages"][0] == "FIX"
    assert "can't use a SOCKS proxy" in found["proxy"][1]
    assert "PIP_NO_INDEX" in found["packages"][1]


@posix_only
def test_doctor_tries_in_the_clones_own_folder(tmp_path, no_network):
    _, found = examine(make_clone(tmp_path / "a:b"), no_network["PIP_INDEX_URL"])
    assert found["folder"][0] == "FIX"
    assert "has a ':', which venv can't have" in found["folder"][1]


def test_doctor_sees_a_clock_that_is_behind(monkeypatch):
    assert doctor.clock()[0] == "ok"
    monkeypatch.setattr(doctor, "MADE", datetime.datetime.max.replace(tzinfo=datetime.UTC))
    assert doctor.clock()[0] == "FIX"


def test_older_pythons_are_refused_in_one_line(clone):
    launcher = str(clone.root / "workshop.py")
    pretend = (
        "import runpy, sys; sys.version_info = (3, 6, 15); sys.version = '3.6.15 (pretended)';"
        f"sys.argv = [{launcher!r}, 'demo']; runpy.run_path({launcher!r}, run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", pretend], capture_output=True, encoding="utf-8")
    assert result.returncode == 1
    assert "3.11 to 3.14 is needed" in one_line(result)
    assert not clone.venv.exists()


def test_launcher_is_written_in_what_python_2_can_parse():
    source = (ROOT / "workshop.py").read_text(encoding="utf-8")
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred, ast.Nonlocal, ast.YieldFrom)
    nodes = list(ast.walk(ast.parse(source)))
    assert source.isascii()
    assert not [node for node in nodes if isinstance(node, newer)]
    annotated = ["annotation", "returns"]
    assert not [node for node in nodes if any(getattr(node, name, None) for name in annotated)]


@pytest.mark.parametrize("arguments", [[], ["help"], ["-h"]])
def test_without_a_command_it_says_what_there_is(clone, arguments):
    result = clone.run(*arguments)
    assert result.returncode == 0
    assert {"demo", "run", "test", "standins"} <= set(result.stdout.split())
    assert not clone.venv.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["dmeo"], 2, "there is no command 'dmeo'"),
        (["test", "9"], 2, "There is no step '9': the steps are 1, 2, 3, 4 and 5."),
        (["run"], 2, "required: step"),
        (["demo", "--signups=none"], 2, "'none' is not a whole number from 1 to 100000"),
        (["demo", "--base-port=70000"], 2, "'70000' is not a whole number from 1 to 65510"),
        (["install", "demo", "tests"], 2, "there is no command 'tests'"),
        (["notebooks", "--help"], 0, "usage: workshop.py notebooks"),
    ],
)
def test_arguments_are_checked_before_anything_is_made(clone, arguments, status, said):
    result = clone.run(*arguments)
    assert result.returncode == status
    assert said in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert not clone.venv.exists()


def test_arguments_and_commands_without_locks_need_no_packages():
    modules = {f"{command.room}.arguments" for command in COMMANDS.values()}
    modules |= {f"{c.room}.{c.module}" for c in COMMANDS.values() if not c.locks}
    names = ", ".join(f"tools.{module}" for module in modules)
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {names}"
    bare = [sys.executable, "-I", "-S", "-c", code, ROOT]
    result = subprocess.run(bare, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr


def test_incomplete_clone_is_told_in_one_line(clone):
    shutil.rmtree(clone.root / "tools")
    result = clone.run("demo")
    assert result.returncode == 1
    assert "this clone looks incomplete: it lacks requirements or tools" in one_line(result)


def test_folder_that_cannot_be_written_is_told_in_one_line(clone):
    clone.venv.write_text("a file where the folder should be", encoding="utf-8")
    result = clone.run("demo")
    assert result.returncode == 1
    assert str(clone.venv) in one_line(result)


@posix_only
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_signal_is_passed_on_and_the_command_waited_for(ready, name):
    with ready.start("run", "1") as launcher:
        command = pid_in(ready.root / "pid")
        launcher.send_signal(getattr(signal, name))
        said, _ = launcher.communicate(timeout=LIMIT)
    assert (launcher.returncode, said) == (7, "workshop.py run: stopped (exit status 7).\n")
    assert not psutil.pid_exists(command)
    assert (ready.root / "came").read_text() == name


@posix_only
def test_ctrl_c_in_a_terminal_reaches_the_command_once(ready):
    terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = ready.command("run", "1")
    command["args"] = [sys.executable, "-c", terminal, *map(str, command["args"])]
    with subprocess.Popen(**command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        pid = pid_in(ready.root / "pid")
        process.stdin.write("\x03")
        process.stdin.flush()
        said = process.stdout.read()
    assert process.returncode == 7, said
    assert "Traceback" not in said
    assert not psutil.pid_exists(pid)
    assert (ready.root / "came").read_text() == "SIGINT"
