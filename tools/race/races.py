"""The demo's races, and the kills."""

import re
from threading import Lock, Thread
from uuid import uuid4

from ..visitor import make_picture
from ..web import POLL, Refusal
from .drawing import drawing
from .kill import Kill
from .lane import Lane

NAME = r"[A-Za-z0-9_\-]{1,30}"


class Race:
    """The same sign-up in several lanes, at the same moment or (`together` false) in turn."""

    def __init__(self, number, name, together, lanes):
        self.number, self.name, self.together, self.lanes = number, name, together, lanes
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
    """The demo's races, of which one runs at a time, and the kills, one at a time in each step.

    `sites`: each step's Site. `threads` needs room for six threads. Setting the event `stopping`
    ends a race.
    """

    def __init__(self, sites, standins, threads, stopping):
        self.sites, self.standins = sites, standins
        self.threads, self.stopping = threads, stopping
        self.in_order = standins.settings  # as they were before anybody touched the switches
        self.picture = make_picture()
        self.race = None
        self.kills = {}  # the latest one of each step
        self.lock = Lock()

    def start(self, name="ada", together=True):
        """Start a race. Raises Refusal for a bad name, and while another one runs."""
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise Refusal(400, "a name has 1 to 30 letters, digits, hyphens and underscores")
        if not isinstance(together, bool):
            raise Refusal(400, "together must be true or false")
        with self.lock:
            if self.race and not self.race.is_over:
                if not self.race.may_be_replaced:
                    raise Refusal(409, "A race is running already. This page shows it.")
                self.race.is_replaced = True
            number = self.race.number + 1 if self.race else 1
            username = f"{name}-{uuid4().hex[:6]}"
            lanes = [Lane(s, site.url, site.var_dir, username) for s, site in self.sites.items()]
            self.race = Race(number, name, together, lanes)
            self.kills = {step: kill for step, kill in self.kills.items() if not kill.is_over}
            self.threads.submit(self.race.run, self.picture, self.threads, self.stopping)

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
            lane = next((x for x in self.race.lanes if x.step == step), None) if self.race else None
            if lane and (lane.answer is None or lane.is_over):
                lane = None
            self.kills[step] = kill = Kill(zero=lane and lane.zero)
            if lane:
                lane.kills.append(kill)
        # A thread of its own: those of the pool may all wait for a site that hangs.
        Thread(target=kill.run, args=[self.sites[step]], daemon=True).start()

    def to_json(self):
        race = self.race
        return {
            "race": race and race.json,
            "kills": {
                step.number: {"words": kill.words, "is_over": kill.is_over}
                for step, kill in self.kills.items()
            },
            "standins": self.standins.settings,
        }
