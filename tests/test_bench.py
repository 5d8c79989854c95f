"""The benchmarks, run for real with so few measurements that their figures are worth nothing."""

import json
import sqlite3
from contextlib import closing
from io import StringIO

from rich.console import Console

from tools.arguments import parse
from tools.measure.bench import __main__ as bench
from tools.measure.bench import floor, growth, load, queues
from tools.measure.bench.client import send_at_once, sign_up_requests
from tools.measure.bench.measuring import Bench
from tools.measure.frame import SEED
from tools.sites.machine import machine_and_versions
from tools.sites.processes import kill
from tools.sites.visitor import make_picture

from .test_commands import LIMIT


def test_part_is_measured_and_others_of_the_same_machine_are_kept(tmp_path):
    about = {"seed": SEED} | machine_and_versions(bench.PACKAGES)
    path, kept = tmp_path / "record.json", {"date": "2026-11-21"}
    path.write_text(json.dumps(about | {"parts": {"pictures": kept}}), encoding="utf-8")
    shown = Console(file=StringIO(), width=200)
    bench.measure(parse("bench", ["growth", "--quick", f"--json={path}"]), shown)
    record = json.loads(path.read_text(encoding="utf-8"))
    parts = record.pop("parts")
    assert record == about
    assert list(parts) == ["growth", "pictures"]  # in the order of the command
    assert parts["pictures"] == kept
    seconds = parts["growth"]["seconds"]
    assert set(seconds) == {growth.FEW, "1000 jobs"}
    assert all(each > 0 for found in seconds.values() for [each] in found.values())
    assert "repair, 1000 jobs" in shown.file.getvalue()


def test_bare_sign_up_saves_user_and_profile_and_does_nothing_else(standins, tmp_path):
    with floor.bare_site(standins, tmp_path / "var") as site:
        messages = sign_up_requests(site.url, ["ada", "bob"], make_picture((40, 30)))
        assert all(answer.is_profile for answer in send_at_once(site.url, messages))
    with closing(sqlite3.connect(tmp_path / "var" / "db.sqlite3")) as database:
        query = "SELECT username, password, picture FROM accounts_user JOIN accounts_profile"
        rows = sorted(database.execute(f"{query} ON user_id = id"))
    assert [(name, picture) for name, _, picture in rows] == [("ada", ""), ("bob", "")]
    assert all(password.startswith("argon2$argon2id$") for _, password, _ in rows)
    assert list((tmp_path / "var").glob("timings.*")) == []
    result = load.new_result()
    load.note(result, send_at_once(site.url, messages[:1]))  # it is gone
    assert result["errors"] == 1


def test_each_takes_its_turn_in_each_round_and_the_order_is_the_same_again():
    def turns():
        return list(Bench(Console(quiet=True)).turns("abc", 20, ""))

    order = turns()
    assert order == turns()
    assert sorted(order) == [(number, name) for number in range(20) for name in "abc"]
    assert [name for _, name in order[:3]] != [name for _, name in order[3:6]]


def test_lines_that_a_queue_takes_are_those_of_its_code(tmp_path):
    path = tmp_path / "tasks.py"
    path.write_text('"""Of two\n\nlines."""\n\n# why\nA = 1\n\n\ndef b():\n    return A\n', "utf-8")
    assert queues.code_lines(path) == 3


def test_killed_worker_of_a_queue_leaves_what_it_did_unfinished(tmp_path):
    [queue] = [queue for queue in queues.QUEUES if queue.name == "Huey, SQLite"]
    with queues.Lane(queue, tmp_path / "lane", {}) as lane:
        idle, [[at, seconds]] = lane.queue_tasks(1)
        assert seconds > 0
        lane.start()
        assert lane.wait(idle)[0] > lane.notes("begun")[0] > at
        slow, _ = lane.queue_tasks(2, LIMIT)
        lane.wait(slow, "begun")
        later, _ = lane.queue_tasks(1)
        lane.stop(kill)
        assert lane.at_work() == set(slow)
        lane.start()
        lane.wait(later)
        assert lane.at_work() == set(slow)
