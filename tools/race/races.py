"""The demo's races, and the kills."""

import re
import time
from threading import Lock, Thread
from uuid import uuid4

from ..sites.addresses import POLL
from ..sites.visitor import make_picture
from ..sites.web import Refusal
from .drawing import drawing
from .kill import Kill
from .lane import Lane

MOST = 10  # races at once, of different visitors: more would only wait for the processor
NAME = r"[A-Za-z0-9_\-]{1,30}"


class Race:
    """The same sign-up in several lanes, at the same moment or (`together` false) in turn."""

    def __init__(self, number, name, together, lanes):
        self.number, self.name, self.together, self.lanes = number, name, together, lanes
        self.started_at = time.time()
        self.is_over = False
        self.is_replaced = False
        self.publish()

    def run(self, picture, threads, stopping):
        """Sign up and follow, until all is done, `stopping` is set, or another race follows."""
        try:
            for lanes in [self.lanes] if self.together else [[lane] for lane in self.lanes]:
                for lane in lanes:
                    lane.start(picture, threads)
                while running := [lane for lane in lanes if not lane.is_over]:
                    if stopping.wait(POLL) or self.is_replaced:
                        return
                    for lane in running:
                        lane.look()
                    self.publish()
        except Exception as error:
            for lane in self.lanes:
                lane.problem = lane.problem or f"the race broke off: {error!r}"
            raise
        finally:
            for lane in self.lanes:
                lane.is_over = True
            self.is_over = True
            self.publish()

    def zero(self, kill):
        """Return the zero of the lane that a kill has hit, in seconds since the epoch, or None."""
        return next((lane.zero for lane in self.lanes if kill in lane.kills), None)

    def publish(self):
        """Keep what others ask for, so that only this race's own thread touches its lanes."""
        self.may_be_replaced = all(lane.is_over or lane.only_retries for lane in self.lanes)
        self.json = {
            "number": self.number,
            "name": self.name,
            "together": self.together,
            "is_over": self.is_over,
            "lanes": [drawing(lane) for lane in self.lanes],
        }


class Races:
    """The demo's races, of which each visitor runs one at a time, and the kills, one in each step.

    `sites`: each step's Site. `threads` needs room for six threads a race. Setting the event
    `stopping` ends a race. `for_all`: in a room, others than the instructor may start races, too.
    """

    def __init__(self, sites, standins, threads, stopping, for_all=False):
        self.sites, self.standins = sites, standins
        self.threads, self.stopping = threads, stopping
        self.for_all = for_all
        self.in_order = standins.settings  # as they were before anybody touched the switches
        self.picture = make_picture()
        self.race = None  # the latest
        self.races = {}  # the latest of each visitor
        self.kills = {}  # the latest of each step
        self.lock = Lock()

    def start(self, name="ada", together=True, visitor=""):
        """Start a visitor's race.

        Raises Refusal for a bad name, while another race of theirs runs, and while too many run.
        """
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise Refusal(400, "a name has 1 to 30 letters, digits, hyphens and underscores")
        if not isinstance(together, bool):
            raise Refusal(400, "together must be true or false")
        with self.lock:
            before = self.races.get(visitor)
            if before and not before.is_over and not before.may_be_replaced:
                raise Refusal(409, "A race is running already. This page shows it.")
            if len([race for race in self.running if race is not before]) >= MOST:
                raise Refusal(409, f"{MOST} races are running: wait for one of them to end.")
            if before:
                before.is_replaced = True
            number = self.race.number + 1 if self.race else 1
            username = f"{name}-{uuid4().hex[:6]}"
            lanes = [Lane(s, site.url, site.var_dir, username) for s, site in self.sites.items()]
            self.race = self.races[visitor] = Race(number, name, together, lanes)
            self.threads.submit(self.race.run, self.picture, self.threads, self.stopping)

    @property
    def running(self):
        return [race for race in self.races.values() if not race.is_over]

    def kill(self, number):
        """Kill what does the slow work of the step with that number, and start it again.

        Raises Refusal if there is no such step, or it is being killed already.
        """
        step = next((s for s in self.sites if s.number == number and type(number) is int), None)
        if not step:
            numbers = ", ".join(str(step.number) for step in self.sites)
            raise Refusal(400, f"step must be one of {numbers}")
        with self.lock:
            if step in self.kills and not self.kills[step].is_over:
                raise Refusal(409, f"{step.label} is being started again already.")
            self.kills[step] = kill = Kill()
            for lane in [lane for race in self.running for lane in race.lanes]:
                if lane.step == step and lane.answer is not None and not lane.is_over:
                    lane.kills.append(kill)
        # A thread of its own: those of the pool may all wait for a site that hangs.
        Thread(target=kill.run, args=[self.sites[step]], daemon=True).start()

    def to_json(self, visitor=""):
        """Return what a visitor sees: their own race, or the latest of all, and the kills since."""
        race = self.races.get(visitor, self.race)
        kills = {}
        for step, kill in self.kills.items():
            if not race or not kill.is_over or kill.pressed_at > race.started_at:
                words = kill.words(race and race.zero(kill))
                kills[step.number] = {"words": words, "is_over": kill.is_over}
        return {"race": race and race.json, "kills": kills, "standins": self.standins.settings}
