"""The browser that the tests of this folder share, and its pages."""

import os
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tools.publish.browser import NoBrowser, open_browser

expect.set_options(timeout=30_000)  # a limit for what never happens, not a speed that is tested


@pytest.fixture(scope="package")
def browser():
    try:
        with open_browser() as browser:
            yield browser
    except NoBrowser as problem:
        if "CI" in os.environ:
            raise
        pytest.skip(str(problem))


@pytest.fixture(scope="package")
def context_with(browser):
    """A function that returns the browser's context with such options, without any cookies.

    The tests share them, and a page of each stays open: a new window takes a second of CPU time.
    """
    contexts = {}

    def context_with(**options):
        key = repr(options)
        if key not in contexts:
            contexts[key] = browser.new_context(**options)
            contexts[key].new_page()
        contexts[key].clear_cookies()
        return contexts[key]

    return context_with


@pytest.fixture
def open_page(browser, context_with):
    """Open pages; the test fails when one logs an error or asks anybody but this machine."""
    complaints = []
    with ExitStack() as pages:

        def open_page(url, visitor=None, alone=False, **options):
            """Open an address, as a visitor who is logged in or as a stranger.

            `alone`: in a context that no other test gets, to change its clock, for example.
            """
            if alone:
                context = pages.enter_context(browser.new_context(**options))
            else:
                context = context_with(**options)
            if visitor:
                cookies = visitor.session.cookies.items()
                context.add_cookies([{"name": n, "value": v, "url": url} for n, v in cookies])
            page = pages.enter_context(context.new_page())
            page.on("request", lambda request: complain_of_request(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", complain_of_message)
            page.goto(url)
            return page

        def complain_of_request(url):
            address = urlsplit(url)
            if address.scheme not in ("data", "file") and address.hostname != "127.0.0.1":
                complaints.append(url)

        def complain_of_message(message):
            if message.type in ("error", "warning"):
                complaints.append(message.text)

        yield open_page
    assert complaints == []
