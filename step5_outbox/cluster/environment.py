"""Reads the environment's variables. An error names the variable that is missing or wrong."""

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def given(name, default=None, kind=str):
    """Return what `kind` makes of the variable's text, or the default without one."""
    text = os.environ.get(name)
    if not text:
        os.environ.pop(name, None)  # an empty one counts as missing in settings.py as well
        if default is None:
            raise ImproperlyConfigured(f"{name} is missing.")
        return default
    try:
        return kind(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is wrong: {error}.") from None


def check_what_settings_read():
    """Check what settings.py reads, whose own errors don't say which variable is wrong."""
    for name in ["SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_HOST"]:
        given(name)
    for name in ["EMAIL_PORT", "OUTBOX_LEASE_SECONDS", "OUTBOX_MAX_ATTEMPTS"]:
        given(name, 1, above_0(int))
    for name in ["SILENCE_SECONDS", "CONVERSATION_SECONDS"]:
        given(name, 1, above_0(float))
    given("SIMULATED_RESIZE_SECONDS", 0, float)


def switch(text):
    if text not in ["on", "off"]:
        raise ValueError("it must be on or off")
    return text == "on"


def above_0(kind):
    def number(text):
        if not kind(text) > 0:
            raise ValueError("it must be above 0")
        return kind(text)

    return number


def address(*schemes):
    def url(text):
        try:
            parts = urlsplit(text)
            is_right = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:  # whose text may show a part of a password
            is_right = False
        if not is_right:
            raise ValueError(f"it must begin with {schemes[0]}:// and a host")
        return text

    return url
