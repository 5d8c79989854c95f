"""What this step alone promises: a job is committed with the user, and done whatever happens."""

import os
import random
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from each_step.factories import sign_up
from huey.signals import SIGNAL_INTERRUPTED
from huey.storage import SqliteStorage

from accounts import services
from accounts.models import Profile, User
from outbox import tasks
from outbox.models import LONGEST_DELAY, GiveUp, Job, given_up

pytestmark = pytest.mark.django_db(transaction=True)


def run_all(queue):
    """Run all tasks that wait, as a worker would, until there is none."""
    while task := queue.dequeue():
        queue.execute(task)


def work_to_do():
    return sorted(Job.objects.values_list("work", flat=True))


def repair():
    tasks.repair.call_local()


def time_passes(**duration):
    """Let everything be due so much earlier."""
    for job in Job.objects.exclude(due_at=None):
        Job.objects.filter(pk=job.pk).update(due_at=job.due_at - timedelta(**duration))


def states():
    profile = Profile.objects.get()
    return profile.picture_state, profile.welcome_state


@pytest.fixture
def signed_up(client, queue):
    """The profile of somebody who signed up, and whose tasks are lost."""
    sign_up(client)
    queue.flush()
    return Profile.objects.get()


@pytest.fixture
def one_job(signed_up):
    """A mail that is to be sent, and nothing else."""
    Job.objects.exclude(work="welcome").delete()
    return Job.objects.get()


# The way of a job


def test_tasks_are_queued_even_in_debug_mode():
    assert settings.HUEY["immediate"] is False


def test_queueing_waits_for_no_disk(tmp_path):
    fsync = settings.HUEY["fsync"]
    with closing(SqliteStorage(filename=tmp_path / "queue", fsync=fsync)) as storage:
        assert storage.conn.execute("PRAGMA synchronous").fetchone() == (0,)  # off


def test_page_comes_back_before_anything_slow_is_done(client, queue, work, mailoutbox):
    sign_up(client)
    assert work == {}
    assert work_to_do() == ["picture", "welcome"]
    assert states() == ("waiting", "waiting")
    run_all(queue)
    assert states() == ("done", "done")
    assert len(mailoutbox) == 1
    assert work_to_do() == []


def test_nothing_slow_runs_in_a_transaction(client, queue, work):
    sign_up(client)
    run_all(queue)
    assert [in_transaction for _, in_transaction in work.values()] == [False, False, False]


def test_every_piece_of_work_is_logged(client, queue, events):
    sign_up(client)
    assert sorted(events()) == [
        "create profile",
        "hash password",
        "queue",
        "queue",
        "receive form",
        "save user",
        "sign-up",
    ]
    run_all(queue)
    assert events()[7:] == ["fetch joke", "send mail", "resize picture"]


def test_jobs_are_committed_with_the_user(queue):
    with transaction.atomic():
        user = User.objects.create_user("ada", "ada@example.com")
        user.profile.picture = "pictures/ada.jpeg"
        user.profile.save(update_fields=["picture"])
        assert work_to_do() == ["picture", "welcome"]
        assert queue.pending() == []
    assert len(queue.pending()) == 2


def test_rollback_leaves_no_job(queue):
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.create_user("ada", "ada@example.com")
        raise RuntimeError("roll back")
    assert work_to_do() == []
    assert queue.pending() == []


def test_most_urgent_work_goes_first_whatever_waits_longer(client, queue, events):
    sign_up(client)
    Job.objects.filter(work="picture").update(due_at=timezone.now() - timedelta(hours=1))
    run_all(queue)
    slow = [event for event in events() if event in ("send mail", "resize picture")]
    assert slow == ["send mail", "resize picture"]


def test_first_attempts_go_before_retries_whatever_their_work(signed_up):
    Job.objects.filter(work="welcome").update(
        attempts=1, due_at=timezone.now() - timedelta(hours=1)
    )
    assert Job.objects.claim("mine").work == "picture"
    assert Job.objects.claim("mine").work == "welcome"


def test_work_that_does_not_exist_is_refused(signed_up):
    with pytest.raises(ValueError, match="welcom"):
        tasks.add_job("welcom", signed_up.pk)
    assert work_to_do() == ["picture", "welcome"]


def test_job_whose_work_is_no_longer_in_the_settings_says_so(one_job, queue):
    Job.objects.update(work="gone")
    repair()
    run_all(queue)
    assert Job.objects.get().error == "'gone'"


def test_sign_up_survives_a_broken_queue(client, queue, monkeypatch, caplog):
    def fail(task):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(queue, "enqueue", fail)
        sign_up(client)
    assert caplog.text.count("disk full") >= 2
    repair()
    run_all(queue)
    assert states() == ("done", "done")


def test_saving_a_profile_again_adds_no_second_job(signed_up):
    signed_up.save()
    assert work_to_do() == ["picture", "welcome"]


def test_picture_that_replaces_another_is_resized_too(signed_up, queue):
    signed_up.save(update_fields=["picture"])
    assert work_to_do() == ["picture", "picture", "welcome"]
    repair()
    run_all(queue)
    assert work_to_do() == []


# What fails


def test_mail_that_was_not_sent_is_tried_again_after_growing_delays(one_job, queue, broken_mail):
    delays = []
    for _ in range(4):
        before = timezone.now()
        tasks.do_next_job()
        run_all(queue)
        job = Job.objects.get()
        delays.append(round((job.due_at - before).total_seconds()))
        assert (job.claimed_by, job.error) == ("", "mail server asleep")
        time_passes(hours=1)
    assert delays == [1, 2, 4, 8]
    assert len(queue.scheduled()) == 4  # a task for each delay


def test_failure_is_in_the_workers_log(one_job, queue, broken_mail, caplog):
    tasks.do_next_job()
    run_all(queue)
    [record] = [record for record in caplog.records if record.name == "huey"]
    assert record.levelname == "ERROR"
    assert "mail server asleep" in record.exc_text


def test_a_job_that_is_done_queues_no_task(one_job, queue):
    tasks.do_next_job()
    queue.execute(queue.dequeue())
    assert work_to_do() == []
    assert queue.pending() == []


def test_delays_have_a_limit(one_job):
    Job.objects.update(attempts=18)
    assert Job.objects.claim("mine").failed(OSError("refused")) == LONGEST_DELAY


def test_mail_that_is_refused_for_a_while_is_sent_in_the_end(one_job, queue, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(EmailMultiAlternatives, "send", lambda mail: 1 / 0)
        tasks.do_next_job()
        run_all(queue)
    time_passes(hours=1)
    repair()
    run_all(queue)
    assert states() == ("waiting", "done")
    assert Profile.objects.get().welcome_error == ""


def test_mail_that_is_refused_too_often_is_given_up(one_job, queue, broken_mail):
    Job.objects.update(attempts=settings.OUTBOX_MAX_ATTEMPTS - 1)
    tasks.do_next_job()
    run_all(queue)
    job = Job.objects.get()
    assert (job.due_at, job.claimed_by, job.error) == (None, "", "mail server asleep")
    assert job.given_up_at
    assert queue.scheduled() == []
    repair()
    assert queue.pending() == []
    profile = Profile.objects.get()
    assert profile.welcome_error == "mail server asleep"
    assert profile.welcome_failed_at == Job.objects.get().given_up_at
    assert states() == ("waiting", "failed")


@pytest.mark.parametrize(
    ("work", "done_at"), [("welcome", "welcome_sent_at"), ("picture", "picture_resized_at")]
)
def test_only_an_owner_whose_work_is_not_done_is_told_that_it_was_given_up(
    signed_up, work, done_at
):
    Profile.objects.update(picture="pictures/ada.jpeg")
    bystander = User.objects.create_user("grace", "grace@example.com").profile
    late = User.objects.create_user("alan", "alan@example.com").profile
    Profile.objects.filter(pk=late.pk).update(**{done_at: timezone.now(), "picture": "late.jpeg"})
    for profile in [signed_up, late]:
        Job.objects.create(work=work, key=profile.user_id).give_up("too often")
    Job.objects.create(work="another", key=signed_up.user_id).give_up("for another reason")
    assert Job.objects.get(work="another").due_at is None  # no receiver has failed
    told = {profile: getattr(profile, f"{work}_state") for profile in Profile.objects.all()}
    unconcerned = "waiting" if work == "welcome" else "none"
    assert told == {signed_up: "failed", bystander: unconcerned, late: "done"}


def test_picture_that_cannot_be_decoded_is_not_tried_again(signed_up, queue):
    Path(signed_up.picture.path).write_bytes(b"no picture")
    repair()
    run_all(queue)
    assert Profile.objects.get().picture_state == "failed"
    [job] = Job.objects.all()
    assert (job.work, job.attempts, job.due_at) == ("picture", 1, None)
    assert job.given_up_at and "no JPEG" in job.error


def test_storage_that_is_away_is_asked_again(signed_up, queue, monkeypatch):
    def fail(picture):
        raise OSError("the storage is\0 away")

    with monkeypatch.context() as patched:
        patched.setattr(services, "make_thumbnail", fail)
        repair()
        run_all(queue)
    assert Job.objects.get().error == "the storage is away"  # PostgreSQL takes no NUL
    time_passes(hours=1)
    repair()
    run_all(queue)
    assert states() == ("done", "done")


def test_job_of_a_user_who_is_gone_is_given_up(one_job, queue, mailoutbox):
    User.objects.all().delete()
    tasks.do_next_job()
    run_all(queue)
    job = Job.objects.get()
    assert (job.attempts, job.due_at) == (1, None)
    assert job.error == "User matching query does not exist."
    assert mailoutbox == []


def test_job_that_comes_again_after_its_mail_was_sent_sends_no_other(
    one_job, queue, mailoutbox, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(Job, "done", lambda job: None)  # the worker dies before it says so
        tasks.do_next_job()
        run_all(queue)
    assert work_to_do() == ["welcome"]
    time_passes(hours=1)
    repair()
    run_all(queue)
    assert work_to_do() == []
    assert len(mailoutbox) == 1


def test_work_function_can_say_that_trying_again_cannot_help(one_job, queue, monkeypatch):
    def refuse(user):
        raise GiveUp("no such mailbox")

    monkeypatch.setattr(services, "send_welcome_email", refuse)
    tasks.do_next_job()
    run_all(queue)
    job = Job.objects.get()
    assert (job.attempts, job.due_at, job.error) == (1, None, "no such mailbox")
    assert queue.scheduled() == []
    assert states() == ("waiting", "failed")


def break_down(*args, **kwargs):
    raise OSError("the queue's disk is full")


def test_broken_queue_between_claim_and_work_costs_nothing(one_job, queue, monkeypatch, mailoutbox):
    tasks.do_next_job()
    task = queue.dequeue()
    monkeypatch.setattr(queue, "enqueue", break_down)
    queue.execute(task)
    assert work_to_do() == []
    assert len(mailoutbox) == 1


def test_broken_queue_after_a_failure_is_logged_and_repaired(
    one_job, queue, monkeypatch, broken_mail, caplog
):
    tasks.do_next_job()
    task = queue.dequeue()
    with monkeypatch.context() as patched:
        patched.setattr(queue, "enqueue", break_down)
        queue.execute(task)
    assert "the queue's disk is full" in caplog.text
    job = Job.objects.get()
    assert (job.attempts, job.claimed_by, job.error) == (1, "", "mail server asleep")
    time_passes(seconds=1)
    repair()
    assert len(queue.pending()) == 1


def test_immediate_tasks_do_300_jobs(signed_up, queue, monkeypatch, mailoutbox):
    """Without recursion, as in a site's tests and scripts."""
    Job.objects.all().delete()
    monkeypatch.setattr(queue, "_immediate", True)
    Job.objects.bulk_create([Job(work="welcome", key=signed_up.pk) for _ in range(300)])
    repair()
    assert work_to_do() == []
    with transaction.atomic():
        for _ in range(300):
            tasks.add_job("welcome", signed_up.pk)
    assert work_to_do() == []


# Claims


def test_task_without_a_job_does_nothing(queue, db):
    tasks.do_next_job()
    run_all(queue)
    assert len(queue) == 0


def test_claim_is_the_same_where_the_database_skips_locked_rows(signed_up, monkeypatch):
    """On PostgreSQL, tests/test_cluster.py shows that it skips them."""
    monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", True)
    assert Job.objects.claim("worker").work == "welcome"


def test_two_workers_never_have_the_same_job(one_job):
    assert Job.objects.claim("mine")
    assert Job.objects.claim("another") is None


def test_of_two_who_saw_the_same_job_one_gets_it(one_job):
    mine, another = Job.objects.get(), Job.objects.get()
    assert mine.lease("mine")
    assert not another.lease("another")


def test_worker_that_lost_a_race_takes_the_next_job(signed_up, monkeypatch):
    lease = Job.lease

    def somebody_is_faster(job, worker):
        monkeypatch.setattr(Job, "lease", lease)
        assert Job.objects.get(pk=job.pk).lease("another")
        return lease(job, worker)

    monkeypatch.setattr(Job, "lease", somebody_is_faster)
    assert Job.objects.claim("mine").work == "picture"


def test_job_of_a_dead_worker_is_due_when_its_lease_ends(one_job):
    before = timezone.now()
    assert Job.objects.claim("dead")
    lease = (Job.objects.get().due_at - before).total_seconds()
    assert 1 <= lease / settings.OUTBOX_LEASE_SECONDS <= 1.6
    time_passes(seconds=lease)
    assert Job.objects.claim("alive")


@pytest.mark.parametrize("attempts, longest", [(0, 1.5), (1, 2.5), (10, 3)])
def test_leases_that_begin_together_end_the_more_apart_the_more_were_in_vain(
    one_job, attempts, longest
):
    random.seed(1)
    now = timezone.now()
    leases = []
    for _ in range(40):
        Job.objects.update(attempts=attempts, due_at=now)
        Job.objects.claim("mine")
        leases.append(
            (Job.objects.get().due_at - now) / timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
        )
    assert 1 <= min(leases) < 1.1
    assert longest - 0.2 < max(leases) < longest + 0.1


@pytest.mark.parametrize("end", ["done", "failed", "give_up"])
def test_worker_that_was_stopped_for_longer_than_its_lease_changes_nothing(one_job, end):
    stopped = Job.objects.claim("stopped")
    time_passes(hours=1)
    alive = Job.objects.claim("alive")
    arguments = {"done": [], "failed": [OSError("too late")], "give_up": ["too late"]}
    getattr(stopped, end)(*arguments[end])
    job = Job.objects.get()
    assert (job.claimed_by, job.attempts, job.error) == ("alive", 2, "")
    assert Profile.objects.get().welcome_error == ""
    alive.done()
    assert not Job.objects.exists()


def test_job_that_kills_its_workers_is_given_up_and_keeps_none_from_the_next(signed_up, queue):
    for number in range(settings.OUTBOX_MAX_ATTEMPTS):
        Job.objects.filter(work="picture").update(due_at=None)
        assert Job.objects.claim(f"dead {number}").work == "welcome"
        Job.objects.update(due_at=timezone.now())
    assert Job.objects.claim("alive").work == "picture"  # its first attempt
    repair()
    run_all(queue)
    job = Job.objects.get(work="welcome")
    assert (job.due_at, job.error) == (None, "killed its worker: given up after 20 attempts")
    assert Profile.objects.get().welcome_error == job.error
    assert states() == ("waiting", "failed")


@pytest.mark.parametrize("reason", ["too often", "hopeless"])
def test_giving_up_is_reported_until_no_receiver_fails(one_job, queue, caplog, reason):
    heard, fails = [], [True, True, False]

    def receiver(job, **kwargs):
        heard.append((job.pk, job.error))
        if fails[len(heard) - 1]:
            raise RuntimeError("the receiver has a bug")

    given_up.connect(receiver)
    try:
        Job.objects.claim("mine").give_up(reason)
        first = Job.objects.get().given_up_at
        assert Job.objects.claim("alive") is None  # until the lease ends
        for _ in range(3):
            time_passes(hours=1)
            repair()
            run_all(queue)
    finally:
        given_up.disconnect(receiver)
    assert heard == [(one_job.pk, reason)] * 3  # no work between, and no report too many
    assert "the receiver has a bug" in caplog.text
    job = Job.objects.get()
    assert (job.due_at, job.given_up_at, job.claimed_by) == (None, first, "")


def test_interrupted_job_is_handed_back(one_job, queue):
    tasks.do_next_job()
    task = queue.dequeue()
    interrupted = Job.objects.claim(task.id)
    queue._emit(SIGNAL_INTERRUPTED, task)
    interrupted.done()  # too late: it is anybody's now
    assert len(queue.pending()) == 1  # for another worker
    assert Job.objects.claim("alive")


def test_interruption_costs_no_attempt(one_job, queue):
    for _ in range(2 * settings.OUTBOX_MAX_ATTEMPTS):  # as many deployments
        tasks.do_next_job()
        task = queue.dequeue()
        assert Job.objects.claim(task.id).attempts == 1
        queue._emit(SIGNAL_INTERRUPTED, task)
    assert Job.objects.get().attempts == 0


def test_interrupted_worker_hands_back_no_job_of_another(one_job, queue):
    tasks.do_next_job()
    task = queue.dequeue()
    Job.objects.claim(task.id)
    time_passes(hours=1)
    Job.objects.claim("alive")
    queue._emit(SIGNAL_INTERRUPTED, task)
    assert Job.objects.get().claimed_by == "alive"
    assert Job.objects.claim("a third") is None


def test_interrupted_repair_hands_nothing_back(one_job, queue):
    Job.objects.claim("alive")
    queue._emit(SIGNAL_INTERRUPTED, tasks.repair.task_class())
    assert Job.objects.get().claimed_by == "alive"


# Repair


def test_lost_tasks_are_made_up_for(signed_up, queue):
    repair()
    run_all(queue)
    assert states() == ("done", "done")


def test_tasks_that_are_too_many_do_no_harm(signed_up, queue, mailoutbox):
    repair()
    repair()
    run_all(queue)
    assert len(mailoutbox) == 1
    assert queue.pending() == []


def test_backlog_queues_no_task_twice(signed_up, queue):
    jobs = [Job(work="picture", key=signed_up.pk) for _ in range(300)]
    Job.objects.bulk_create(jobs)
    repair()
    assert queue.pending_count() == Job.objects.count()
    for _ in range(5):
        queue.execute(queue.dequeue())  # a minute's work
        repair()
        assert queue.pending_count() == Job.objects.count()
    run_all(queue)
    assert work_to_do() == []


def test_other_tasks_that_wait_keep_no_lost_task_from_being_queued_again(signed_up, queue):
    for _ in range(5):
        repair_task = tasks.repair.task_class()
        queue.enqueue(repair_task)
    repair()
    names = [task.name for task in queue.pending()]
    assert names.count("do_next_job") == 2


def test_long_queue_is_not_read_and_gets_no_longer(one_job, queue, monkeypatch):
    monkeypatch.setattr(tasks, "LONG_QUEUE", 3)
    for _ in range(3):
        queue.enqueue(tasks.repair.task_class())
    repair()
    assert queue.pending_count() == 3
    queue.dequeue()
    repair()
    assert queue.pending_count() == 3


def test_job_that_will_be_tried_again_has_one_task(one_job, queue, broken_mail):
    tasks.do_next_job()
    for _ in range(5):
        run_all(queue)
        repair()
    assert queue.pending_count() + queue.scheduled_count() == 1


def test_lease_that_ends_before_the_next_repair_is_met_at_its_end(one_job, queue):
    Job.objects.claim("dead")
    due_at = timezone.now() + timedelta(seconds=55)
    Job.objects.update(due_at=due_at)
    repair()
    run_all(queue)  # which puts it on the schedule
    assert Job.objects.get().claimed_by == "dead"
    [task] = queue.scheduled()
    assert abs(task.eta.timestamp() - due_at.replace(tzinfo=None).timestamp()) < 1


@pytest.mark.parametrize("claimed_by", ["", "dead"])
def test_repair_leaves_alone_what_is_due_later(one_job, queue, claimed_by):
    Job.objects.update(claimed_by=claimed_by, due_at=timezone.now() + timedelta(minutes=2))
    repair()
    assert queue.pending() == []


def test_clock_that_was_set_back_delays_no_job_for_longer_than_a_retry(one_job, queue):
    Job.objects.update(due_at=timezone.now() + timedelta(hours=1))
    repair()
    run_all(queue)
    assert states() == ("waiting", "done")


@pytest.mark.parametrize("lease, latest", [(1_000, 3_000), (1, LONGEST_DELAY)])
def test_repair_leaves_the_longest_lease_and_the_longest_delay_alone(
    one_job, settings, lease, latest
):
    settings.OUTBOX_LEASE_SECONDS = lease
    due_at = timezone.now() + timedelta(seconds=latest)
    Job.objects.update(due_at=due_at)
    repair()
    assert Job.objects.get().due_at == due_at


def test_repair_costs_what_is_due_and_not_what_exists(one_job, django_assert_num_queries):
    jobs = [Job(work="picture", key="1", due_at=None) for _ in range(500)]
    Job.objects.bulk_create(jobs)
    with django_assert_num_queries(3):
        repair()


def test_searches_use_an_index(one_job):
    Job.objects.update(attempts=1)
    with CaptureQueriesContext(connection) as queries:
        assert Job.objects.claim("mine")
        repair()
    searches = [query["sql"] for query in queries if "due_at" in query["sql"].partition("WHERE")[2]]
    plans = [str(explained(query)) for query in searches]
    assert [plan for plan in plans if "USING" not in plan or "TEMP B-TREE" in plan] == []
    assert "outbox_job_first (attempts=? AND work=? AND due_at<?)" in plans[0]


def explained(query):
    return connection.cursor().execute(f"EXPLAIN QUERY PLAN {query}").fetchall()


# Checks


def errors_of_checks(settings, **changed):
    for name, value in changed.items():
        setattr(settings, name, value)
    return [error.id for error in run_checks()]


@pytest.mark.parametrize("value", [0, -1, "60", None])
@pytest.mark.parametrize("name", ["OUTBOX_LEASE_SECONDS", "OUTBOX_MAX_ATTEMPTS"])
def test_checks_tell_of_a_number_that_is_none(settings, name, value):
    assert errors_of_checks(settings, **{name: value}) == ["outbox.E001"]


@pytest.mark.parametrize("path", ["accounts.task.resize", "accounts.tasks.resize", "resize", None])
def test_checks_import_the_path_of_all_work(settings, path):
    work = settings.OUTBOX_WORK | {"picture": path}
    assert errors_of_checks(settings, OUTBOX_WORK=work) == ["outbox.E002"]


def test_checks_tell_of_settings_that_are_missing(settings):
    assert errors_of_checks(settings) == []
    for name in ["OUTBOX_LEASE_SECONDS", "OUTBOX_MAX_ATTEMPTS", "OUTBOX_WORK"]:
        delattr(settings, name)
    assert errors_of_checks(settings) == ["outbox.E001", "outbox.E001", "outbox.E002"]


def test_orphans_are_removed_every_night(queue, media_root):
    orphan = media_root / "pictures" / "orphan.jpeg"
    orphan.parent.mkdir()
    orphan.touch()
    os.utime(orphan, (0, 0))
    day = [datetime(2026, 11, 21) + timedelta(minutes=minute) for minute in range(24 * 60)]
    tasks_of_the_day = [task for minute in day for task in queue.read_periodic(minute)]
    [task] = [task for task in tasks_of_the_day if task.name == "remove_orphans"]
    queue.execute(task)
    assert not orphan.exists()
