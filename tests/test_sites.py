"""Sites are started, killed and started again, and reached by the names that they may have."""

import json
import shutil
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import psutil
import pytest
import requests

from tools.commands import COMMANDS
from tools.playground.project import LEFT_OUT, PORT
from tools.race import Races, pages
from tools.sites.addresses import address, listen
from tools.sites.catalogue import BY_NUMBER, ROOT, STEPS
from tools.sites.manage import schema_of, step_environment
from tools.sites.processes import StartError, family, has_ended, kill, start
from tools.sites.site import running_site
from tools.sites.visitor import Visitor
from tools.sites.web import serve

from .conftest import completed
from .test_commands import posix_only

LIMIT = 60  # seconds, for what never happens


def test_steps_share_a_new_database_while_settings_and_migrations_are_the_same(tmp_path):
    copy = shutil.copytree(STEPS[0].folder, tmp_path / "step", ignore=LEFT_OUT)
    assert schema_of(copy) == schema_of(STEPS[0].folder) == schema_of(STEPS[1].folder)
    assert schema_of(STEPS[3].folder) != schema_of(STEPS[4].folder)
    for name in ["config/settings.py", "accounts/migrations/0002_more.py"]:
        before = schema_of(copy)
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        assert schema_of(copy) != before


def test_signal_that_comes_while_a_process_starts_leaves_none_behind(tmp_path, monkeypatch):
    started = []

    class Signalled(psutil.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(psutil, "Popen", Signalled)
    try:
        with pytest.raises(KeyboardInterrupt):
            start([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
        assert has_ended(started[0])
    finally:
        kill(started[0])


def test_killed_server_is_started_again_at_the_same_address_and_stays_stopped_in_the_end(
    standins, tmp_path
):
    with running_site(BY_NUMBER[1], standins, tmp_path / "var") as site:
        server = site.server
        site.kill()
        assert has_ended(server)
        assert not site.answers()
        with ThreadPoolExecutor() as threads:  # several may start it again
            for restart in [threads.submit(site.kill_and_restart) for _ in range(2)]:
                restart.result(LIMIT)
        assert site.answers()
    assert has_ended(site.server)
    with pytest.raises(StartError, match="was stopped"):
        site.start_again()
    assert not site.answers()


def test_server_lets_a_whole_room_wait(standins, tmp_path):
    with running_site(BY_NUMBER[1], standins, tmp_path / "var") as site, ExitStack() as room:
        for process in family(site.server):
            process.suspend()
        for _ in range(100):
            connection = socket.create_connection(("127.0.0.1", site.port), timeout=LIMIT)
            room.enter_context(connection)
        for process in family(site.server):
            process.resume()


def test_editors_hosts_are_added_to_ours(standins, monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "editor.example")
    monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", "https://editor.example")
    environment = step_environment(BY_NUMBER[1], standins)
    assert environment["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1],editor.example"
    assert environment["CSRF_TRUSTED_ORIGINS"] == "https://editor.example"


def test_callers_proxies_and_certificates_reach_no_step(standins, monkeypatch):
    for name in ["ALL_PROXY", "https_proxy", "no_proxy", "REQUESTS_CA_BUNDLE"]:
        monkeypatch.setenv(name, "socks://127.0.0.1:9")
    environment = step_environment(BY_NUMBER[1], standins)
    assert "socks://127.0.0.1:9" not in environment.values()


def test_site_that_can_not_start_says_why_and_leaves_no_process(standins, tmp_path):
    options = {"DJANGO_SETTINGS_MODULE": "config.no_such_settings"}
    with (
        pytest.raises(StartError, match="no_such_settings"),
        running_site(BY_NUMBER[1], standins, tmp_path / "var", **options),
    ):
        pass


def test_editor_in_a_browser_forwards_what_listens_here(standins, tmp_path, monkeypatch):
    """As Codespaces does: HTTPS outside, and our own name or that of the outside as the host's."""
    configuration = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    ports = [8000, *(8000 + step.number for step in STEPS), 8000 + PORT, 8010, 8031, 8032]
    assert configuration["forwardPorts"] == ports
    assert list(configuration["portsAttributes"]) == list(map(str, ports))
    _, launcher, command = configuration["postCreateCommand"].split()
    assert (ROOT / launcher).is_file() and command in COMMANDS

    monkeypatch.setenv("CODESPACE_NAME", "fuzzy-doodle")
    monkeypatch.setenv("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.example")
    with running_site(BY_NUMBER[1], standins, tmp_path / "var") as site:
        outside = f"fuzzy-doodle-{site.port}.app.github.example"
        assert address("localhost", site.port) == f"https://{outside}"
        local = f"localhost:{site.port}"
        for number, (host, origin) in enumerate(
            [(outside, outside), (local, outside), (local, local)]
        ):
            visitor = Visitor(site.url, f"ada{number}")
            visitor.session.headers.update({"Host": host, "Origin": f"https://{origin}"})
            assert visitor.sign_up().status_code == 302
        stranger = Visitor(site.url, "eve")
        stranger.session.headers["Origin"] = f"https://fuzzy-doodle-{site.port}.example.com"
        assert stranger.sign_up().status_code == 403

    races = Races({}, standins, None, Event())
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with serve(listener, pages, races, "127.0.0.1"):
        for name, status in [
            (f"fuzzy-doodle-{port}.app.github.example", 200),
            ("evil.example", 400),
        ]:
            headers = {"Host": name, "Origin": f"https://{name}"}
            url = f"http://127.0.0.1:{port}/control"
            sent = requests.post(url, json={"mail_delay": 0}, headers=headers, timeout=LIMIT)
            assert sent.status_code == status


@posix_only
@pytest.mark.parametrize(("name", "stops"), [("SIGINT", True), ("SIGHUP", False)])
def test_ctrl_c_counts_in_a_shells_background_and_hang_up_does_not_after_nohup(name, stops):
    code = f"""
import signal
from tools.sites.processes import stop_in_order
signal.signal(signal.{name}, signal.SIG_IGN)  # as the shell and nohup do
stop_in_order()
signal.raise_signal(signal.{name})
"""
    status = completed([sys.executable, "-c", code]).returncode
    assert status == (128 + getattr(signal, name) if stops else 0)
