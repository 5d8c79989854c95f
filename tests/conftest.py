import signal
import sqlite3
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tools.standins import Standins
from tools.steps import STEPS, Step, consumer, free_port, migrate, server, step_environment
from tools.timings import TimingLog
from tools.visitor import Visitor, make_picture

# A shell ignores Ctrl-C for what it runs in the background, and for all that this starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Fixtures that start sites, or run a slow command, for several tests.
SHARED = {"built", "recording", "sites", "started_site", "started_slow_site"}


@pytest.hookimpl(tryfirst=True)  # before that of pytest-xdist, which reads the groups
def pytest_collection_modifyitems(items):
    """Keep tests that share such a fixture in one worker of pytest-xdist, which starts it once."""
    for item in items:
        for name in SHARED & set(item.fixturenames):
            step = item.callspec.params["started_site"].name if name == "started_site" else ""
            item.add_marker(pytest.mark.xdist_group(step or name))


@dataclass
class Site:
    """A step that runs: a real server, a real consumer if it has one, and a log to read."""

    step: Step
    url: str
    var_dir: Path
    standins: Standins

    def visitor(self):
        """Return a visitor with a name that nobody else has."""
        return Visitor(self.url, f"ada-{uuid4().hex[:8]}")

    def timing_log(self):
        """Return the timing log from here on."""
        log = TimingLog(self.var_dir)
        log.new_records()
        return log

    def files(self):
        """Return the names of all pictures and thumbnails that the site keeps."""
        return {path.name for path in (self.var_dir / "media").rglob("*.*")}

    def rows(self, query, values=()):
        """Return the rows that the query finds in the site's database."""
        with closing(sqlite3.connect(self.var_dir / "db.sqlite3")) as database:
            return database.execute(query, values).fetchall()

    def server_processes(self):
        """Return the server's process; on Windows, the launcher of a virtual environment, too."""
        address, found = self.url.removeprefix("http://"), []
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # one that has ended has no command line
                if address in process.cmdline():
                    found.append(process)
        return found


@pytest.fixture(scope="session")
def started_standins():
    with Standins(http_port=0, smtp_port=0, joke_delay=0, mail_delay=0) as standins:
        yield standins


@pytest.fixture
def standins(started_standins):
    """The stand-ins, with everything in order again before and after the test."""
    well = {"joke_delay": 0, "mail_delay": 0, "joke_failure": None, "mail_failure": None}
    started_standins.control(**well)
    yield started_standins
    started_standins.control(**well)


@pytest.fixture(scope="session", params=STEPS, ids=lambda step: step.name)
def started_site(request, started_standins, tmp_path_factory):
    step = request.param
    folder = tmp_path_factory.mktemp(step.name)
    environment = step_environment(step, started_standins, folder / "var")
    environment["SIMULATED_RESIZE_SECONDS"] = "0"
    migrate(step, environment)
    with ExitStack() as stack:
        url = stack.enter_context(
            server(step, environment, "127.0.0.1", free_port(), folder / "server.log")
        )
        if step.has_consumer:
            stack.enter_context(consumer(step, environment, folder / "consumer.log"))
        yield Site(step, url, folder / "var", started_standins)


@pytest.fixture
def site(started_site, standins):
    """Each step in turn, as real processes on real sockets."""
    return started_site


@pytest.fixture(scope="session")
def picture():
    """A photo of 12 million pixels, as a JPEG's bytes."""
    return make_picture()


@contextmanager
def step_4_site(standins, folder):
    """Run step 4's site without its consumer; yield it, and the environment to start one in."""
    step = STEPS[3]
    environment = step_environment(step, standins, folder / "var")
    environment |= {"SIMULATED_RESIZE_SECONDS": "0.3", "LEASE_SECONDS": "5", "TMPDIR": str(folder)}
    migrate(step, environment)
    with server(step, environment, "127.0.0.1", free_port(), folder / "server.log") as url:
        yield Site(step, url, folder / "var", standins), environment


@pytest.fixture
def step_4(standins, tmp_path):
    """Step 4's site without its consumer, and the environment to start one in."""
    standins.control(joke_delay=0.05, mail_delay=0.05)
    with step_4_site(standins, tmp_path) as site_and_environment:
        yield site_and_environment


@contextmanager
def workers(site, environment, name):
    """Run the site's consumer for the length of the block; its log gets the name."""
    with consumer(site.step, environment, site.var_dir.parent / name) as process:
        yield process
