import gc
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from pathlib import Path
from subprocess import PIPE

import pytest

from config.queue import LastingStorage


@pytest.fixture
def path(tmp_path):
    return tmp_path / "huey.sqlite3"


@pytest.fixture
def opened(path):
    """A function that opens the queue, as each process does."""
    storages = []

    def open_queue():
        storages.append(LastingStorage("test", filename=path, create_tables=False, timeout=0.01))
        return storages[-1]

    yield open_queue
    for storage in storages:
        storage.close()


def handed_over(server, consumer):
    """Return what the consumer gets of what the server queues."""
    server.enqueue(b"task")
    return consumer.dequeue()


@pytest.mark.parametrize("pattern", ["huey.sqlite3", "huey.sqlite3*"])
@pytest.mark.parametrize("first", ["server", "consumer"])
def test_file_that_is_deleted_is_made_anew_by_whoever_sees_it_first(opened, path, pattern, first):
    server, consumer = opened(), opened()
    assert handed_over(server, consumer) == b"task"
    for file in path.parent.glob(pattern):
        file.unlink()
    if first == "consumer":
        assert consumer.dequeue() is None
    assert handed_over(server, consumer) == b"task"
    assert handed_over(server, opened()) == b"task"  # the consumer was restarted


CONSUMER = """
import sys
from pathlib import Path
from config.queue import LastingStorage

queue = LastingStorage("test", filename=Path(sys.argv[1]), create_tables=False)
print(queue.queue_size(), flush=True)
input()
print(queue.queue_size())
"""


def test_processes_that_start_together_share_one_file(opened, path, monkeypatch):
    unlink = Path.unlink
    begun = []

    def start_consumer():
        command = [sys.executable, "-c", CONSUMER, path]
        consumer = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, encoding="utf-8")
        consumer.stdout.readline()
        return consumer

    def unlink_late(self, **options):
        """Let the consumer begin, too, while the server makes room for a new file."""
        monkeypatch.undo()
        begun.append(threads.submit(start_consumer))
        wait(begun, timeout=1)  # or for as long as it likes: it may have to wait for the server
        unlink(self, **options)

    monkeypatch.setattr(Path, "unlink", unlink_late)
    with ThreadPoolExecutor() as threads:
        opened().enqueue(b"task")
        seen, _ = begun[0].result().communicate("\n")
    assert seen == "1\n"


def overwrite_file(path):
    path.write_bytes(b"garbage" * 1_000)


def overwrite_log(path):
    overwrite_file(path)
    overwrite_file(path.with_suffix(".sqlite3-wal"))


def overwrite_pages(path):
    with closing(sqlite3.connect(path)) as queue:
        queue.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:4096] + bytes([255]) * (size - 4096))


# Huey's connection to a file that is no database is left to Python, which says so from 3.13 on.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.parametrize("overwrite", [overwrite_file, overwrite_log, overwrite_pages])
@pytest.mark.parametrize("restarted", [True, False])
def test_file_that_is_overwritten_is_made_anew(opened, path, overwrite, restarted):
    server, consumer = opened(), opened()
    assert handed_over(server, consumer) == b"task"
    if restarted:
        server.close()
        consumer.close()
    overwrite(path)
    for _ in range(2):  # each of them may find the damage, and raises what it finds
        with suppress(sqlite3.DatabaseError):
            handed_over(server, consumer)
    assert handed_over(server, consumer) == b"task"
    assert handed_over(opened(), opened()) == b"task"
    if restarted:
        assert path.with_suffix(".damaged").exists()
    gc.collect()


def test_mistake_in_a_query_is_not_damage(opened, path):
    with pytest.raises(sqlite3.ProgrammingError):
        opened().sql("SELECT ?")
    assert not path.with_suffix(".damaged").exists()


def test_locked_file_is_not_damaged(opened, path):
    server, consumer = opened(), opened()
    assert handed_over(server, consumer) == b"task"
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            server.enqueue(b"task")
    assert handed_over(server, consumer) == b"task"
    assert not path.with_suffix(".damaged").exists()
