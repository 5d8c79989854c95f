"""Each assertion of the notebooks' claims fails when the data say otherwise.

That the claims hold for the records is proved by executing the notebooks.
"""

import ast
import inspect

import nbformat
import pandas as pd
import pytest

from tools.publish.notebooks import notebooks

HASH_FIRST = {"hash password": 3, "save user": 1}
WAIT = {"fetch joke": 1, "send mail": 1, "hash password": 9, "resize picture": 1}


def table(columns, *rows):
    return pd.DataFrame(rows, columns=columns.split())


def work(*rows):
    """Records of one sign-up, whose page is back after 2 s: event, lane, ended."""
    return table("event lane ended", *rows).assign(sign_up="1", process=1, request_process=1)


def saved(step1, step2, joke=3):
    """Two sign-ups that save the user until 2: when the profile was created, the joke begun."""
    rows = [
        (step, number, event, start, end)
        for number, (step, profile) in enumerate(
            [("step1_sync_signup", step1), ("step2_signals", step2)]
        )
        for event, start, end in [
            ("save user", 0, 2),
            ("create profile", 0, profile),
            ("fetch joke", joke, 4),
            ("resize picture", 5, 6),
        ]
    ]
    return table("step sign_up event start end", *rows)


def pages(*seconds):
    return pd.Series(seconds).groupby(list(range(1, 6)))


def lost(**changes):
    """What the steps lost of 10, in each way, least and most: as it should be, but for changes."""
    runs = {
        "step1_sync_signup": (10, 10, 10),
        "step2_signals": (10, 10, 10),
        "step3_threading": (0, 10, 10),
        "step4_huey": (0, 1, 2),
        "step5_outbox": (0, 0, 0),
    } | changes
    rows = [
        (step, way, number, number)
        for step, numbers in runs.items()
        for way, number in zip(["Ctrl-C", "SIGTERM", "SIGKILL"], numbers, strict=True)
    ]
    return table("step way min max", *rows).set_index(["step", "way"])


def jobs(*rows):
    return table("cut_off done", *rows).astype(bool)


def growth(users, repair):
    return pd.DataFrame(
        {"1000000 users": users, "1000 jobs": 1.0, "100000 jobs": repair}, index=["repair"]
    )


def faults(lost, seconds):
    return pd.DataFrame({"lost": lost, "seconds": seconds}, index=["clocks apart"])


BACK = pd.DataFrame({"page": [2.0], "done": [2.0]}, index=["1"])
SERIES = pd.Series
IN_WORKER = ("send mail", "worker process, Worker-1", 3)
CHANGED = [
    ("all_work_is_done_in_the_request", work(("queue", "thread", 1)), BACK),
    ("all_work_is_done_in_the_request", work(("queue", "request", 1)), BACK.assign(done=2.5)),
    ("the_picture_is_most_of_the_wait", SERIES(WAIT)),
    ("other_servers_are_most_of", SERIES(WAIT)),
    ("a_profile_is_created_inside_save_with_signals_only", saved(3, 3)),
    ("a_profile_is_created_inside_save_with_signals_only", saved(1, 1)),
    ("slow_work_begins_after_save", saved(3, 1, joke=1)),
    ("signals_change_no_wait", 5, 6),
    ("mails_are_sent_in_threads_of_the_web_process", work(("send mail", "request", 1))),
    (
        "mails_are_sent_in_threads_of_the_web_process",
        work(("send mail", "thread mail_0", 1)).assign(process=2),
    ),
    ("a_thread_saves_its_own_time", 1, 2),
    ("the_page_waits_for_no_worker", work(("send mail", "request", 3)), BACK),
    ("the_page_waits_for_no_worker", work(IN_WORKER), BACK.assign(page=4)),
    ("the_hash_is_the_largest_piece", SERIES(HASH_FIRST | {"save user": 4})),
    ("the_outbox_costs_the_visitor_little", 1, 2),
    ("each_queue_beats_the_thread_and_the_thread_the_view", pages(5, 5, 6, 0.1, 0.1)),
    ("each_queue_beats_the_thread_and_the_thread_the_view", pages(5, 5, 4, 0.1, 2)),
    (
        "each_queue_beats_the_thread_and_the_thread_the_view",
        SERIES([5, 5, 4, 0.1, 0.1, 0.1, 7]).groupby([1, 2, 3, 4, 5, 5, 5]),
    ),
    ("the_picture_takes_hardly_longer_than_its_sleep", 7, 5),
    ("the_pool_limits_mails_but_not_pictures", 5, 16),
    ("the_pool_limits_mails_but_not_pictures", 4, 8),
    ("the_queue_empties", SERIES([0, 0])),
    ("the_queue_empties", SERIES([0, 2, 1])),
    ("as_many_tasks_run_as_there_are_workers", {2: 3}),
    (
        "every_page_is_back_before_the_first_picture",
        table("event end", ("sign-up", 5), ("resize picture", 4)),
    ),
    ("twice_the_workers_take_about_half_the_time", {1: 90, 2: 80, 4: 20}),
    ("a_burst_of_sleeps_is_done_sooner_without_a_limit", 50, 45),
    ("the_priority_shortens_the_longest_wait", 30, 38),
    ("a_kill_loses_what_it_interrupts", jobs((False, True))),
    ("a_kill_loses_what_it_interrupts", jobs((True, True), (False, True))),
    ("a_kill_loses_what_it_interrupts", jobs((True, False), (False, False))),
    ("a_kill_loses_nothing", jobs((False, True))),
    ("a_kill_loses_nothing", jobs((True, False))),
    ("work_begins_again_after_its_lease", SERIES([0.5])),
    ("work_begins_again_after_its_lease", SERIES([5])),
    ("only_the_outbox_loses_nothing", lost(step2_signals=(10, 10, 3)), 10),
    ("only_the_outbox_loses_nothing", lost(step3_threading=(0, 3, 10)), 10),
    ("only_the_outbox_loses_nothing", lost(step3_threading=(1, 10, 10)), 10),
    ("only_the_outbox_loses_nothing", lost(step4_huey=(0, 0, 0)), 10),
    ("only_the_outbox_loses_nothing", lost(step5_outbox=(0, 0, 1)), 10),
    ("the_visitors_clock_runs_longer", SERIES([-0.01, 0.02])),
    ("the_visitors_clock_runs_longer", SERIES([0.2])),
    ("queued_pages_are_nearer_to_the_least", SERIES({"Step 1": 2, "Step 4": 3})),
    ("nobody_gets_an_error", 1),
    ("threads_help_a_page_that_waits", [13, 12], [30, 30]),
    ("threads_help_a_page_that_waits", [12, 13], [10, 30]),
    ("size_hardly_matters", growth(users=3, repair=1)),
    ("size_hardly_matters", growth(users=1, repair=3)),
    ("the_default_hash_is_most_of_the_page", 1, 1, SERIES(HASH_FIRST)),
    ("the_default_hash_is_most_of_the_page", 9, 1, SERIES(HASH_FIRST | {"save user": 4})),
    ("a_large_png_costs_more_than_a_jpeg", 2, 1),
    ("decoding_is_most_of_a_large_picture", SERIES([1.1, 2.5])),
    ("a_busy_web_process_slows_its_threads_most", 1.2, 0.5),
    ("a_busy_web_process_slows_its_threads_most", 2, 2),
    ("workers_that_wait_add_up", {"thread x 1": 5, "thread x 4": 6}),
    ("queues_that_forget_a_task_lose_it", SERIES({"Huey, SQLite": 0.0}), set()),
    ("queues_that_forget_a_task_lose_it", SERIES({"outbox, SQLite": 1.0}), {"outbox, SQLite"}),
    ("no_fault_loses_anything", faults(lost=1, seconds=5), 5, 120),
    ("no_fault_loses_anything", faults(lost=0, seconds=300), 5, 120),
    ("consumers_that_wait_add_up", pd.DataFrame({"Redis": {1: 3, 4: 4}})),
    ("the_repair_hardly_grows", 1, 4),
    ("web_servers_need_most", SERIES([0, 1, 0, 2, 0])),
    ("web_servers_need_most", SERIES([0, 3, 0, 1, 2])),
]


def test_each_assertion_fails_when_its_data_are_changed(claims):
    failed = set()
    for name, *arguments in CHANGED:
        with pytest.raises(AssertionError) as failure:
            getattr(claims, name)(*arguments)
        assert str(failure.value).endswith("."), name
        failed.add(failure.traceback[-1].lineno + 1)
    asserts = [
        range(node.lineno, node.end_lineno + 1)
        for node in ast.walk(ast.parse(inspect.getsource(claims)))
        if isinstance(node, ast.Assert)
    ]
    assert [lines for lines in asserts if not failed.intersection(lines)] == []


def test_each_claim_is_made_by_a_notebook(claims):
    texts = [
        cell.source for path in notebooks() for cell in nbformat.read(path, as_version=4).cells
    ]
    made = [name for name in vars(claims) if f"claims.{name}(" in "\n".join(texts)]
    assert made == [name for name, value in vars(claims).items() if inspect.isfunction(value)]
