"""What becomes of work whose worker is killed, whose queue is wiped, or whose worker is stopped."""

import sqlite3
import time
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path

from ..sites.processes import StartError, kill
from ..standins.standins import Standins
from .tasks import Wrong

LEASE_SECONDS = 1
OVER_SECONDS = 1.5  # when such a lease is over, and the next consumer starts
BACK_SECONDS = 10  # what work may take to come back then
BEGIN_SECONDS = 10  # what a worker may take to begin
WRITE_SECONDS = 1  # what a worker that woke up may take to write what it should not
# A worker looks for tasks every 0.1 s, as Huey's does at first: by default it soon waits for 10 s.
ATTENTIVE = ["--delay=0.1", "--max-delay=0.1"]
# For a worker that is to be stopped at work, and must not give it up by itself.
SLOW = {"SIMULATED_RESIZE_SECONDS": "2", "CONVERSATION_SECONDS": "60", "SILENCE_SECONDS": "60"}


class CountingStandins(Standins):
    """Count the mails that have arrived, those that are still held included."""

    arrived = 0

    def pauses(self, kind):
        self.arrived += kind == "mail"
        return super().pauses(kind)


class Workers:
    """Real consumers of a project, with a lease of a second."""

    def __init__(self, seen):
        self.seen, self.site, self.standins = seen, seen.site, seen.standins
        self.running, self.replacement, self.refusal = [], None, None

    def start(self, **variables):
        """Start a consumer with further environment variables; raise Wrong if it ends."""
        if self.refusal:  # a start that fails takes long
            raise self.refusal
        self.seen.run()  # which has made the database
        self.site.environment |= {"OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS)} | variables
        self.site.workers = 2
        try:
            self.site.start_consumer(*ATTENTIVE)
        except StartError as error:
            self.refusal = Wrong(f"The consumer ended: {error}")
            raise self.refusal from None
        self.running.append(self.site.consumer)
        return self.site.consumer

    def stop(self):
        for process in self.running:
            kill(process)
        self.running, self.replacement = [], None

    @contextmanager
    def mails_held(self):
        """Let the mail server hold what arrives, to the end of the block at the latest."""
        self.standins.control(mail_failure="hang")
        try:
            yield
        finally:
            self.standins.control(mail_failure=None)

    @cached_property
    def killed_and_wiped(self):
        """Two sign-ups: one whose worker was killed, one whose task was wiped; and what `came`."""
        with self.mails_held():
            first, arrived = self.start(), self.standins.arrived
            killed = self.seen.try_out("sign_up", picture=False, work=False)
            killed["began"] = self.seen.wait_for(
                lambda: self.standins.arrived > arrived, BEGIN_SECONDS
            )
            kill(first)
            over = time.monotonic() + OVER_SECONDS
            wiped = self.seen.try_out("sign_up", work=False, wipe=True)
        time.sleep(max(0, over - time.monotonic()))
        self.replacement = self.start(**SLOW)
        mails, is_done = self.seen.mails, self.seen.is_done
        self.seen.wait_for(lambda: mails(killed) and is_done(wiped), BACK_SECONDS)
        killed["came"], wiped["came"] = mails(killed), is_done(wiped)
        return killed, wiped

    def woken(self):
        """Return whether a stopped worker that wakes up touches rows that another has by then.

        The mail succeeds late, the resize fails late: its picture is gone.
        """
        with self.mails_held():
            arrived = self.standins.arrived
            first = self.replacement or self.start(**SLOW)
            user = self.seen.try_out("sign_up", work=False)
            if not self.are_at_work(user, arrived, 1):
                return {"began": False}
            first.suspend()
            time.sleep(OVER_SECONDS)
            second = self.start(**SLOW, OUTBOX_LEASE_SECONDS="60")
            took_over = self.are_at_work(user, arrived, 2)
            second.suspend()
            before = self.rows()
            for picture in Path(self.site.var_dir, "media").rglob("pictures/*"):
                picture.unlink()
        first.resume()
        self.seen.wait_for(lambda: self.ended(user), BEGIN_SECONDS)
        is_touched = self.seen.wait_for(lambda: self.rows() != before, WRITE_SECONDS)
        return {"began": True, "took_over": took_over, "is_touched": is_touched}

    def are_at_work(self, user, arrived, consumers):
        """Return whether so many consumers have begun both pieces of the user's work."""

        def both():
            resizes = [r for r in self.seen.records(user) if r["event"] == "resize picture"]
            mails = self.standins.arrived - arrived
            return min(mails, len({record["process"] for record in resizes})) >= consumers

        return self.seen.wait_for(both, BEGIN_SECONDS)

    def ended(self, user):
        """Return whether a worker has ended both pieces of the user's work."""
        ended = {record["event"] for record in self.seen.records(user) if record["end"]}
        return {"send mail", "resize picture"} <= ended

    def rows(self):
        """Return the rows of the tables that jobs are written to."""
        tables = self.seen.ask("rollback")["rows_inside"]
        with closing(sqlite3.connect(self.seen.facts["database"])) as database:
            return {
                table: sorted(map(repr, database.execute(f'SELECT * FROM "{table}"')))
                for table in tables
            }
