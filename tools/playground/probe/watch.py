"""Sees what leaves this process, and whether the rows that it is about are committed by then."""

import logging
import sys
import threading
import time
import weakref
from contextlib import contextmanager, suppress

from django.core.mail import EmailMessage
from django.db import connections
from django.db.backends.signals import connection_created

HELD = 1.5  # seconds that what leaves is held at most: far longer than a page takes
THREAD_SECONDS = 2.0  # what a new thread may take until it shows what it does
IDLE_SECONDS = 0.3  # after which a thread that has not moved has nothing to do


class Bug(Exception):
    """Raised where the learner's code makes a mail."""


class Watch:
    """What has left since the last `begin()`, as dictionaries: `what`, `committed`, `thread`.

    "joke" and "mail" leave when a connection is opened, "picture" when its file is, "queue" when a
    task is queued. `committed` says whether another connection to the database sees the row.
    """

    def __init__(self, ports, media_root):
        self.ports, self.media_root = ports, str(media_root)
        self.main = connections["default"]
        self.departures, self.said = [], []
        self.held, self.refused, self.bug, self.bug_was_hit = set(), set(), False, False
        self.gate, self.held_in_vain, self.connections = threading.Event(), [], []
        self.row = self.meeting = None
        self.threads_before = set(threading.enumerate())
        sys.addaudithook(self.audit)
        connection_created.connect(self.connected)
        self.watch_mails()
        self.watch_logs()

    def begin(self, row):
        """Forget what has left. `row`: the query and its values that find the row in question."""
        self.row = row
        self.departures, self.said = [], []
        self.threads_before = set(threading.enumerate())

    # What leaves

    def audit(self, event, arguments):
        if event == "socket.connect":
            address = arguments[1]
            if isinstance(address, tuple) and address[1] in self.ports:
                self.leaves(self.ports[address[1]])
        elif event == "open":
            path, mode = arguments[:2]
            if mode == "r" and str(path).startswith(self.media_root) and "pictures" in str(path):
                self.leaves("picture")

    def leaves(self, what, **details):
        if self.row is None or threading.current_thread().name == "watch":
            return
        thread = threading.current_thread().name
        departure = {"what": what, "thread": thread, "committed": self.is_committed()}
        if self.meeting:
            departure["loop"] = is_a_loop_running()
        self.departures.append(departure | details)
        if what in self.refused:
            raise ConnectionRefusedError(f"the {what} server is not there")
        if self.meeting and what == "joke":
            with suppress(threading.BrokenBarrierError):
                self.meeting.wait(HELD)
        if what in self.held and not self.gate.wait(HELD):
            self.held_in_vain.append(what)

    def is_committed(self):
        other = self.main.copy()
        other.is_of_the_watch = True
        try:
            with other.cursor() as cursor:
                cursor.execute(*self.row)
                return cursor.fetchone() is not None
        finally:
            other.close()

    @contextmanager
    def holding(self, kinds):
        """Hold these kinds back, until `gate` is set or for HELD seconds at most.

        `held_in_vain` are those for which that was too short: somebody waits for them.
        """
        self.gate.clear()
        self.held, self.held_in_vain = set(kinds), []
        try:
            yield
        finally:
            self.gate.set()
            self.held = set()

    # Threads and connections

    def new_threads(self):
        return [t for t in self.threads_at_work() if t not in self.threads_before]

    def places(self):
        """Return where in the code each of the project's threads is."""
        frames = sys._current_frames()
        found = {thread: frames.get(thread.ident) for thread in self.threads_at_work()}
        return {thread: frame and (frame.f_code, frame.f_lasti) for thread, frame in found.items()}

    def threads_at_work(self):
        """Return the threads that the project has started, idle ones of a pool included."""
        return [
            thread
            for thread in threading.enumerate()
            if thread is not threading.main_thread()
            and not thread.name.startswith(("watch", "server"))
            and "process_request_thread" not in thread.name
        ]

    def let_threads_show(self):
        """Return when something has left, or each new thread has ended and the others are idle."""
        places, since = self.places(), time.monotonic()
        deadline = since + THREAD_SECONDS
        while places and not self.departures and (now := time.monotonic()) < deadline:
            if (current := self.places()) != places:
                places, since = current, now
            elif not self.new_threads() and now - since > IDLE_SECONDS:
                return
            time.sleep(0.005)

    def connected(self, connection, **kwargs):
        is_ours = hasattr(connection, "is_of_the_watch")
        if not is_ours and threading.current_thread() in self.threads_at_work():
            self.connections.append(weakref.ref(connection))

    def open_connections(self):
        """Return how many connections to the database other threads have left open."""
        return sum(
            bool((wrapper := reference()) and wrapper.connection is not None)
            for reference in self.connections
        )

    # What is said of a bug

    def watch_mails(self):
        make = EmailMessage.__init__

        def make_mail(mail, *args, **kwargs):
            if self.bug:
                self.bug_was_hit = True
                raise Bug("a bug in the mail")
            make(mail, *args, **kwargs)

        EmailMessage.__init__ = make_mail

    def watch_logs(self):
        make_record, make_of_thread = logging.getLogRecordFactory(), threading.excepthook

        def record(*args, **kwargs):
            made = make_record(*args, **kwargs)
            error = made.exc_info[1] if made.exc_info else None
            with suppress(Exception):
                if made.levelno >= logging.WARNING and (
                    isinstance(error, Bug) or "a bug in the mail" in made.getMessage()
                ):
                    self.said.append(made.name)
            return made

        def uncaught(arguments):
            if isinstance(arguments.exc_value, Bug):
                self.said.append("the thread's own traceback")
            make_of_thread(arguments)

        logging.setLogRecordFactory(record)
        threading.excepthook = uncaught


def is_a_loop_running():
    """Return whether an event loop runs in any thread."""
    for frame in sys._current_frames().values():
        while frame:
            if frame.f_code.co_name == "run_forever":
                return True
            frame = frame.f_back
    return False
