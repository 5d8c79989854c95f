"""The browser that the tests and the screenshots open the pages with: one that is there already."""

import shutil
from contextlib import contextmanager

from playwright.sync_api import Error, sync_playwright

# Playwright itself turns off what a browser does in the background: updates, first-run pages,
# reports. This makes sure: no name leads anywhere, only the pages' own address does.
OPTIONS = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]


class NoBrowser(Exception):
    """There is no browser that can be driven; the text says how to fix that."""


@contextmanager
def open_browser():
    """Run a browser without a window for the length of the block; raise NoBrowser without one."""
    with sync_playwright() as playwright, launch(playwright.chromium) as browser:
        yield browser


def launch(chromium):
    """Return the first browser that starts: Chromium, Chrome or Edge."""
    paths = [shutil.which(name) for name in ["chromium", "chromium-browser"]]
    found = [{"executable_path": path} for path in paths if path]
    for browser in [*found, {"channel": "chrome"}, {"channel": "msedge"}]:
        try:
            # Playwright starts it without its sandbox, which root and many containers can't use.
            # The pages are our own.
            return chromium.launch(args=OPTIONS, **browser)
        except Error as error:
            problem = error
    raise NoBrowser(
        "no browser that starts was found: install Chromium, Chrome or Edge "
        "(on Debian 'sudo apt install chromium', on Ubuntu 'sudo snap install chromium')"
    ) from problem
