import requests
from django.conf import settings

FALLBACK = "No joke today: the one about the slow API is still loading."
MAX_LENGTH = 1_000  # characters
TIMEOUT = (4, 5)  # seconds to connect, and of silence before the next byte; there is no other limit


class NoJoke(Exception):
    """The joke API is silent, down or talks nonsense; the text says which."""


def get_joke():
    """Return a joke from the joke API; raise NoJoke."""
    try:
        response = requests.get(
            settings.JOKE_API_URL, headers={"Accept": "application/json"}, timeout=TIMEOUT
        )
        response.raise_for_status()
        joke = response.json()["joke"]
        if not isinstance(joke, str) or not 0 < len(joke) <= MAX_LENGTH:
            raise ValueError("the joke is not a text of a joke's length")
        joke.encode()  # half a surrogate pair is valid JSON, and no text that can be sent
    # requests.Timeout is a RequestException and no built-in TimeoutError, which never catches it.
    except (requests.RequestException, LookupError, TypeError, ValueError, RecursionError) as error:
        raise NoJoke(f"{type(error).__name__}: {error}") from error
    return joke
