"""The launcher's commands, run as a reader runs them."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread
from uuid import uuid4

import psutil
import pytest
from watchfiles import watch

from tools.commands import COMMANDS
from tools.demo.run import keep_consumer_running, watch_code
from tools.sites.catalogue import ROOT
from tools.sites.ports import free_port, reserved_ports
from tools.sites.processes import StartError, has_ended, sole_owner, stop
from tools.sites.site import answers, words
from tools.sites.visitor import Visitor

from .conftest import completed, wait_for

posix_only = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
LIMIT = 300  # seconds, for what never happens
# How a command stops does not hang on how many steps there are.
WITH_ONE_STEP = """
import sys
from {module} import main
from tools.sites import catalogue
catalogue.STEPS[:] = [catalogue.BY_NUMBER[{number}]]
sys.exit(main())
"""
SITE_AND_CONSUMER = 2  # processes
QUICK = {"SIMULATED_RESIZE_SECONDS": "0.5", "PYTHONUTF8": "1"}  # without simulated work


def command(name, *arguments):
    if name in COMMANDS:
        name = ".".join(filter(None, COMMANDS[name][:2]))
    return [sys.executable, "-m", f"tools.{name}", *arguments]


def quick():
    """Return an environment without simulated work."""
    return os.environ | QUICK


@pytest.fixture
def base_port():
    """A port with free ones above it, as many as the commands need."""
    with reserved_ports() as first:
        yield str(first)


@contextmanager
def started(arguments, until, **options):
    """Run a command in the background until it has printed the text; yield it and its family."""
    process = psutil.Popen(
        arguments,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        **options,
    )
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if until in line:
                break
        assert until in "".join(lines[-1:]), "".join(lines)
        yield process, process.children(recursive=True)
    finally:
        stop(process)
        process.stdout.close()


def short_demo(var_dir, base_port):
    options = [f"--var-dir={var_dir}", f"--base-port={base_port}", "--signups=1"]
    code = WITH_ONE_STEP.format(module="tools.demo.demo", number=5)
    return [sys.executable, "-c", code, *options]


@posix_only
def test_ctrl_c_during_the_sign_ups_stops_everything(tmp_path, base_port):
    env = quick() | {"SIMULATED_RESIZE_SECONDS": "60"}
    with started(short_demo(tmp_path, base_port), "Starting", env=env) as (demo, _):
        wait_for(lambda: len(demo.children(recursive=True)) == SITE_AND_CONSUMER, LIMIT, pause=0.3)
        logs = "timings.*.jsonl"
        wait_for(lambda: any("sign-up" in words(log) for log in tmp_path.rglob(logs)), LIMIT)
        assert answers(f"http://127.0.0.1:{base_port}")  # the race's page, already
        family = demo.children(recursive=True)
        demo.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs([demo, *family], timeout=LIMIT)
        assert alive == []
        assert demo.returncode == 130
        assert "Traceback" not in demo.stdout.read()


def runs_a_server(process):
    with suppress(psutil.NoSuchProcess):  # it has just ended
        children = process.children(recursive=True)
        return any("tools.sites.runserver" in child.cmdline() for child in children)
    return False


@posix_only
def test_stopping_the_losses_leaves_no_process_behind():
    code = WITH_ONE_STEP.format(module="tools.measure.losses", number=1)
    losses = [sys.executable, "-c", code, "--signups=2", "--runs=1"]
    with psutil.Popen(losses, cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        wait_for(lambda: runs_a_server(run), LIMIT, pause=0.3)
        family = run.children(recursive=True)
        run.terminate()
        _, alive = psutil.wait_procs([run, *family], timeout=LIMIT)
        assert alive == []


def test_run_serves_a_step_without_a_consumer(base_port):
    url = f"http://127.0.0.1:{int(base_port) + 1}/"
    arguments = command("run", "1", f"--base-port={base_port}")
    with started(arguments, "Quit the server", env=quick()) as (_, family):
        assert answers(url)
        assert not any("run_huey" in process.cmdline() for process in family)


@pytest.mark.parametrize("name", ["demo", "run"])
def test_port_in_use_is_said_in_one_line(tmp_path, base_port, name):
    arguments = ["2"] if name == "run" else ["--once", f"--var-dir={tmp_path}"]
    port = int(base_port) + (2 if name == "run" else 25)
    with socket.create_server(("127.0.0.1", port)):  # by this process, which is no workshop.py
        arguments = command(name, *arguments, f"--base-port={base_port}")
        result = completed(arguments, COLUMNS="200", **QUICK)
    assert result.returncode == 1
    said = " ".join((result.stdout + result.stderr).split())
    # By these tests, or by the `workshop.py test` that runs them.
    assert f"Port {port} is taken by process" in said or f", port {port})" in said
    assert said.endswith(("stop it, or choose other ports with --base-port.", "stop it first."))
    assert "Traceback" not in result.stdout + result.stderr


def test_run_production_is_like_a_public_site_without_its_https(base_port):
    arguments = command("run", "4", "--production", f"--base-port={base_port}")
    with started(arguments, "Serving on", env=quick()) as (_, family):
        assert any(is_consumer(process) for process in family)
        [server] = [each.cmdline() for each in family if "waitress" in each.cmdline()]
        assert f"--threads={2 * os.cpu_count()}" in server
        url = f"http://127.0.0.1:{int(base_port) + 4}"
        visitor = Visitor(url, f"ada-{uuid4().hex[:8]}")  # whose name no run before has taken
        assert visitor.sign_up().headers["Location"] == "/"
        assert visitor.username in visitor.get("/").text
        assert visitor.get("/static/timing/style.css").ok
        assert "DEBUG" not in visitor.get("/nowhere/").text


def is_consumer(process):
    try:
        return "run_huey" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def consumers(run):
    """Return the consumers that were started: one that has just been may lack its command line."""
    return wait_for(lambda: [child for child in run.children() if is_consumer(child)])


@posix_only
def test_run_revives_a_killed_consumer_and_a_second_instance_names_the_first(tmp_path, base_port):
    launcher = tmp_path / "workshop.py"  # the real one would first make .venv
    launcher.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tools.demo.run import main; sys.exit(main(sys.argv[2:]))"
    )
    # Not step 4, as above: two that begin at once in a new clone would both make its database.
    arguments = [sys.executable, launcher, "run", "5", f"--base-port={base_port}"]
    with started(arguments, "Huey's consumer is process", env=quick()) as (run, _):
        second = completed(command("run", "2", f"--base-port={base_port}"))
        assert second.returncode == 1
        assert second.stderr.startswith(
            f"A `workshop.py run 5 --base-port={base_port}` is running already (process {run.pid}, "
            f"port {int(base_port) + 10}): stop it first."
        )

        [consumer] = consumers(run)
        consumer.kill()
        lines = []
        for line in run.stdout:
            lines.append(line)
            if line.startswith("Huey's consumer is process"):
                break
        said = f"Huey's consumer (process {consumer.pid}) was killed (SIGKILL): starting it again."
        assert f"{said}\n" in lines
        [again] = consumers(run)
        assert lines[-1] == f"Huey's consumer is process {again.pid}.\n"
        wait_for(lambda: answers(f"http://127.0.0.1:{int(base_port) + 5}"), LIMIT)
        family = run.children(recursive=True)
        run.terminate()
        _, alive = psutil.wait_procs([run, *family], timeout=LIMIT)
        assert alive == []


@posix_only
def test_consumer_with_broken_code_waits_until_that_is_saved(tmp_path, monkeypatch, capsys):
    code = tmp_path / "tasks.py"
    code.write_text("raise SystemExit(3)")
    monkeypatch.setattr("tools.demo.run.manage", lambda *_: [sys.executable, code])
    site = psutil.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    said = []

    def have_been_said(words):
        said.append(capsys.readouterr().out)
        return words in "".join(said)

    keeping = Thread(target=keep_consumer_running, args=[tmp_path, os.environ, site])
    keeping.start()
    try:
        wait_for(lambda: have_been_said("ended with status 3: it starts again when a .py file"))
        code.write_text("import time; time.sleep(300)")
        wait_for(lambda: have_been_said("is process") and "".join(said).count("is process") == 2)
        code.write_text("import time; time.sleep(299)")
        wait_for(lambda: have_been_said("Code changed: starting Huey's consumer again."))
        wait_for(lambda: have_been_said("is process") and "".join(said).count("is process") == 3)
    finally:
        site.kill()
        keeping.join(LIMIT)
    assert not keeping.is_alive()
    assert not [child for child in psutil.Process().children() if str(code) in child.cmdline()]


def test_code_is_watched_even_when_the_system_has_no_watches_left(tmp_path, monkeypatch, capsys):
    def watch_or_fail(*paths, force_polling=False, **options):
        if not force_polling:
            raise OSError("OS file watch limit reached")
        return watch(*paths, force_polling=True, **options)

    monkeypatch.setattr("tools.demo.run.watch", watch_or_fail)
    changed, stopping = Event(), Event()
    watching = Thread(target=watch_code, args=[tmp_path, changed, stopping])
    watching.start()
    try:
        wait_for(lambda: "Looking for changes once a second" in capsys.readouterr().out)
        for number in itertools.count():
            (tmp_path / "tasks.py").write_text(f"NUMBER = {number}")
            if changed.wait(1):
                break
    finally:
        stopping.set()
        watching.join(LIMIT)


@posix_only
def test_closed_terminal_stops_the_demo_and_more_signals_change_nothing(tmp_path, base_port):
    with started(short_demo(tmp_path, base_port), "Ctrl-C stops", env=quick()) as (demo, family):
        demo.send_signal(signal.SIGHUP)
        while not all(map(has_ended, family)):
            demo.send_signal(signal.SIGINT)
            time.sleep(0.05)
        demo.wait(LIMIT)
        assert "Traceback" not in demo.stdout.read()


@posix_only
def test_demo_stops_when_its_launcher_is_killed(tmp_path, base_port):
    arguments = short_demo(tmp_path, base_port)
    launcher = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    env = quick() | {"WORKSHOP_STARTED_IN": str(tmp_path)}
    command = [sys.executable, "-c", launcher, *arguments]
    with started(command, "Ctrl-C stops", env=env) as (parent, _):
        family = parent.children(recursive=True)
        assert len(family) == 1 + SITE_AND_CONSUMER
        parent.kill()
        _, alive = psutil.wait_procs(family, timeout=LIMIT)
        assert alive == []


def test_second_command_on_the_same_var_is_refused(tmp_path, base_port):
    with sole_owner(tmp_path / "step5_outbox"):
        result = completed(short_demo(tmp_path, base_port), COLUMNS="300", **QUICK)
    assert result.returncode == 1
    assert "step5_outbox is in use by" in result.stdout
    assert f"(process {os.getpid()}): stop that first." in " ".join(result.stdout.split())


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write anywhere")
def test_var_of_somebody_else_is_said_in_one_line(tmp_path):
    (tmp_path / "db.sqlite3").touch(mode=0o444)
    with pytest.raises(StartError, match="belongs to somebody else"), sole_owner(tmp_path):
        pass


def test_control_changes_the_stand_ins_and_says_what_is_set(standins):
    url = f"--url={standins.http_url}"

    def control(*settings):
        return completed(command("control", *settings, url))

    assert control("mail_failure=5xx", "joke_delay=2").returncode == 0
    assert (standins.settings["mail_failure"], standins.settings["joke_delay"]) == ("5xx", 2)
    assert json.loads(control("mail_failure=null").stdout)["mail_failure"] is None
    refused = control("mail_failure=sometimes")
    assert refused.returncode == 1
    assert "4xx" in refused.stdout


def test_control_without_stand_ins_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:  # another program, which says nothing
        Thread(target=lambda: other.accept()[0].close(), daemon=True).start()
        for port in [other.getsockname()[1], free_port()]:
            result = completed(command("control", f"--url=http://127.0.0.1:{port}"))
            assert result.returncode == 1
            assert "No stand-ins answer" in result.stdout
            assert result.stderr == ""
