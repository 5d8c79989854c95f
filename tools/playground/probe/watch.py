"""Sees what leaves this process, whether its rows are committed by then, and what is logged."""

import logging
import sys
import threading
import time
import weakref
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess

from django.core.mail import EmailMessage
from django.db import connections
from django.db.backends.signals import connection_created

from .errors import described, is_of_a_request

HELD = 1.5  # seconds that what leaves is held at most: far longer than a page takes
THREAD_SECONDS = 2.0  # what a thread may take until it shows what it does
WORK_SECONDS = 6.0  # what it may take to do it
CLOSE_SECONDS = 0.5  # what a thread may take to close its connection when its work is done
IDLE_SECONDS = 0.1  # after which a thread that has not moved, and awaits no answer, is idle
ANSWERS = ("socket.py", "/django/db/", "\\django\\db\\")  # where a thread awaits one


class Bug(Exception):
    """Raised on purpose in the learner's work, to see what becomes of it."""


class Refused(Bug, ConnectionRefusedError):
    """Raised where the learner's work connects to a server."""


class Watch:
    """What has left since the last `begin()`, as dictionaries: `what`, `committed`, `elsewhere`.

    "joke" and "mail" leave when a connection is opened, "picture" when its file is, "queue" when a
    task is queued, "process" when one is started. `committed` says whether another connection to
    the database sees the row, `elsewhere` whether another thread than a request's has made the
    mail, whichever thread sends it.
    """

    def __init__(self, ports, media_root):
        self.ports, self.media_root = ports, str(media_root)
        self.main = connections["default"]
        self.held, self.held_in_vain, self.gate = set(), [], threading.Event()
        self.connections = weakref.WeakSet()  # of the threads that the project has started
        self.begin(row=None)
        sys.addaudithook(self.audit)
        connection_created.connect(self.connected)
        self.watch_mails()
        self.watch_processes()
        self.watch_errors()

    def begin(self, row):
        """Forget what has left and was logged, and let nothing fail any more.

        `row`: the query that finds the row in question, and its values.
        """
        self.row, self.made_elsewhere = row, False
        self.departures, self.threads_before = [], set(threading.enumerate())
        self.errors, self.bug, self.is_refused = [], "", False
        # Of a bug: whether it was logged with its exception, or only mentioned in the log.
        self.bug_was = {"logged": False, "mentioned": False}

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
        if self.row is None:
            return
        is_committed, elsewhere = self.is_committed(), self.made_elsewhere
        departure = {"what": what, "committed": is_committed, "elsewhere": elsewhere} | details
        self.departures.append(departure)
        self.hit_bug(what)
        if what == "mail" and self.is_refused:
            raise Refused("the mail server is not there")
        if what in self.held and not self.gate.wait(HELD):
            self.held_in_vain.append(departure)

    def is_committed(self):
        other = self.main.copy()
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

    def watch_mails(self):
        make = EmailMessage.__init__

        def make_mail(mail, *args, **kwargs):
            self.made_elsewhere = not is_of_a_request(threading.current_thread())
            self.hit_bug("mail")
            make(mail, *args, **kwargs)

        EmailMessage.__init__ = make_mail

    def watch_processes(self):
        start = BaseProcess.start

        def start_process(process):
            self.leaves("process")
            start(process)

        BaseProcess.start = start_process

    def hit_bug(self, where):
        if where == self.bug:
            raise Bug(f"a bug in the {where}")

    # Threads and connections

    def threads_at_work(self):
        """Return the threads that the project has started, idle ones of a pool included."""
        return [
            thread
            for thread in threading.enumerate()
            if not is_of_a_request(thread) and not thread.name.startswith(("watch", "server"))
        ]

    def let_threads_show(self):
        """Return when something has left, or no thread that was there before has anything to do."""
        self.wait(lambda: self.departures or not self.new_threads() and self.are_idle())

    def let_threads_work(self):
        """Return when no thread has anything to do."""
        self.wait(self.are_idle, WORK_SECONDS)

    def wait(self, is_over, seconds=THREAD_SECONDS):
        self.places, self.since = {}, time.monotonic()
        deadline = self.since + seconds
        while self.threads_at_work() and not is_over() and time.monotonic() < deadline:
            time.sleep(0.005)

    def are_idle(self):
        """Return whether the threads have not moved for a moment, and await no answer."""
        frames = sys._current_frames()
        now = {thread: frames.get(thread.ident) for thread in self.threads_at_work()}
        places = {thread: frame and (frame.f_code, frame.f_lasti) for thread, frame in now.items()}
        files = [frame.f_code.co_filename for frame in now.values() if frame]
        if places != self.places or any(part in file for file in files for part in ANSWERS):
            self.places, self.since = places, time.monotonic()
        return time.monotonic() - self.since > IDLE_SECONDS

    def new_threads(self):
        return [t for t in self.threads_at_work() if t not in self.threads_before]

    def connected(self, connection, **kwargs):
        if threading.current_thread() in self.threads_at_work():
            self.connections.add(connection)

    def has_open_connections(self):
        """Return whether threads leave connections open: a mail is done before its thread is."""
        deadline = time.monotonic() + CLOSE_SECONDS
        while any(each.connection is not None for each in self.connections):
            if time.monotonic() > deadline:
                return True
            time.sleep(0.01)
        return False

    # What is said of errors

    def watch_errors(self):
        """Note each exception that is logged, or that leaves a thread or a future."""
        make_record, make_of_thread = logging.getLogRecordFactory(), threading.excepthook
        set_exception = Future.set_exception

        def record(*args, **kwargs):
            made = make_record(*args, **kwargs)
            if made.levelno >= logging.WARNING and "timing" not in made.name:
                with suppress(Exception):
                    self.note_record(made)
            return made

        def uncaught(arguments):
            self.note(arguments.exc_value, is_told=True)
            make_of_thread(arguments)

        def set_and_note(future, error):
            if error:
                self.note(error)
            set_exception(future, error)

        logging.setLogRecordFactory(record)
        threading.excepthook = uncaught
        Future.set_exception = set_and_note

    def note_record(self, record):
        error = record.exc_info[1] if record.exc_info else None
        if error:
            self.note(error, is_told=True)
        elif "a bug in the" in record.getMessage():
            self.bug_was["logged"] = True
        else:
            self.bug_was["mentioned"] = True

    def note(self, error, is_told=False):
        if isinstance(error, Bug):
            self.bug_was["logged"] |= is_told
        else:
            self.errors.append(described(error))
