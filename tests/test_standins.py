"""The stand-ins as their clients see them: over real sockets, from outside."""

import contextlib
import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from email.message import EmailMessage
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tools.sites.catalogue import ROOT
from tools.standins.standins import Standins
from tools.standins.state import ALLOWED, JOKES

from .conftest import completed, wait_for

COMMAND = [sys.executable, "-m", "tools.standins.serve", "--http-port=0", "--smtp-port=0"]
LONG = 60  # seconds: the limit of what should not take any time worth mentioning


@pytest.fixture
def standins():
    with Standins(http_port=0, smtp_port=0, joke_delay=0, mail_delay=0) as standins:
        yield standins


def make_mail(subject="Welcome", text="Hello Ada", html=None):
    mail = EmailMessage()
    mail["From"] = "Sign-up <hello@example.com>"
    mail["To"] = "ada@example.com"
    mail["Subject"] = subject
    mail["Message-ID"] = "<1@example.com>"
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail


def send(standins, mail=None):
    with smtplib.SMTP(standins.smtp_host, standins.smtp_port, "tests", timeout=LONG) as smtp:
        return smtp.send_message(mail or make_mail())


def get_joke(standins):
    headers = {"Accept": "application/json"}
    return requests.get(standins.joke_url, headers=headers, timeout=LONG)


def get(standins, path, **headers):
    return requests.get(standins.http_url + path, headers=headers, timeout=LONG)


def post_control(standins, body, **headers):
    body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {"Content-Type": "application/json"} | headers
    return requests.post(standins.http_url + "/control", body, headers=headers, timeout=LONG)


@contextlib.contextmanager
def mail_under_way(host, port):
    """Yield an SMTP client that has sent a mail, which the server has seen, and no QUIT."""
    with contextlib.closing(smtplib.SMTP(host, port, "tests", timeout=LONG)) as smtp:
        smtp.ehlo()
        smtp.mail("a@example.com")
        smtp.rcpt("b@example.com")
        smtp.docmd("DATA")
        smtp.send(b"Subject: under way\r\n\r\nbody\r\n.\r\n")
        let_mail_server_catch_up(host, port)
        yield smtp


def let_mail_server_catch_up(host, port):
    """Return when the server has seen all that was sent before: it has one event loop."""
    with smtplib.SMTP(host, port, "tests", timeout=LONG) as smtp:
        assert smtp.noop()[0] == 250


def joke_threads():
    return [thread for thread in threading.enumerate() if "request" in thread.name]


# Jokes


def test_joke_has_the_shape_of_the_real_api(standins):
    response = get_joke(standins)
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {"id": "offline01", "joke": JOKES[0], "status": 200}


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        ("500", requests.HTTPError, "500"),
        ("garbage", requests.JSONDecodeError, "Expecting value"),
        ("reset", requests.ConnectionError, "ConnectionResetError"),  # and no orderly close
    ],
)
def test_joke_that_fails_is_an_error_to_its_client(standins, failure, error, says):
    standins.control(joke_failure=failure)
    with pytest.raises(error, match=says):
        response = get_joke(standins)
        response.raise_for_status()
        response.json()


@pytest.mark.parametrize("failure", ["hang", "drip", "flood"])
def test_joke_that_does_not_end_does_when_its_client_leaves(standins, failure):
    url = urlsplit(standins.joke_url)
    wait_for(lambda: not joke_threads())
    standins.control(joke_failure=failure)
    with socket.create_connection((url.hostname, url.port), timeout=LONG) as sock:
        sock.sendall(b"GET /joke HTTP/1.0\r\nAccept: application/json\r\n\r\n")
        wait_for(joke_threads)
    wait_for(lambda: not joke_threads())
    standins.control(joke_failure=None)
    assert get_joke(standins).json()["joke"] == JOKES[0]  # the client that left took none


# Mails


def test_mail_is_in_the_inbox(standins):
    sent_at = time.time()
    send(standins, make_mail("Grüße, Zoë ✓", "Hällo", "<p>Hällo</p>"))
    inbox = get(standins, "/inbox.json").json()
    assert inbox["count"] == 1
    (mail,) = inbox["mails"]
    assert sent_at - 1 < mail.pop("received_at") < time.time() + 1
    assert mail == {
        "from": "Sign-up <hello@example.com>",
        "to": ["ada@example.com"],
        "subject": "Grüße, Zoë ✓",
        "message_id": "<1@example.com>",
        "text": "Hällo\n",
        "html": "<p>Hällo</p>\n",
    }


@pytest.mark.parametrize(
    "source",
    [
        b"no header, no body",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nbody",
        b"Message-ID: <[x\r\nFrom: <\r\nSubject: \xff\xfe\r\n\r\nbody \xff",
        b"Content-Type: multipart/alternative\r\n\r\nbody",
        b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody",
    ],
)
def test_malformed_mail_is_kept_and_shown(standins, source):
    with smtplib.SMTP(standins.smtp_host, standins.smtp_port, "tests") as smtp:
        smtp.sendmail("a@example.com", "b@example.com", source)
    assert get(standins, "/inbox.json").json()["count"] == 1
    assert get(standins, "/").status_code == 200


def test_inbox_keeps_the_latest_mails_only(standins, monkeypatch):
    monkeypatch.setattr("tools.standins.state.MAX_MAILS", 3)
    for number in range(5):
        send(standins, make_mail(f"mail {number}"))
    assert [mail["subject"] for mail in standins.inbox] == ["mail 2", "mail 3", "mail 4"]


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        ("4xx", smtplib.SMTPDataError, "451"),
        ("garbage", smtplib.SMTPDataError, "-1"),
        ("5xx", smtplib.SMTPRecipientsRefused, "550"),
        ("reset", smtplib.SMTPServerDisconnected, "closed: "),  # and no orderly close
    ],
)
def test_mail_that_fails_is_an_error_and_not_in_the_inbox(standins, failure, error, says):
    standins.control(mail_failure=failure)
    with pytest.raises(error, match=says):
        send(standins)
    assert standins.inbox == []


def test_mail_of_a_client_that_left_a_hang_is_not_delivered(standins):
    standins.control(mail_failure="hang")
    with mail_under_way(standins.smtp_host, standins.smtp_port):
        pass
    let_mail_server_catch_up(standins.smtp_host, standins.smtp_port)
    standins.control(mail_failure=None)
    send(standins, make_mail("delivered"))
    assert [mail["subject"] for mail in standins.inbox] == ["delivered"]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"mail_failure": "hang"}, {"mail_failure": None}, 250),
        ({"mail_delay": 600}, {"mail_delay": 0, "mail_failure": "4xx"}, 451),
    ],
)
def test_changed_settings_count_for_mails_that_wait(standins, before, after, code):
    standins.control(**before)
    with mail_under_way(standins.smtp_host, standins.smtp_port) as smtp:
        assert standins.inbox == []
        post_control(standins, after)
        assert smtp.getreply()[0] == code


# The inbox page


def test_page_escapes_hostile_mail_and_allows_no_script_and_no_other_site(standins):
    hostile = "</pre></h2>\"'><script>alert(1)</script>"
    send(standins, make_mail(hostile, text=hostile, html=hostile))
    answer = get(standins, "/")
    assert "<script" not in answer.text
    assert answer.text.count("&lt;/pre&gt;&lt;/h2&gt;&quot;&#x27;&gt;&lt;script&gt;alert(1)") == 4
    assert "<iframe sandbox " in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy and "http" not in policy


def test_inbox_shows_the_newest_mail_first_and_can_be_emptied(standins):
    send(standins, make_mail("older"))
    send(standins, make_mail("newer"))
    page = get(standins, "/").text
    assert page.index("newer") < page.index("older")
    emptied = requests.delete(standins.http_url + "/inbox.json", timeout=LONG)
    assert emptied.json()["count"] == 0
    assert get(standins, "/inbox.json").json() == {"count": 0, "mails": []}


# Control


def test_control_sets_any_subset_and_returns_all(standins):
    changes = {"joke_delay": 1.5, "mail_failure": "hang"}
    everything = {"joke_failure": None, "mail_delay": 0} | changes
    assert post_control(standins, changes).json() == everything
    assert get(standins, "/control").json() == everything


@pytest.mark.parametrize(
    "bad",
    [
        '{"joke_delay": 1, "colour": "red"}',
        '{"joke_delay": 1, "joke_failure": "4xx"}',
        '{"joke_delay": 1, "mail_failure": ["hang"]}',
        '{"joke_delay": true}',
        '{"joke_delay": NaN}',
        '{"joke_delay": -0.1}',
        '{"joke_delay": 600.1}',
        '{"joke_delay": 1' + "0" * 5000 + "}",
        "[]",
        "",
        b"\xff",
        "[" * 60_000,
    ],
    ids=lambda bad: str(bad[:40]),
)
def test_bad_control_is_refused_and_changes_nothing(standins, bad):
    before = get(standins, "/control").json()
    response = post_control(standins, bad)
    assert response.status_code == 400
    assert ALLOWED in response.json()["error"]
    assert get(standins, "/control").json() == before


def test_large_control_is_refused(standins):
    assert post_control(standins, " " * 64_001).status_code == 413


# Other websites, whose pages may read nothing, and whose forms and scripts may change nothing


@pytest.mark.parametrize("path", ["/", "/inbox.json", "/control"])
def test_other_websites_get_no_answer(standins, path):
    assert get(standins, path, Host="evil.example").status_code == 400
    for host in ["LOCALHOST:1", "[::1]:8010"]:
        assert get(standins, path, Host=host).status_code == 200
    form = {"Content-Type": "text/plain"}
    assert post_control(standins, {"joke_delay": 1}, **form).status_code == 415
    # A browser asks first, before a script sends JSON or a DELETE to another site.
    answer = requests.options(standins.http_url + path, timeout=LONG)
    assert answer.status_code == 405
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert standins.settings["joke_delay"] == 0


# Starting and stopping


@pytest.mark.parametrize("port", ["--http-port", "--smtp-port"])
def test_port_in_use_is_one_line_and_status_1(port):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        ended = completed([*COMMAND, f"{port}={number}"])
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert str(number) in ended.stderr


@pytest.mark.parametrize(
    ("name", "failure"),
    [("SIGTERM", "hang"), ("SIGTERM", "drip"), ("SIGTERM", "flood"), ("SIGINT", "hang")],
)
def test_process_stops_cleanly_while_requests_do_not_end(name, failure):
    if os.name == "nt" and name == "SIGINT":
        pytest.skip("Windows sends Ctrl-C to the whole console")
    command = [*COMMAND, "--joke-delay=0", "--mail-delay=0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, **pipes))
        stack.callback(process.kill)
        printed = dict(process.stdout.readline().rsplit(maxsplit=1) for _ in range(4))
        url, joke_api = printed["control"], urlsplit(printed["joke API"])
        failures = {"joke_failure": failure, "mail_failure": failure}
        assert requests.post(url, json=failures, timeout=LONG).json()["joke_delay"] == 0
        smtp_host, smtp_port = printed["SMTP"].split(":")
        server = psutil.Process(process.pid)
        before = server.num_threads()
        with (
            socket.create_connection((joke_api.hostname, joke_api.port), timeout=LONG) as sock,
            mail_under_way(smtp_host, int(smtp_port)),
        ):
            sock.sendall(b"GET /joke HTTP/1.0\r\n\r\n")
            wait_for(lambda: server.num_threads() > before)  # the joke API has taken it
            assert requests.get(url, timeout=LONG).status_code == 200
            process.send_signal(getattr(signal, name))  # on Windows, SIGTERM is terminate()
            process.wait(LONG)
        assert process.stderr.read() == ""
        assert process.returncode == (1 if os.name == "nt" else 128 + getattr(signal, name))
