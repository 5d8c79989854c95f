import json

import requests
from django.conf import settings

from .limits import joke_places, within

FALLBACK = "No joke today: the one about the slow API is still loading."
MAX_LENGTH = 1_000  # characters
MAX_BYTES = 20_000  # of the answer


class NoJoke(Exception):
    """The joke API timed out, failed, or sent no joke; the text says which."""


def get_joke():
    """Return a joke from the joke API; raise NoJoke."""
    try:
        joke = json.loads(within(settings.CONVERSATION_SECONDS, joke_places, fetch))["joke"]
        if not isinstance(joke, str) or not 0 < len(joke) <= MAX_LENGTH:
            raise ValueError("the joke is not a text of a joke's length")
        joke.encode()  # half a surrogate pair is valid JSON, and no text that can be sent
    # requests.Timeout is a RequestException and no built-in TimeoutError, which never catches it.
    except (requests.RequestException, LookupError, TypeError, ValueError, RecursionError) as error:
        raise NoJoke(f"{type(error).__name__}: {error}") from error
    except TimeoutError as error:  # that of within()
        raise NoJoke(f"the joke was {error}") from error
    return joke


def fetch():
    """Return what the joke API answers with; what is longer than MAX_BYTES is no joke."""
    # No redirects: requests would read the whole body of each.
    options = {"timeout": settings.SILENCE_SECONDS, "stream": True, "allow_redirects": False}
    headers = {"Accept": "application/json"}
    with requests.get(settings.JOKE_API_URL, headers=headers, **options) as response:
        response.raise_for_status()
        content = b""
        for chunk in response.iter_content(MAX_BYTES):
            content += chunk
            if len(content) > MAX_BYTES:
                raise ValueError(f"the answer has more than {MAX_BYTES} bytes")
        return content
