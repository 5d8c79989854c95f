import os
import shutil
import signal
import sqlite3
import subprocess
import time
from compileall import compile_dir
from contextlib import closing, contextmanager
from threading import Thread
from uuid import uuid4

import pytest

from tools.sites.catalogue import ROOT, STEPS
from tools.sites.manage import manage, manage_once, new_database
from tools.sites.processes import family, has_ended, python_path, running, wait_until
from tools.sites.site import Site, running_site, running_sites, words
from tools.sites.visitor import Visitor, make_picture
from tools.standins.standins import Standins

# A shell ignores Ctrl-C for what it runs in the background, and for all that this starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def at(*steps):
    """Return the mark of a test that needs the site of these steps alone."""
    options = {"ids": lambda step: step.name, "indirect": True, "scope": "session"}
    return pytest.mark.parametrize("started_site", steps, **options)


# For what the visitor meets before any work begins: the same code in the steps between, as
# tests/test_code.py holds.
at_both_ends = at(STEPS[0], STEPS[-1])
# For what hangs on the form, the settings and the pages alone, which all steps share.
at_the_last_step = at(STEPS[-1])

# Fixtures that start sites, run a slow command or import for a second, for several tests.
SHARED = {"built", "cluster", "recording", "sites", "started_outbox", "started_site"}
SHARED |= {"started_step_4", "timing_log"}
# What takes long goes first. Most of it waits, and leaves the processor to the steps' own tests.
FIRST = ["test_record", "test_cluster", "test_environment", "test_tasks", "test_durability"]
FIRST += ["test_outages"]
LIMIT = 90  # seconds, for what never happens
# A sign-up's hash takes as long as the rest of it.
LIGHT = {"DJANGO_SETTINGS_MODULE": "light_settings", "PYTHONPATH": python_path(ROOT / "tests")}
# A consumer asks for tasks ten times a second, not fifty times: some wait for most of the run.
UNHURRIED = ["--delay=0.1", "--max-delay=0.1"]


def pytest_configure(config):
    """Run the steps as on a reader's machine, where Huey finds no further package to import.

    See tests/startup/sitecustomize.py. Not so the processes that run tests, workers of
    pytest-xdist among them.
    """
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        os.environ["WITHOUT_PACKAGES"] = "django_tasks psycopg redis"


def pytest_sessionstart(session):
    """Let a run of all tests make once, while its workers collect them, what many would make."""
    if "NEW_DATABASES" in os.environ and not hasattr(session.config, "workerinput"):
        Thread(target=prepare_steps, daemon=True).start()


def prepare_steps():
    for step in STEPS:
        compile_dir(step.folder, quiet=1)
        new_database(step)


@pytest.hookimpl(wrapper=True)  # so that pytest-xdist, inside, finds the groups
def pytest_collection_modifyitems(items):
    """Keep tests that share such a fixture in one worker of pytest-xdist, one after the other."""
    for item in items:
        for name in SHARED & set(item.fixturenames):
            group = name
            if name == "started_site":  # one of each step
                group = item.callspec.params[name].name
            elif name == "started_outbox":  # one of each module
                group = f"{name} of {item.path.stem}"
            item.add_marker(pytest.mark.xdist_group(group))
    result = yield
    items.sort(key=place)
    return result


def place(item):
    """Return the key to sort by; in the end, the tests in no group fill the workers evenly."""
    stem = item.path.stem
    return FIRST.index(stem) if stem in FIRST else len(FIRST), not groups(item), groups(item)


def groups(item):
    return sorted({mark.args[0] for mark in item.iter_markers("xdist_group")})


@pytest.hookimpl(trylast=True)  # after the test's own fixtures
def pytest_runtest_teardown(item, nextitem):
    """Stop the sites of a group after its last test: consumers take CPU time while they wait.

    Else those with the scope of the session would run until all tests are over.
    """
    if nextitem is None or groups(nextitem) != groups(item):
        for site in sites_of(item):
            site.stop()


def sites_of(item):
    """Return the sites that a test's fixtures gave it, alone or in a dictionary."""
    values = item.funcargs.values()
    found = [site for value in values if isinstance(value, dict) for site in value.values()]
    return {site for site in [*values, *found] if isinstance(site, Site)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Show, of a test that failed, the last lines that its sites wrote."""
    report = yield
    if report.failed:
        logs = {log for site in sites_of(item) for log in site.log.parent.glob("*log")}
        report.sections += [(log.name, words(log)[-3_000:]) for log in sorted(logs)]
    return report


def wait_for(condition, seconds=60, pause=0.1):
    """Return the first true value of the condition; fail when there is none in so many seconds.

    That is a limit for what never happens, not a speed that is tested. Each look costs something:
    `pause` is how many seconds lie between two.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(pause)
    return value


def completed(command, cwd=ROOT, **variables):
    """Run a command to its end, with further environment variables; return what came of it."""
    options = {"cwd": cwd, "env": os.environ | variables, "timeout": 600}
    return subprocess.run(command, capture_output=True, encoding="utf-8", **options)


class VisitedSite(Site):
    """A step that runs: a real server, a real consumer if it has one, and what tests ask of it."""

    def start_consumer(self, *options):
        super().start_consumer(*UNHURRIED, *options)

    def visitor(self):
        """Return a visitor with a name that nobody else has."""
        return Visitor(self.url, f"ada-{uuid4().hex[:8]}")

    def files(self):
        """Return the names of all pictures and thumbnails that the site keeps."""
        return {path.name for path in (self.var_dir / "media").rglob("*.*")}

    def remove_orphans(self):
        """Let the sweep remove the files that no row names, as if they were days old."""
        for path in (self.var_dir / "media").rglob("*.*"):
            os.utime(path, (0, 0))
        manage_once(self.step, self.environment, "remove_orphans")

    def rows(self, query, values=()):
        """Return the rows that the query finds in the site's database."""
        with closing(sqlite3.connect(self.var_dir / "db.sqlite3")) as database:
            return database.execute(query, values).fetchall()

    def server_processes(self):
        """Return the server's process; on Windows, the launcher of a virtual environment, too."""
        return family(self.server)


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
    var_dir = tmp_path_factory.mktemp(step.name) / "var"
    options = LIGHT | {"kind": VisitedSite, "SIMULATED_RESIZE_SECONDS": 0}
    options |= {"SILENCE_SECONDS": 3, "CONVERSATION_SECONDS": 5}
    with running_site(step, started_standins, var_dir, **options) as site:
        yield site


@pytest.fixture
def site(started_site, standins):
    """Each step in turn, as real processes on real sockets."""
    return started_site


@pytest.fixture(scope="session")
def sites(started_standins, tmp_path_factory):
    """The sites of all five steps, running side by side."""
    folder = tmp_path_factory.mktemp("sites")
    var_dirs = {step: folder / step.name for step in STEPS}
    variables = LIGHT | {"SIMULATED_RESIZE_SECONDS": 0.2, "OUTBOX_LEASE_SECONDS": 2}
    # What hangs does so until a test ends it.
    variables |= {"SILENCE_SECONDS": LIMIT, "CONVERSATION_SECONDS": LIMIT}
    with running_sites(started_standins, var_dirs, kind=VisitedSite, **variables) as sites:
        yield sites


@pytest.fixture(scope="module")
def with_all_packages():
    """Let what the module's tests start have the packages that tests/startup hides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WITHOUT_PACKAGES")
        yield


@pytest.fixture(scope="session")
def timing_log():
    """A module of the notebooks, which imports pandas: not in each worker of a run."""
    import timing_log

    return timing_log


@pytest.fixture(scope="session")
def plots(timing_log):
    import plots

    return plots


@pytest.fixture(scope="session")
def claims(timing_log):
    import claims

    return claims


@pytest.fixture(scope="session")
def limits(timing_log):
    import limits

    return limits


@pytest.fixture(scope="session")
def picture():
    """A photo of 12 million pixels, as a JPEG's bytes."""
    return make_picture()


@contextmanager
def outbox_site(standins, folder, **variables):
    """Run the site of the step with an outbox, without its consumer, which `workers` runs."""
    [step] = [step for step in STEPS if step.has_outbox]
    variables = {
        **LIGHT,
        "SIMULATED_RESIZE_SECONDS": 0.3,
        "OUTBOX_LEASE_SECONDS": 5,
        "SILENCE_SECONDS": 2,
        "CONVERSATION_SECONDS": 3,
        "TMPDIR": folder,
    } | variables
    options = {"kind": VisitedSite, "with_consumer": False}
    with running_site(step, standins, folder / "var", **options, **variables) as site:
        yield site


@pytest.fixture(scope="module")
def started_outbox(started_standins, tmp_path_factory):
    with outbox_site(started_standins, tmp_path_factory.mktemp("outbox")) as site:
        yield site


# All that a sign-up leaves behind, by database.
TABLES = {
    "db.sqlite3": ["outbox_job", "accounts_profile", "accounts_user", "django_session"],
    "huey.sqlite3": ["task", "schedule"],
}


@pytest.fixture
def outbox(started_outbox, standins):
    """The site of the step with an outbox, without its consumer, as if nobody had signed up yet.

    Its server is the same for all tests of a module, unless one of them has killed it.
    """
    site = started_outbox
    for name, tables in TABLES.items():
        if (site.var_dir / name).exists():
            with closing(sqlite3.connect(site.var_dir / name)) as database, database:
                for table in tables:
                    database.execute(f"DELETE FROM {table}")
    shutil.rmtree(site.var_dir / "media", ignore_errors=True)
    for log in [site.log, *site.var_dir.glob("timings.*.jsonl")]:
        os.truncate(log, 0)  # a server that runs appends to them
    for log in site.log.parent.glob("consumer*.log"):
        log.unlink()
    if has_ended(site.server):
        site.start_server()
    standins.control(joke_delay=0.05, mail_delay=0.05)
    return site


@contextmanager
def workers(site, name, *arguments, **variables):
    """Run a consumer of the site for the length of the block; yield its process.

    Its log, beside the site's, gets the name. `arguments` are further ones of run_huey, `variables`
    are environment variables of its own.
    """
    variables = {key: str(value) for key, value in variables.items()}
    options = {"cwd": site.step.folder, "env": site.environment | variables}
    log = site.log.with_name(name)
    with running(manage("run_huey", *UNHURRIED, *arguments), log, **options) as process:
        wait_until(lambda: "consumer started" in words(log), process, name, log)
        yield process
