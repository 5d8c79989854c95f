import socket
from contextlib import suppress
from threading import Event, Thread

import pytest
from werkzeug import Response

from accounts import jokes
from accounts.jokes import NoJoke, get_joke

from .conftest import JOKE


def test_joke_is_asked_for_as_json(joke_api):
    assert get_joke() == JOKE
    [(request, _)] = joke_api.log
    assert request.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(Response("out of jokes", status=500), id="error"),
        pytest.param(Response("out of jokes"), id="no JSON"),
        pytest.param(Response("[" * 100_000), id="JSON without end"),
        pytest.param(Response('["joke"]'), id="a list"),
        pytest.param(Response("null"), id="null"),
        pytest.param(Response('{"fun": "none"}'), id="no joke"),
        pytest.param(Response('{"joke": 42}'), id="a number"),
        pytest.param(Response('{"joke": ""}'), id="an empty joke"),
        pytest.param(Response('{"joke": "%s"}' % ("ha" * 1000)), id="a novel"),
        pytest.param(Response(r'{"joke": "\ud83d"}'), id="half a character"),
        pytest.param(Response(b"\xff\xfe\xfa\xce"), id="no text"),
    ],
)
def test_nonsense_is_no_joke(joke_api, response):
    joke_api.clear()
    joke_api.expect_request("/").respond_with_response(response)
    with pytest.raises(NoJoke):
        get_joke()


def test_api_that_is_down_has_no_joke(settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.JOKE_API_URL = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(NoJoke, match="ConnectionError"):
            get_joke()


def test_api_that_never_answers_has_no_joke(settings):
    settings.SILENCE_SECONDS = 0.1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.JOKE_API_URL = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NoJoke, match="ReadTimeout"):
            get_joke()


def test_api_that_drips_has_no_joke(settings):
    settings.CONVERSATION_SECONDS = 0.3
    stopped = Event()

    def drip(server):
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            while not stopped.wait(0.05):  # far less than the time-out
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.JOKE_API_URL = f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread = Thread(target=drip, args=[server])
        thread.start()
        with pytest.raises(NoJoke, match="not done after 0.3 s"):
            get_joke()
        stopped.set()
        thread.join()


def test_endless_answer_is_no_joke(joke_api, settings):
    settings.SILENCE_SECONDS = 0.5
    given_up = Event()

    def answer():
        yield b"ha" * 20_000
        given_up.wait(5)

    joke_api.clear()
    joke_api.expect_request("/").respond_with_response(Response(answer()))
    with pytest.raises(NoJoke, match="more than 20000 bytes"):
        get_joke()
    given_up.set()


def test_endless_redirect_is_no_joke(joke_api):
    joke_api.clear()
    joke_api.expect_request("/").respond_with_data(
        b"ha" * 1_000_000, status=302, headers={"Location": "/joke"}
    )
    joke_api.expect_request("/joke").respond_with_json({"joke": JOKE})
    with pytest.raises(NoJoke, match="more than 20000 bytes"):
        get_joke()


def test_built_in_timeout_error_does_not_catch_a_time_out_of_requests():
    # Which is why `except TimeoutError` around requests.get() never helps.
    assert not issubclass(jokes.requests.Timeout, TimeoutError)


def test_time_outs_are_set(settings):
    assert 0 < settings.SILENCE_SECONDS <= 5
    assert settings.EMAIL_TIMEOUT == settings.SILENCE_SECONDS
    assert 0 < settings.CONVERSATION_SECONDS <= 10
