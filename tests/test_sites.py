"""Sites are killed and started again, also while others ask them for pages."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest
import requests

from tools.catalogue import BY_NUMBER
from tools.processes import StartError, has_ended
from tools.sites import running_site

LIMIT = 60  # seconds, for what never happens


def test_killed_consumer_is_started_again_and_the_server_goes_on(standins, tmp_path):
    with running_site(BY_NUMBER[5], standins, tmp_path / "var") as site:
        server, consumer = site.server, site.consumer
        site.kill()
        assert has_ended(consumer)
        assert site.answers()
        site.start_again()
        assert (site.server, site.answers()) == (server, True)
        assert site.consumer != consumer
    assert has_ended(site.server) and has_ended(site.consumer)


def test_killed_server_is_started_again_at_the_same_address_and_stays_stopped_in_the_end(
    standins, tmp_path
):
    stopping, pages = Event(), []

    def poll():
        while not stopping.wait(0.02):
            with suppress(requests.ConnectionError):
                pages.append(requests.get(site.url, timeout=LIMIT).ok)

    with (
        running_site(BY_NUMBER[1], standins, tmp_path / "var") as site,
        ThreadPoolExecutor() as threads,
    ):
        server = site.server
        site.kill()
        assert has_ended(server)
        assert not site.answers()
        site.start_again()
        assert site.answers()
        # Several threads may do so, while others ask for pages.
        polls = [threads.submit(poll) for _ in range(2)]
        restarts = [threads.submit(site.kill_and_restart) for _ in range(2)]
        try:
            for restart in restarts:
                restart.result(LIMIT)
            assert site.answers()
        finally:
            stopping.set()
        for poll in polls:
            poll.result(LIMIT)
    assert pages and all(pages)
    assert has_ended(site.server)
    with pytest.raises(StartError, match="was stopped"):
        site.start_again()
    assert not site.answers()


def test_site_that_can_not_start_says_why_and_leaves_no_process(standins, tmp_path):
    begin = time.monotonic()
    options = {"DJANGO_SETTINGS_MODULE": "config.no_such_settings"}
    with (
        pytest.raises(StartError, match="no_such_settings"),
        running_site(BY_NUMBER[1], standins, tmp_path / "var", **options),
    ):
        pass
    assert time.monotonic() - begin < LIMIT
