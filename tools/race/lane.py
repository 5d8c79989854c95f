"""Follows a sign-up in a step's timing log."""

import re
import time
from html import unescape

import requests
from timing.records import TimingLog
from timing.sign_up import SignUp
from urllib3.exceptions import ProtocolError

from ..sites.catalogue import STEPS
from ..sites.visitor import Visitor

LIMIT = 60  # seconds that a lane is watched, however much is still to do
MAIL_TRIES = dict(zip(STEPS, [1, 1, 1, 9, 20], strict=True))  # step 4: Huey's retries; 5: attempts
ENDS = {"done", "failed", "lost"}


class Lane:
    """One step's part in a race: a sign-up that is sent, and followed in the step's timing log."""

    def __init__(self, step, url, var_dir, username):
        self.step = step
        self.visitor = Visitor(url, username)
        self.timing_log = TimingLog(var_dir)
        self.sign_up = SignUp(mail_tries=MAIL_TRIES[step], has_consumer=step.has_consumer)
        self.kills = []  # those that came while the lane was under way
        self.answer = None  # a future, once the request was sent
        self.request_seconds = self.answered_at = None
        self.problem = ""
        self.is_over = False

    def start(self, picture, threads):
        """Send the sign-up from one of the threads."""
        self.timing_log.skip()
        self.sent_at = time.time()
        self.deadline = time.monotonic() + LIMIT
        self.answer = threads.submit(self.visitor.sign_up, picture)

    def look(self):
        """Take in what is new in the log; return whether there is nothing left to wait for."""
        # In this order: what was answered or killed before the log is read has no more to log.
        is_answered = self.answer.done()
        kills = [kill for kill in self.kills if kill.at]
        kills_are_over = all(kill.is_over for kill in self.kills)
        records = self.timing_log.new_records(with_begun=True)
        self.sign_up.add(r for r in records if r["username"] == self.visitor.username)
        self.sign_up.kills = [kill.at for kill in kills]
        if is_answered and self.request_seconds is None and not self.problem:
            self.read_answer()
        for kill in self.kills:
            self.problem = self.problem or kill.problem
        if kills_are_over and (self.problem or (is_answered and self.is_settled)):
            self.is_over = True
        elif time.monotonic() > self.deadline:
            self.is_over = True
            if not self.only_retries:
                self.problem = self.problem or f"not done after {LIMIT} s, so no longer watched"
        return self.is_over

    @property
    def is_settled(self):
        """Whether the step will do nothing more."""
        return {self.picture_state, self.mail_state} <= ENDS

    @property
    def only_retries(self):
        """Whether the page is back, and all that is left is a mail that will be tried again."""
        retried = self.mail_state == "retrying" and self.picture_state in ENDS
        return self.request_seconds is not None and retried

    def read_answer(self):
        self.answered_at = time.time()
        try:
            response = self.answer.result()
        except (requests.RequestException, ValueError) as error:  # ValueError: a form without token
            self.problem = f"the site did not answer the sign-up: {error}"
            if error.args and isinstance(error.args[0], ProtocolError):
                self.problem = "the connection was cut: the visitor got no answer"
            return
        self.request_seconds = response.elapsed.total_seconds()
        if response.status_code != 302:
            errors = re.findall(r'class="errorlist"[^>]*><li>(.*?)</li>', response.text)
            reason = unescape(" ".join(errors)) or f"status {response.status_code}"
            self.problem = f"the site refused the sign-up: {reason}"

    @property
    def picture_state(self):
        """As in the log, or "lost": not done, and nothing remembers that it is to do."""
        return self.lost_or(self.sign_up.picture_state)

    @property
    def mail_state(self):
        return self.lost_or(self.sign_up.mail_state)

    def lost_or(self, state):
        if self.step.has_outbox or not self.sign_up.kills:
            return state
        # Huey's queue keeps what has not begun; in the steps before, nothing does.
        if state == "abandoned" or (state == "waiting" and self.server_was_killed):
            return "lost"
        return state

    @property
    def server_was_killed(self):
        """Whether a kill has hit the process that had the request."""
        if self.step.has_consumer:
            return False
        first = self.sign_up.first
        return bool(self.sign_up.killed_after(first) if first else self.problem)

    @property
    def zero(self):
        """When the sign-up's request reached the site, or was sent if that is not logged yet."""
        return self.sign_up.first["start"] if self.sign_up.first else self.sent_at

    @property
    def state(self):
        """One of "waiting", "running", "done", "retrying" (no longer watched), "failed"."""
        if self.answer is None:
            return "waiting"
        if not self.is_over:
            return "running"
        if self.only_retries:
            return "retrying"
        is_done = self.picture_state == self.mail_state == "done" and not self.problem
        return "done" if is_done else "failed"

    @property
    def doing(self):
        """What happens now, in the timing log's words."""
        request = self.sign_up.request
        if self.is_over:
            return self.problem or self.state
        if self.answer is None:
            return "not started"
        if request is None:
            return "the request is on its way"
        work = ", ".join(self.sign_up.running)
        if not request["end"]:
            return f"the visitor waits: {work}" if work else "the visitor waits"
        if self.is_settled:
            return "the page is on its way"
        if not work and self.mail_state == "retrying":
            work = "a pause before the mail's next try"
        return f"the page is back: {work or 'the rest waits its turn'}"
