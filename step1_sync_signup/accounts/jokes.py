import requests
from django.conf import settings
from safeguards.http import Session

FALLBACK = "No joke today: the one about the slow API is still loading."


class NoJoke(Exception):
    """The joke API timed out, failed, or sent no joke; the text says which."""


def get_joke():
    """Return a joke from the joke API; raise NoJoke."""
    headers = {"Accept": "application/json"}
    try:
        with Session() as session:
            response = session.get(
                settings.JOKE_API_URL, headers=headers, timeout=settings.SILENCE_SECONDS
            )
        response.raise_for_status()
        return str(response.json()["joke"])
    # requests.Timeout is a RequestException. `except TimeoutError` would never catch it.
    except (requests.RequestException, LookupError, TypeError) as error:
        raise NoJoke(f"{type(error).__name__}: {error}") from error
