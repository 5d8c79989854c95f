"""workshop.py, run for real in temporary clones whose lock is one tiny package; no network."""

import ast
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import packaging
import psutil
import pytest

from tools.commands import COMMANDS
from tools.sites.ports import reserved_ports
from workshop import NEEDED

from .conftest import wait_for

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 300  # seconds, for what never happens
# All that the launcher needs.
ROOMS = {command.room for command in COMMANDS.values() if command.room}
LAUNCHER = ["workshop.py", *NEEDED, *(f"tools/{room}/arguments.py" for room in ROOMS)]
LAUNCHER += [path.relative_to(ROOT) for path in ROOT.glob("tools/*/__init__.py")]
posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and file layout")

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
SLOW_BACKEND = """
import os, time
from pathlib import Path
def build_wheel(*arguments):
    Path(os.environ["SLOW_PID"]).write_text(str(os.getpid()))
    time.sleep(600)
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

    def pretend_installed(self, lock, text=""):
        """Write a lock, and into the stamp that it is installed."""
        path = self.lock.with_name(lock)
        path.write_text(text, encoding="utf-8")
        stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        stamp[lock] = hashlib.sha256(path.read_bytes()).hexdigest()
        self.stamp.write_text(json.dumps(stamp), encoding="utf-8")

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
            stdin=subprocess.PIPE,
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


def alive(pid):
    """Return whether a process is running."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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


def write_slow_sdist(folder):
    """Write a source distribution of `slow`, whose build takes ten minutes."""
    build_system = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
    with tarfile.open(folder / "slow-1.0.tar.gz", "w:gz") as sdist:
        for name, text in {"pyproject.toml": build_system, "b.py": SLOW_BACKEND}.items():
            member = tarfile.TarInfo(f"slow-1.0/{name}")
            member.size = len(text.encode())
            sdist.addfile(member, BytesIO(text.encode()))


def make_clone(folder):
    """Return a new Clone, in a folder with a space and non-ASCII letters in its name."""
    root, wheels = folder / "Übung – 練習 1", folder / "wheels"
    wheels.mkdir(parents=True)
    for name in LAUNCHER:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "requirements").mkdir()
    (root / "tools" / "demo" / "demo.py").write_text(REPORT, encoding="utf-8")
    (root / "tools" / "upkeep" / "test_all.py").write_text(REPORT, encoding="utf-8")
    (root / "tools" / "demo" / "run.py").write_text(WAIT_FOR_SIGNAL, encoding="utf-8")
    (root / "requirements" / "workshop.txt").write_text("tiny==1.0\n", encoding="utf-8")
    (root / "requirements" / "tests.txt").write_text("absent==1.0\n", encoding="utf-8")
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


def copy_file(source, target):
    """Copy a file of a clone; link one of the 1,700 of its pip, which nobody changes."""
    is_pips = f"{os.sep}pip{os.sep}" in source
    os.link(source, target) if is_pips else shutil.copy2(source, target)


@pytest.fixture
def ready(built, tmp_path):
    """A clone of one's own that has been built already."""
    root, wheels = tmp_path / built.root.name, tmp_path / "wheels"
    shutil.copytree(built.root, root, symlinks=True, copy_function=copy_file)
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


def test_second_run_says_nothing_and_calls_no_pip(ready):
    pip = ready.packages / "pip" / "__main__.py"
    pip.unlink()  # or the clone that this one is copied from would have it, too
    pip.write_text("raise SystemExit('pip was called')", encoding="utf-8")
    log = ready.log.stat().st_mtime_ns
    result = ready.run("demo")
    assert (result.returncode, result.stderr) == (0, DONE)
    assert ready.log.stat().st_mtime_ns == log
    result = ready.run("demo", STATUS="41")
    assert (result.returncode, result.stderr.count("failed (exit status 41)")) == (41, 1)


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


def test_environment_of_another_python_is_made_anew(ready):
    stamp = json.loads(ready.stamp.read_text(encoding="utf-8"))
    ready.stamp.write_text(json.dumps(stamp | {"python": "older"}), encoding="utf-8")
    leftover = ready.venv / "leftover"
    leftover.mkdir()
    message = f".venv is of older, and this is {stamp['python']}: making it again."
    with ready.start("demo") as launcher:
        wait_for(lambda: not leftover.exists(), LIMIT)
        assert not ready.stamp.exists()
        assert launcher.stdout.read(len(message)) == message


@posix_only
def test_sigterm_while_downloading_stops_pip_and_what_it_started(ready, tmp_path):
    write_slow_sdist(ready.wheels)
    ready.lock.write_text("slow==1.0\n", encoding="utf-8")
    with ready.start("demo", SLOW_PID=str(tmp_path / "slow")) as launcher:
        build = pid_in(tmp_path / "slow")
        launcher.terminate()
        said, _ = launcher.communicate(timeout=LIMIT)
    assert launcher.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in said
    wait_for(lambda: not alive(build), LIMIT)
    ready.lock.write_text("tiny==1.0\n", encoding="utf-8")  # and all is as it was
    result = ready.run("demo")
    assert (result.returncode, result.stderr) == (0, DONE)


def test_environment_made_by_hand_is_left_alone(clone):
    clone.venv.mkdir()
    (clone.venv / "mine.txt").write_text("precious")
    result = clone.run("demo")
    assert result.returncode == 1
    assert "would be lost" in one_line(result)
    assert [path.name for path in clone.venv.iterdir()] == ["mine.txt"]


def test_no_network_ends_in_one_line_and_leaves_the_other_commands_working(ready, no_network):
    """Such as a step's tests, which need no browser, no notebooks and no cluster."""
    ready.pretend_installed("tests.txt")
    absent = ["browser", "notebooks", "jupyterlab", "cluster", "servers", "site"]
    for lock in [f"{name}.txt" for name in absent]:
        (ready.lock.parent / lock).write_text("absent==1.0\n", encoding="utf-8")
    result = ready.run("test", **no_network)
    assert result.returncode == 1
    assert "connect to a network" in one_line(result)
    assert "Retrying" in ready.log.read_text(encoding="utf-8")
    result = ready.run("demo", **no_network)
    assert (result.returncode, result.stderr) == (0, DONE)
    result = ready.run("test", "2", **no_network)
    assert json.loads(result.stdout)["arguments"] == ["2"], result.stderr
    assert result.stderr == "workshop.py test: done.\n"


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


def python_with_its_own_pip(folder, built):
    """Return a bare Python with pip, as after `sudo apt install python3-pip`."""
    python = bare_python(folder)
    find = [python, "-c", "import site; print(site.getsitepackages()[0])"]
    packages = Path(subprocess.check_output(find, encoding="utf-8").strip())
    packages.mkdir(parents=True)
    (packages / "pip").symlink_to(built.packages / "pip")
    return python


def test_killed_while_installing_makes_the_environment_anew(clone, built, tmp_path):
    """Where it can be, by a Python without ensurepip, which uses its own pip: in half the time."""
    is_bare = os.name == "posix"
    python = python_with_its_own_pip(tmp_path / "bare", built) if is_bare else sys.executable
    write_wheel(clone.wheels, "2.0", extra_files=1000)
    clone.lock.write_text("tiny==2.0\n", encoding="utf-8")
    with clone.start("demo", python=python) as launcher:
        wait_for((clone.packages / "tiny_data").exists, LIMIT, pause=0.005)
        kill_all(launcher)
    assert not clone.stamp.exists()
    result = clone.run("demo", python=python)
    assert json.loads(result.stdout)["tiny"] == "2.0"
    assert ".venv is unfinished, or its Python is gone: making it again." in result.stderr
    assert len(list(clone.packages.glob("tiny_data/*.txt"))) == 1000
    if is_bare:
        assert "ensurepip" in clone.log.read_text(encoding="utf-8")
        assert not (clone.packages / "pip").exists()


@posix_only
def test_python_without_ensurepip_and_pip_says_what_to_install(clone, tmp_path):
    result = clone.run("demo", python=bare_python(tmp_path / "bare"))
    assert result.returncode == 1
    assert "sudo apt install python3-venv" in one_line(result)
    status, found = doctor(clone, "http://127.0.0.1:9", python=bare_python(tmp_path / "second"))
    assert (status, found["venv and pip"][0]) == (1, "FIX")


OWN_BACKEND = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
KIT_BACKEND = """
import zipfile
def build_wheel(folder, *arguments):
    with zipfile.ZipFile(f"{folder}/workshop_kit-1.0-py3-none-any.whl", "w") as wheel:
        metadata = "Metadata-Version: 2.1\\nName: workshop-kit\\nVersion: 1.0\\n"
        wheel.writestr("workshop_kit-1.0.dist-info/METADATA", metadata)
        wheel.writestr("workshop_kit-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\n")
        wheel.writestr("workshop_kit-1.0.dist-info/RECORD", "")
    return "workshop_kit-1.0-py3-none-any.whl"
"""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def packer(ready):
    """A clone that can make a bundle: version 3.0 for all systems but Windows, 2.0 for that."""
    for name in ["requirements/workshop.txt", "requirements/tests.txt"]:
        lock = "tiny==3.0 ; sys_platform != 'win32'\ntiny==2.0 ; sys_platform == 'win32'\n"
        (ready.root / name).write_text(lock, encoding="utf-8")
    ready.pretend_installed("bundle.txt")
    tag = f"cp{PYTHON.replace('.', '')}"
    write_wheel(ready.wheels, "2.0", tag=f"{tag}-{tag}-win_amd64")
    write_wheel(ready.wheels, "3.0")
    shutil.copy(ROOT / "tools" / "setup" / "bundle.py", ready.root / "tools" / "setup")
    shutil.copy(ROOT / ".gitignore", ready.root)
    shutil.copytree(Path(packaging.__file__).parent, ready.packages / "packaging")
    (ready.root / "kit").mkdir(exist_ok=True)
    (ready.root / "kit" / "pyproject.toml").write_text(OWN_BACKEND, encoding="utf-8")
    (ready.root / "kit" / "backend.py").write_text(KIT_BACKEND, encoding="utf-8")
    return ready


def test_room_without_a_network_sets_up_from_a_bundle(packer, no_network, tmp_path):
    result = packer.run("bundle", "--systems", "linux", "windows", "--pythons", PYTHON)
    assert result.returncode == 0, result.stderr
    assert f"windows, Python {PYTHON}: 1 packages\n" in result.stdout
    archive = packer.root / "workshop-bundle.zip"
    assert f"{archive}: 0 MB, 3 wheels and the repository." in result.stdout

    shutil.unpack_archive(archive, tmp_path / "room")
    room = Clone(tmp_path / "room" / "workshop", packer.wheels)
    versions = {tuple(path.name.split("-")[:2]) for path in (room.root / "wheels").iterdir()}
    assert versions == {("tiny", "2.0"), ("tiny", "3.0"), ("workshop_kit", "1.0")}
    assert not room.venv.exists()
    packer.venv.rename(room.venv)  # to make it anew takes long
    room.options = no_network
    command = room.command("demo")
    # With the network cut off, if this machine can; otherwise no index answers.
    cut_off = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and not subprocess.run([*cut_off, "true"]).returncode:
        command["args"] = [*cut_off, *command["args"]]
    result = subprocess.run(**command, capture_output=True, timeout=LIMIT)
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
    assert sorted(path.name for path in packer.root.glob("*.*")) == [
        ".gitignore",
        ".venv",
        "old.zip",
        "workshop.py",
    ]


def doctor(clone, index, taken=(), python=sys.executable, **variables):
    """Return the doctor's exit status and its findings: {check: (state, words)}.

    `taken` has the places of ports that something else listens on.
    """
    shutil.copy(ROOT / "tools" / "setup" / "doctor.py", clone.root / "tools" / "setup")
    with reserved_ports() as first, ExitStack() as others:
        for place in taken:
            others.enter_context(socket.create_server(("127.0.0.1", first + place)))
        variables = {"PIP_INDEX_URL": index, "PIP_NO_INDEX": "0"} | variables
        result = clone.run("doctor", f"--base-port={first}", python=python, **variables)
    faults = [line[6:20].strip() for line in result.stdout.splitlines() if line[:4] == "FIX "]
    assert not faults or f"Not ready: fix {', '.join(faults)}, then" in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith(("ok", "note", "FIX"))]
    found = {line[6:20].strip(): (line[:4].strip(), line[20:]) for line in lines}
    assert len(found) == 9, result.stdout + result.stderr
    return result.returncode, found


@contextmanager
def package_index(date=None):
    """Serve a page for each package, at the date if it's not today; yield the address."""

    class Index(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, timestamp=None):
            return date or super().date_time_string(timestamp)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def test_doctor_finds_a_machine_ready_and_leaves_it_as_it_was(clone):
    shutil.copy(ROOT / "tools" / "setup" / "doctor.py", clone.root / "tools" / "setup")
    before = sorted(path for path in clone.root.rglob("*") if "__pycache__" not in path.parts)
    with package_index() as index:
        status, found = doctor(clone, index)
    assert (status, {state for state, _ in found.values()} - {"note"}) == (0, {"ok"})
    assert "to download" in found["packages"][1]
    assert before == sorted(p for p in clone.root.rglob("*") if "__pycache__" not in p.parts)


def test_doctor_says_how_to_mend_what_is_not_ready(clone, no_network):
    with package_index(date="Thu, 01 Jan 2026 00:00:00 GMT") as index:
        status, found = doctor(clone, index)
    assert (status, found["clock"][0], found["packages"][0]) == (1, "FIX", "ok")
    assert "UTC is wrong: set it" in found["clock"][1]

    proxy = {"https_proxy": "http://me:secret@127.0.0.1:9"}
    status, found = doctor(clone, no_network["PIP_INDEX_URL"], taken=[3], **proxy)
    assert (status, found["packages"][0], found["clock"][0]) == (1, "FIX", "ok")
    assert found["ports"][0] == "FIX"
    # The first port ends in 0, as in tools/sites/ports.py.
    assert re.match(r"\d+3 can't be used: stop what uses them", found["ports"][1])
    assert "connect to a network" in found["packages"][1]
    assert found["proxy"][0] == "note"
    assert "secret" not in found["proxy"][1]


def test_doctor_names_the_setting_that_keeps_pip_off_the_network(clone, no_network):
    settings = {"ALL_PROXY": "socks5://127.0.0.1:9", "PIP_NO_INDEX": "1"}
    _, found = doctor(clone, no_network["PIP_INDEX_URL"], **settings)
    assert found["proxy"][0] == found["packages"][0] == "FIX"
    assert "can't use a SOCKS proxy" in found["proxy"][1]
    assert "PIP_NO_INDEX" in found["packages"][1]


@posix_only
def test_doctor_tries_in_the_clones_own_folder(tmp_path, no_network):
    _, found = doctor(make_clone(tmp_path / "a:b"), no_network["PIP_INDEX_URL"])
    assert found["folder"][0] == "FIX"
    assert "has a ':', which venv can't have" in found["folder"][1]


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
    assert not [ast.unparse(node) for node in nodes if isinstance(node, newer)]
    assert not [node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.returns]
    assert not [node.arg for node in nodes if isinstance(node, ast.arg) and node.annotation]


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
        (["install", "--wheels=nowhere"], 2, "there is no folder 'nowhere'"),
        (["notebooks", "--help"], 0, "usage: workshop.py notebooks"),
    ],
)
def test_arguments_are_checked_before_anything_is_made(clone, arguments, status, said):
    result = clone.run(*arguments)
    assert result.returncode == status
    assert said in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert not clone.venv.exists()


@pytest.mark.parametrize("name", [n for n, command in COMMANDS.items() if not command.locks])
def test_command_without_a_lock_needs_no_packages(name):
    module = f"tools.{COMMANDS[name].room}.{COMMANDS[name].module}"
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}"
    bare = [sys.executable, "-I", "-S", "-c", code, ROOT]
    result = subprocess.run(bare, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("missing", ["requirements/workshop.txt", "tools/demo/demo.py", "tools"])
def test_incomplete_clone_is_told_in_one_line(clone, missing):
    path = clone.root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = clone.run("demo")
    assert result.returncode == 1
    assert f"this clone looks incomplete: it has no {missing}" in one_line(result)


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
    assert not alive(command)
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
    assert not alive(pid)
    assert (ready.root / "came").read_text() == "SIGINT"
