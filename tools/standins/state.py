"""How the stand-ins are set, and the mails they have: what the servers share."""

import itertools
import json
import threading
import time

from ..sites.addresses import POLL

MAX_DELAY = 600  # seconds
FAILURES = {
    "joke_failure": (None, "500", "reset", "hang", "garbage", "drip", "flood"),
    "mail_failure": (None, "4xx", "5xx", "reset", "hang", "garbage", "drip", "flood"),
}
ALLOWED = f"joke_delay, mail_delay: seconds from 0 to {MAX_DELAY}; " + "; ".join(
    f"{name}: {', '.join(map(json.dumps, values))}" for name, values in FAILURES.items()
)
MAX_MAILS = 1000  # kept in memory
DRIP_PAUSE = 0.5  # seconds between two bytes
# Of a flood, again every POLL seconds: 1 MB/s, which the machine can bear.
FLOOD = b"ha " * 20_000
FLOOD_OF_LINES = b"250-ha ha ha\r\n" * 4_000
GARBAGE = b"\x80\x81<html>Please sign in to use this network.</html>"
JOKES = (
    "My joke about the queue comes next, right after everybody else's.",
    "I asked the timeout how long it would stay. It would not say, and then it was gone.",
    "The worker asked for a break. We gave it one, and the loop ended.",
    "I sent my colleague a signal. It was synchronous, so I am still standing here.",
    "A thread told me it would only be a moment. It did not say whose.",
    "My diet has a retry: every Monday, with exponential back-off.",
    "The scheduler has not forgotten my birthday. Something keeps having a higher priority.",
    "The database would not commit, so we agreed to see other transactions.",
    "Our lock is a good host: one guest at a time, and everybody else admires the door.",
    "Two polite threads met at a door. They are still there.",
    "Why was the welcome mail late? The picture had to get into shape first.",
    "An idle worker is one task away from being busy, and one poll away from noticing.",
)


class State:
    """What is set and what was received, for the servers' threads to share."""

    def __init__(self, joke_delay, mail_delay):
        self.inbox = []
        self.settings = dict.fromkeys(FAILURES)
        self.stopping = threading.Event()
        self._jokes = itertools.cycle(enumerate(JOKES, start=1))
        self._lock = threading.Lock()
        self.control(joke_delay=joke_delay, mail_delay=mail_delay)

    def control(self, /, **changes):
        """Change any of the settings, for waiting requests too; return all of them.

        Raises ValueError, which says what is allowed, and then changes nothing.
        """
        for name, value in changes.items():
            if name in ("joke_delay", "mail_delay"):  # a bool is an int, hence type()
                valid = type(value) in (int, float) and 0 <= value <= MAX_DELAY
            else:
                valid = value in FAILURES.get(name, ())
            if not valid:
                raise ValueError(f"bad {name}. Allowed are {ALLOWED}")
        with self._lock:
            self.settings = self.settings | changes
            return self.settings

    def pauses(self, kind):
        """Yield seconds to sleep, again and again, until a "joke" or "mail" may be answered.

        Polling, because it serves threads and coroutines alike. Raises ConnectionAbortedError
        once the stand-ins stop.
        """
        arrived = time.monotonic()
        while not self.stopping.is_set():
            left = arrived + self.settings[f"{kind}_delay"] - time.monotonic()
            if self.settings[f"{kind}_failure"] == "hang":
                yield POLL
            elif left > 0:
                yield min(left, POLL)
            else:
                return
        raise ConnectionAbortedError("the stand-ins are stopping")

    def endless(self, kind, failure, answer, flood=FLOOD):
        """Yield the parts of an answer that begins with `answer`, and how long to sleep after each.

        A "drip" is a byte at a time, a "flood" far more than anybody wants. It stops, and the
        answer is never complete, when another failure is set or the stand-ins stop.
        """
        if failure == "drip":
            bytes_of_answer = (answer[i : i + 1] for i in range(len(answer)))
            parts, pause = itertools.chain(bytes_of_answer, itertools.repeat(b" ")), DRIP_PAUSE
        else:
            parts, pause = itertools.chain([answer], itertools.repeat(flood)), POLL
        for part in parts:
            if self.stopping.is_set() or self.settings[f"{kind}_failure"] != failure:
                return
            yield part, pause

    def next_joke(self):
        """Return the next joke as the joke API's JSON object."""
        with self._lock:
            number, joke = next(self._jokes)
        return {"id": f"offline{number:02}", "joke": joke, "status": 200}

    def deliver(self, mail):
        """Put a mail into the inbox, from which the oldest goes when there are too many."""
        with self._lock:
            self.inbox.append(mail)
            del self.inbox[:-MAX_MAILS]
