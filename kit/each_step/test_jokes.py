import socket

import pytest
from werkzeug import Response

from accounts.jokes import NoJoke, get_joke

from .fixtures import JOKE

JSON = "application/json"


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
        pytest.param(
            Response(r'{"joke": "\ud83d"}', mimetype="application/json"), id="half a character"
        ),
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


def test_time_outs_are_set(settings):
    assert 0 < settings.SILENCE_SECONDS <= 5
    assert settings.EMAIL_TIMEOUT == settings.SILENCE_SECONDS
    assert 0 < settings.CONVERSATION_SECONDS <= 10
