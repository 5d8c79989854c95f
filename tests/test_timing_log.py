"""The notebooks' module: logs are loaded, joined with their sign-up, counted and drawn."""

import json

import pytest

from tools.sites.catalogue import STEPS


def record(event, start, end, sign_up="1", process=1, thread="Thread-1", step="step4_huey"):
    return {
        "step": step,
        "sign_up": sign_up,
        "username": f"ada-{sign_up}",
        "event": event,
        "start": start,
        "end": end,
        "elapsed": end and end - start,
        "error": "",
        "process": process,
        "threadName": thread,
        "message": "",
    }


# Reaches the site at 100, back at 101.125: a form, a hash, then a save with a profile in it.
SIGN_UP = [
    record("sign-up", 100, 101.125),
    record("receive form", 100, 100.125),
    record("hash password", 100.125, 100.5),
    record("save user", 100.5, 100.875),
    record("create profile", 100.625, 100.75),
    record("queue", 100.875, 101),
    record("queue", 101, 101.125),  # the two tasks
    record("fetch joke", 101.5, 103, thread="mail_0"),
    record("resize picture", 102, 107, process=2),
    record("send mail", 108, None, thread="mail_0"),
]


@pytest.fixture
def folder(timing_log, tmp_path, monkeypatch):
    monkeypatch.setattr(timing_log, "ROOT", tmp_path)
    monkeypatch.setattr(timing_log, "DATA", tmp_path)
    return tmp_path


def write(path, records, last_line=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(lines + last_line, encoding="utf-8")


@pytest.fixture
def log(timing_log, folder):
    write(folder / "run.jsonl", SIGN_UP)
    return timing_log.load("run")


@pytest.fixture
def ax():
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    figure, ax = pyplot.subplots()
    yield ax
    pyplot.close(figure)


def test_record_says_when_and_where_the_work_ran(log):
    found = {row.event: (row.began, row.ended, row.lane) for row in log.itertuples()}
    assert found["hash password"] == (0.125, 0.5, "request")
    assert found["fetch joke"] == (1.5, 3, "thread mail_0")
    assert found["resize picture"] == (2, 7, "worker process, Thread-1")


def test_work_that_has_not_ended_is_left_out(log):
    assert "send mail" not in set(log["event"])


def test_interrupted_work_is_there_for_those_who_ask(timing_log, log):
    import pandas as pd

    log = timing_log.load("run", interrupted=True)
    [mail] = log[log["event"] == "send mail"].itertuples()
    assert mail.began == 8
    assert pd.isna(mail.ended) and pd.isna(mail.elapsed)


def test_work_of_a_request_that_has_not_ended_is_left_out(timing_log, folder):
    write(folder / "run.jsonl", [*SIGN_UP, record("hash password", 1, 2, sign_up="2")])
    assert set(timing_log.load("run")["sign_up"]) == {"1"}


def test_own_logs_are_those_of_all_steps_and_processes(timing_log, folder):
    for number, step in enumerate(STEPS):
        path = folder / step.name / "var" / f"timings.{number}.jsonl"
        write(path, [record("sign-up", 1, 2, str(number), step=step.name)], '{"half a li')
    log = timing_log.load("run", own=True)
    assert list(log["step"]) == [step.name for step in STEPS]


def test_own_logs_that_do_not_exist_are_a_clear_error(timing_log, folder):
    with pytest.raises(FileNotFoundError, match="No timing logs of step4_huey: sign up there"):
        timing_log.load("run", own=True, steps=["step4_huey"])


def test_only_the_steps_asked_for_are_loaded(timing_log, folder):
    records = [record("sign-up", 1, 2, step.name, step=step.name) for step in STEPS]
    write(folder / "run.jsonl", records)
    log = timing_log.load("run", steps=["step1_sync_signup", "step3_threading"])
    assert list(log["step"]) == ["step1_sync_signup", "step3_threading"]


def test_sign_up_says_when_the_page_was_back_and_all_was_done(timing_log, log):
    [row] = timing_log.sign_ups(log).itertuples()
    assert (row.step, row.username, row.page, row.done) == ("step4_huey", "ada-1", 1.125, 7)


def test_typical_sign_up_is_the_one_with_the_median_page_time(timing_log, folder):
    records = [record("sign-up", 0, seconds, str(seconds)) for seconds in [9, 1, 2]]
    write(folder / "run.jsonl", records)
    assert set(timing_log.typical(timing_log.load("run"))["sign_up"]) == {"2"}


def test_wait_is_made_of_the_requests_own_work_and_nothing_is_counted_twice(timing_log, log):
    [seconds] = timing_log.waited_for(log).to_dict("records")
    assert seconds == {
        "receive form": 0.125,
        "hash password": 0.375,
        "save user": 0.25,  # without the profile
        "create profile": 0.125,
        "queue": 0.25,
        "the rest": 0,
    }


def test_wait_that_no_piece_of_work_explains_is_the_rest(timing_log, folder):
    write(folder / "run.jsonl", [record("sign-up", 0, 1), record("hash password", 0, 0.75)])
    [seconds] = timing_log.waited_for(timing_log.load("run")).to_dict("records")
    assert seconds == {"hash password": 0.75, "the rest": 0.25}


def test_work_under_way_is_counted(timing_log, log):
    counts = timing_log.under_way(log, ["fetch joke", "resize picture"])
    assert counts.to_dict() == {0: 0, 1.5: 1, 2: 2, 3: 1, 7: 0}


def test_joke_and_mail_are_one_job(timing_log, folder):
    records = [record("sign-up", 0, 1), record("fetch joke", 1, 2), record("send mail", 2.5, 3)]
    write(folder / "run.jsonl", records)
    counts = timing_log.under_way(timing_log.load("run"), ["fetch joke", "send mail"])
    assert counts.to_dict() == {0: 0, 1: 1, 3: 0}


def test_tasks_wait_from_their_queueing_to_their_beginning(timing_log, log):
    assert timing_log.waiting(log).to_dict() == {0: 0, 0.875: 1, 1: 2, 1.5: 1, 2: 0}


def test_mail_waits_from_its_queueing_until_a_worker_begins(timing_log, log):
    assert list(timing_log.mail_waits(log)) == [0.625]


def test_burst_is_drained_when_the_last_work_is_done(timing_log, log):
    assert timing_log.drained(log) == 7


# Killed at 105: the mail is cut off for good, the picture begins again in another process.
KILLED = [
    record("sign-up", 100, 101),
    record("fetch joke", 102, 103, process=2),
    record("send mail", 103, None, process=2),
    record("resize picture", 102, None, process=2),
    record("resize picture", 109, 110, process=3),
    record("sign-up", 100, 101, sign_up="2"),
    record("send mail", 106, 107, sign_up="2", process=3),
    record("resize picture", 107, 108, sign_up="2", process=3) | {"error": "disk full"},
]


@pytest.fixture
def killed(timing_log, folder):
    write(folder / "run.jsonl", KILLED)
    return timing_log.load("run", interrupted=True)


def test_kill_cuts_off_what_the_killed_process_did_not_end(timing_log, killed):
    jobs = timing_log.after_kill(killed, killed_at=105)
    assert list(jobs.index) == [(n, job) for n in "12" for job in ["mail", "picture"]]
    assert list(jobs["cut_off"]) == [True, True, False, False]
    assert list(jobs["done"]) == [False, True, True, False]
    assert list(jobs["began"].dropna()) == [-3, -3]
    assert list(jobs["again"].dropna()) == [4]


def test_kill_is_drawn_with_what_it_cut_off_and_what_is_lost(timing_log, killed, ax):
    timing_log.draw_kill(ax, killed, killed_at=105, restarted_at=106)
    [cut_off] = ax.lines
    assert list(cut_off.get_xdata()) == [5, 5]
    assert list(cut_off.get_ydata()) == [-0.2, 0.2]
    lost = ["the mail is lost", "the picture is lost"]
    assert [text.get_text() for text in ax.texts] == lost


def test_losses_are_the_least_and_the_most_of_the_runs(timing_log, folder, ax):
    runs = [{"mails_lost": lost, "thumbnails_lost": 1} for lost in [2, 1]]
    (folder / "losses.json").write_text(json.dumps({"lost": {"step4_huey": {"SIGKILL": runs}}}))
    losses = timing_log.losses()
    assert losses.loc["step4_huey", "SIGKILL"].tolist() == [1, 2, 1, 1]
    timing_log.draw_losses(ax, losses["mails"])
    assert [text.get_text() for text in ax.texts] == ["1-2"]


def test_settings_are_those_that_the_run_was_recorded_with(timing_log, folder):
    text = json.dumps({"runs": {"run": {"settings": {"workers": 2}}}})
    (folder / "recorded.json").write_text(text)
    assert timing_log.recorded("run") == {"workers": 2}


def test_every_piece_of_work_has_the_colour_of_the_page(timing_log):
    events = {r["event"] for r in SIGN_UP} - {"sign-up"}
    assert events == set(timing_log.COLOURS)
    assert timing_log.COLOURS["fetch joke"] == "#cc79a7"


def test_lanes_show_every_piece_of_work_where_it_ran(timing_log, log, ax):
    timing_log.draw_lanes(ax, log)
    lanes = [label.get_text() for label in ax.get_yticklabels()]
    assert lanes == ["request", "thread mail_0", "worker process, Thread-1"]
    [resize] = [bar for bar in ax.patches if bar.get_width() == 5]
    assert (resize.get_x(), round(resize.get_y() + resize.get_height() / 2)) == (2, 2)
    assert [bar.get_width() for bar in ax.patches if bar.get_height() == 0.3] == [0.125]  # inner
    assert "the page is back, 1.12 s" in [text.get_text() for text in ax.texts]


def test_every_point_is_shown_beside_median_and_95th_percentile(timing_log, log, ax):
    import pandas as pd

    values = pd.Series([1.0, 2.0, 9.0])
    timing_log.draw_points(ax, {"step 1": values})
    [points] = ax.lines
    assert list(points.get_xdata()) == [1, 2, 9]
    assert ax.texts[0].get_text() == "median 2 s\np95 8.3 s"


def test_stack_has_a_bar_for_each_piece_of_work(timing_log, log, ax):
    timing_log.draw_stack(ax, timing_log.waited_for(log))
    assert sum(bar.get_width() for bar in ax.patches) == 1.125
    assert "1.12 s" in [text.get_text() for text in ax.texts]


def test_rows_are_drawn_in_milliseconds_with_the_profile_inside_the_user(timing_log, log, ax):
    timing_log.draw_rows_being_saved(ax, log)
    bars = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in ax.patches]
    assert bars == [(0, 375, 0.6), (125, 125, 0.3)]


def test_long_legend_has_two_rows(timing_log, ax):
    for number in range(9):
        ax.plot([0, 1], label=str(number))
    timing_log.draw_legend(ax)
    [legend] = ax.figure.legends
    assert (len(legend.get_texts()), legend._ncols) == (9, 5)


def test_level_is_drawn_as_steps(timing_log, ax):
    import pandas as pd

    timing_log.draw_level(ax, pd.Series([1, 0], index=[0.0, 2.0]), color="black")
    [line] = ax.lines
    assert line.get_drawstyle() == "steps-post"


def test_curves_show_points_medians_and_95th_percentiles(timing_log, ax):
    import pandas as pd

    rows = [
        {"format": kind, "megapixels": megapixels, "seconds": megapixels * factor}
        for kind, slower in [("jpeg", 1), ("png", 10)]
        for megapixels in [1, 12]
        for factor in [slower, 2 * slower, 9 * slower]
    ]
    timing_log.draw_curves(ax, pd.DataFrame(rows), "seconds")
    medians, p95s, points = ax.lines[3:]
    assert list(medians.get_ydata()) == [20, 240]
    assert list(p95s.get_ydata()) == pytest.approx([83, 996])
    assert list(points.get_ydata()) == [10, 20, 90, 120, 240, 1080]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["jpeg", "png"]
