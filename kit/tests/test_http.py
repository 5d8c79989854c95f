import gzip
import json
import socket
from contextlib import suppress
from threading import Event, Thread

import pytest
import requests
from safeguards.http import Session
from werkzeug import Response

JOKE = "Why did the request wait? It had nobody to hand the work to."


def get_joke(url, timeout=5):
    with Session() as session:
        response = session.get(url, headers={"Accept": "application/json"}, timeout=timeout)
        response.raise_for_status()
        return response.json()["joke"]


@pytest.fixture
def api(httpserver):
    """A function that has a joke API on a real socket answer so, and returns its address."""

    def answer_with(response):
        httpserver.expect_request("/").respond_with_response(response)
        return httpserver.url_for("/")

    return answer_with


def test_session_is_that_of_requests(api, httpserver):
    assert get_joke(api(Response(json.dumps({"joke": JOKE})))) == JOKE
    [(request, _)] = httpserver.log
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"].startswith("python-requests")


@pytest.mark.parametrize(
    ("response", "error"),
    [
        pytest.param(Response("out of jokes", status=500), "500 Server Error", id="error"),
        pytest.param(Response("out of jokes"), "Expecting value", id="no JSON"),
        pytest.param(Response(b"\xff\xfe\xfa\xce"), "Expecting value", id="no text"),
        pytest.param(Response("[" * 19_000), "recursion", id="lists in lists"),
        pytest.param(Response("1" * 19_000), "4300 digits", id="a number of many digits"),
        pytest.param(Response(r'{"joke": "\ud83d"}'), "surrogates", id="half a character"),
        pytest.param(Response("ha" * 20_000), "more than 20000 bytes", id="long"),
        pytest.param(
            Response(gzip.compress(bytes(9_000_000)), headers={"Content-Encoding": "gzip"}),
            "more than 20000 bytes",
            id="long when it is unpacked",
        ),
        pytest.param(
            Response(b"no gzip", headers={"Content-Encoding": "gzip"}), "decod", id="damaged"
        ),
    ],
)
def test_every_bad_answer_is_an_error_of_requests(api, response, error):
    with pytest.raises(requests.RequestException, match=error):
        get_joke(api(response))


def test_redirect_is_not_followed(api, httpserver):
    url = api(Response(b"moved", status=302, headers={"Location": "/joke"}))
    with Session() as session:
        assert session.get(url, timeout=5).status_code == 302
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("status", [200, 302, 500])
def test_endless_answer_is_not_read_to_its_end(api, status):
    given_up = Event()

    def answer():
        yield b"ha" * 20_000
        given_up.wait(5)

    url = api(Response(answer(), status=status, headers={"Location": "/joke"}))
    with pytest.raises(requests.RequestException, match="more than 20000 bytes"):
        get_joke(url)
    given_up.set()


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url_of(server):
    return f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_server_that_is_down_is_a_connection_error(server):
    url = url_of(server)
    server.close()
    with pytest.raises(requests.ConnectionError):
        get_joke(url)


def test_silent_server_is_a_time_out(server):
    with pytest.raises(requests.Timeout, match="Read timed out"):
        get_joke(url_of(server), timeout=0.1)


def test_dripping_server_is_a_time_out(server, settings):
    settings.CONVERSATION_SECONDS = 0.3
    stopped = Event()

    def drip():
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            while not stopped.wait(0.05):  # far less than the timeout of each wait
                connection.sendall(b"H")

    thread = Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(requests.Timeout, match="not done after 0.3 s"):
            get_joke(url_of(server))
    finally:
        stopped.set()
        thread.join()


@pytest.mark.parametrize(
    ("name", "value"),
    [("REQUESTS_CA_BUNDLE", "gone.pem"), ("ALL_PROXY", "nonsense://127.0.0.1:1")],
)
def test_bad_setting_in_the_environment_is_an_error_of_requests(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(requests.RequestException):
        get_joke("https://jokes.invalid/")


def test_proxy_of_the_environment_is_used(api, httpserver, monkeypatch):
    proxy = api(Response('{"joke": "by proxy"}'))
    for name in ["NO_PROXY", "no_proxy"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    assert get_joke("http://jokes.invalid/") == "by proxy"
    httpserver.check()
