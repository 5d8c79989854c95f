"""The race, pressed over HTTP as its page does, against the five steps as real processes."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
import requests

from tools.race import MAIL_TRIES, Lane, Races, pages
from tools.race.kill import Kill
from tools.sites.addresses import listen, names, printable, warning
from tools.sites.catalogue import BY_NUMBER
from tools.sites.manage import step_environment
from tools.sites.ports import free_port
from tools.sites.web import TOKEN, serve
from tools.standins.standins import Standins

from .conftest import LIMIT, wait_for


class Page:
    """What a browser that shows the race's page can do; it has cookies once it got the page."""

    def __init__(self, url):
        self.url, self.session = url, requests.Session()

    def get(self, path="/race.json", **headers):
        return self.session.get(self.url + path, headers=headers, timeout=LIMIT)

    def kill(self, step):
        return self.post("/kill", {"step": step})

    def post(self, path="/race", body=None, **headers):
        body = {"name": "ada"} if body is None else body
        return self.session.post(self.url + path, json=body, headers=headers, timeout=LIMIT)

    def race_when(self, condition):
        """Return the race as soon as the condition holds for it."""

        def such_a_race():
            race = self.get().json()["race"]
            return condition(race) and race

        return wait_for(such_a_race, LIMIT)

    def finished_race(self):
        return self.race_when(lambda race: race["is_over"])


@pytest.fixture
def page(sites, standins):
    stopping = Event()
    with ThreadPoolExecutor(16) as threads:
        races = Races(sites, standins, threads, stopping)
        listener = listen("127.0.0.1", 0)
        with serve(listener, pages, races, "127.0.0.1"):
            yield Page(f"http://127.0.0.1:{listener.getsockname()[1]}")
        stopping.set()


def bars(lane, event):
    return [bar for bar in lane["bars"] if bar["event"] == event]


def test_race_from_start_to_done_in_all_steps(page):
    assert page.get().json()["race"] is None
    response = page.post()
    assert response.status_code == 202
    assert response.json()["race"]["is_over"] is False
    race = page.finished_race()
    assert [lane["step"] for lane in race["lanes"]] == [1, 2, 3, 4, 5]
    for lane in race["lanes"]:
        assert (lane["state"], lane["problem"]) == ("done", "")
        assert (lane["picture"], lane["mail"]) == ("resized", "sent")
        assert 0 < lane["waited"] <= lane["whole"]
        for bar in lane["bars"]:
            assert bar["begin"] >= 0
            assert bar["begin"] + bar["seconds"] <= lane["whole"] + 0.001
            assert not bar["running"] and not bar["abandoned"]
    rows = [bars(lane, "resize picture")[0]["row"] for lane in race["lanes"]]
    assert rows[:3] == ["request"] * 3
    assert all(row.startswith("worker process") for row in rows[3:])
    mail_rows = [bars(lane, "send mail")[0]["row"] for lane in race["lanes"]]
    assert mail_rows[:2] == ["request"] * 2
    assert mail_rows[2].startswith("thread mail")
    assert all(row.startswith("worker process") for row in mail_rows[3:])
    assert len(page.get().content) < 15_000


def test_race_in_turn_starts_a_step_when_the_one_before_is_over(page):
    page.post(body={"name": "ada", "together": False})
    seen = []
    page.race_when(
        lambda race: seen.append([lane["state"] for lane in race["lanes"]]) or race["is_over"]
    )
    assert all(states.count("running") <= 1 for states in seen)
    assert seen[-1] == ["done"] * 5


class SlowLane(Lane):
    def __init__(self, *arguments):
        time.sleep(0.2)  # in which the other press comes
        super().__init__(*arguments)


class SlowKill(Kill):
    def __init__(self):
        time.sleep(0.2)
        super().__init__()


def test_of_two_who_press_at_the_same_time_one_is_refused(page, standins, monkeypatch):
    monkeypatch.setattr("tools.race.races.Lane", SlowLane)
    monkeypatch.setattr("tools.race.races.Kill", SlowKill)
    standins.control(mail_delay=0.5)

    def refusal(press):
        """Press twice at the same time; return why one was refused."""
        with ThreadPoolExecutor() as threads:
            answers = [task.result() for task in [threads.submit(press) for _ in range(2)]]
        [refused] = [answer for answer in answers if not answer.ok]
        assert refused.status_code == 409
        return refused.json()["error"]

    assert "A race is running already" in refusal(page.post)
    assert page.finished_race()["number"] == 1
    assert "is being started again already" in refusal(lambda: page.kill(4))
    wait_for(lambda: "back after" in page.get().json()["kills"]["4"]["words"], LIMIT)


def test_broken_mail_server_is_final_in_steps_1_to_3_and_the_others_recover(page, standins):
    standins.control(mail_failure="4xx")
    page.post()
    race = page.race_when(lambda race: all("again" in lane["mail"] for lane in race["lanes"][3:]))
    assert race["lanes"][3]["state"] == race["lanes"][4]["state"] == "running"
    standins.control(mail_failure=None)
    lanes = page.finished_race()["lanes"]
    for lane in lanes[:3]:
        assert lane["state"] == "failed"
        assert lane["mail"].startswith("failed for good, after 1 try")
        assert "Try again later" in lane["mail"]
        assert lane["picture"] == "resized"
    for lane in lanes[3:]:
        assert lane["state"] == "done"
        assert lane["mail"].startswith("sent, after ")
        assert len(bars(lane, "send mail")) >= 2


def test_race_in_which_only_a_retry_is_left_makes_room_for_the_next(page, standins):
    standins.control(mail_failure="4xx")
    page.post()
    first = page.race_when(
        lambda race: (
            all(lane["page_is_back"] for lane in race["lanes"])
            and all(lane["picture"] == "resized" for lane in race["lanes"])
            and all("again" in lane["mail"] for lane in race["lanes"][3:])
        )
    )
    wait_for(lambda: page.post().status_code == 202)  # no try is under way just now
    standins.control(mail_failure=None)
    assert page.finished_race()["number"] == 2
    # Or the first race's mails would keep the workers from the next test's.
    retried = [f"{first['lanes'][3]['username']}@example.com"]
    wait_for(lambda: [mail["to"] for mail in standins.inbox].count(retried) >= 2)


def test_name_that_the_form_refuses_is_a_problem_that_says_why(page):
    page.post(body={"name": "correct-horse-battery-staple"})
    for lane in page.finished_race()["lanes"]:
        assert lane["state"] == "failed"
        assert "The password is too similar to the username." in lane["problem"]


def test_steps_try_as_often_as_the_race_waits_for():
    tasks = (BY_NUMBER[4].folder / "accounts" / "tasks.py").read_text(encoding="utf-8")
    assert f'"retries": {MAIL_TRIES[BY_NUMBER[4]] - 1},' in tasks
    settings = (BY_NUMBER[5].folder / "config" / "settings.py").read_text(encoding="utf-8")
    assert f'"OUTBOX_MAX_ATTEMPTS", default={MAIL_TRIES[BY_NUMBER[5]]})' in settings


def test_site_that_is_down_is_a_problem_of_its_lane_alone(tmp_path):
    lane = Lane(BY_NUMBER[1], f"http://127.0.0.1:{free_port()}", tmp_path, "ada")
    with ThreadPoolExecutor() as threads:
        lane.start(b"", threads)
    assert lane.look()
    assert "did not answer" in lane.problem
    assert lane.state == "failed"


def test_kill_loses_what_nothing_remembers(page, standins):
    standins.control(joke_failure="hang")
    page.post()
    # The visitors of steps 1 and 2 wait for the joke; that of step 3 is back, as are the others.
    page.race_when(
        lambda race: (
            all(bars(lane, "fetch joke") for lane in race["lanes"])
            and all(lane["picture"] == "resized" for lane in race["lanes"][2:])
            and all(lane["page_is_back"] for lane in race["lanes"][2:])
        )
    )
    for step in BY_NUMBER:
        assert page.kill(step).status_code == 202
    page.race_when(lambda race: all(lane["kills"] for lane in race["lanes"]))
    standins.control(joke_failure=None)
    first, second, third, fourth, fifth = page.finished_race()["lanes"]

    for lane in [first, second]:
        assert lane["problem"] == "the connection was cut: the visitor got no answer"
        assert (lane["lost"], lane["page_is_back"]) == ("mail and picture", False)
    for lane in [third, fourth]:
        assert (lane["problem"], lane["lost"]) == ("", "mail")
        assert (lane["picture"], lane["page_is_back"]) == ("resized", True)
    for lane in [first, second, third, fourth]:
        assert lane["state"] == "failed"
        [joke] = bars(lane, "fetch joke")
        [kill] = lane["kills"]
        assert joke["abandoned"] and not joke["running"]
        assert joke["begin"] + joke["seconds"] == pytest.approx(kill["begin"])

    assert (fifth["state"], fifth["lost"]) == ("done", "")
    assert fifth["mail"] == "sent again, after the kill"
    assert [joke["abandoned"] for joke in bars(fifth, "fetch joke")] == [True, False]


def test_kill_of_step_4_and_5_leaves_what_waits_in_the_queue(page, standins):
    standins.control(mail_failure="4xx")
    page.post()
    page.race_when(
        lambda race: all(
            "again" in lane["mail"] and lane["picture"] == "resized" for lane in race["lanes"][3:]
        )
    )
    page.kill(4)
    page.kill(5)
    page.race_when(lambda race: all(lane["kills"] for lane in race["lanes"][3:]))
    standins.control(mail_failure=None)
    for lane in page.finished_race()["lanes"][3:]:
        assert (lane["state"], lane["lost"]) == ("done", "")


def test_kill_while_no_race_runs(page):
    assert page.kill(4).status_code == 202
    refused = page.kill(4)
    assert refused.status_code == 409
    assert "is being started again already" in refused.json()["error"]
    back = re.compile(r"killed, back after \d+\.\d s")
    wait_for(lambda: back.fullmatch(page.get().json()["kills"]["4"]["words"]), LIMIT)
    page.post()
    assert page.get().json()["kills"] == {}
    assert page.finished_race()["lanes"][3]["state"] == "done"


@pytest.mark.parametrize("step", [0, 6, "4", 4.0, True, None])
def test_kill_of_a_step_that_does_not_exist_is_refused(page, step):
    response = page.kill(step)
    assert response.status_code == 400
    assert response.json()["error"] == "step must be one of 1, 2, 3, 4, 5"


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "a b"}, {"name": "<b>"}, {"name": 1}, {"name": "ada", "together": "yes"}, []],
)
def test_bad_race_is_refused(page, body):
    assert page.post(body=body).status_code == 400
    assert page.get().json()["race"] is None


@pytest.mark.parametrize("path", ["/race", "/control", "/kill"])
def test_other_websites_can_not_press_buttons(page, path):
    """Their forms can't send JSON, and their scripts must ask first, which nobody answers."""
    headers = {"Content-Type": "text/plain"}
    assert requests.post(page.url + path, "{}", headers=headers, timeout=LIMIT).status_code == 415
    assert requests.options(page.url + path, timeout=LIMIT).status_code == 405
    assert page.post(path, {}, Host="evil.example").status_code == 400


def test_switches_take_effect_at_once(page, standins):
    response = page.post("/control", {"joke_delay": 1.5, "mail_failure": "4xx"})
    assert response.status_code == 200
    assert standins.settings["joke_delay"] == 1.5
    assert page.get().json()["standins"]["mail_failure"] == "4xx"
    refused = page.post("/control", {"mail_failure": "500"})
    assert refused.status_code == 400
    assert "Allowed are" in refused.json()["error"]
    assert page.get().json()["standins"] == standins.settings


def test_page_and_its_files_come_from_here_alone(page, sites):
    response = page.get("/", Host="localhost")
    for site in sites.values():
        assert f"{site.url.replace('127.0.0.1', 'localhost')}/" in response.text
    assert 'value="ada"' in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert page.get("/../demo.py").status_code == 404
    assert len(page.get("/picture.jpg").content) < 50_000


def test_race_ends_with_the_demo(sites, standins):
    standins.control(mail_failure="4xx")
    stopping = Event()
    with ThreadPoolExecutor(16) as threads:
        races = Races(sites, standins, threads, stopping)
        races.start()
        stopping.set()
    assert races.to_json()["race"]["is_over"]


@contextmanager
def room(sites, standins, **options):
    """Serve the race to a room; yield the pages of the instructor's laptop and of the audience."""
    if printable("0.0.0.0").startswith("127."):
        pytest.skip("this machine has no address but its own")
    stopping = Event()
    with ThreadPoolExecutor(16) as threads:
        races = Races(sites, standins, threads, stopping, **options)
        listener = listen("0.0.0.0", 0)
        with serve(listener, pages, races, "0.0.0.0"):
            port = listener.getsockname()[1]
            yield [Page(f"http://{host}:{port}") for host in ["127.0.0.1", printable("0.0.0.0")]]
        stopping.set()


def test_room_watches_and_who_has_the_link_is_the_instructor(sites, standins):
    presses = [("/race", {"name": "ada"}), ("/kill", {"step": 4}), ("/control", {"mail_delay": 0})]
    with room(sites, standins) as (laptop, audience):
        for path, body in presses:
            refused = audience.post(path, body)
            assert refused.status_code == 403
            assert refused.json()["error"] == "only the instructor may do this"
            forged = audience.post(path, body, Cookie="instructor=guess; instructor=")
            assert forged.status_code == 403
        assert "The instructor starts the races" in audience.get("/").text
        assert audience.get("/").text.count("disabled") == 6
        assert 'class="kill"' not in audience.get("/").text
        assert audience.get("/?instructor=guess").history == []

        instructor = Page(audience.url)
        page = instructor.get(f"/?instructor={TOKEN}")
        assert page.url == f"{audience.url}/"
        # The link may be clicked on another site, such as in the instructor's web mail.
        assert "SameSite=Lax" in page.history[0].headers["Set-Cookie"]
        assert "disabled" not in page.text and 'class="kill"' in page.text
        for path, body in presses:
            assert instructor.post(path, body).status_code in (200, 202)
        assert audience.get().json()["race"]["number"] == 1
        assert laptop.post("/control", {"mail_delay": 0}).status_code == 200
        assert audience.finished_race()["lanes"][4]["state"] == "done"


def test_stand_ins_of_a_room_are_set_by_its_instructor():
    if printable("0.0.0.0").startswith("127."):
        pytest.skip("this machine has no address but its own")
    with Standins("0.0.0.0", http_port=0, smtp_port=0) as standins:
        room = standins.inbox_url.rstrip("/")
        for port in [standins.smtp_port, standins.joke_port]:  # for this machine
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((printable("0.0.0.0"), port), LIMIT)
        assert requests.get(f"{room}/inbox.json", timeout=LIMIT).status_code == 200
        for url in [room, standins.http_url]:
            status = 403 if url == room else 200
            sent = requests.post(f"{url}/control", json={"mail_delay": 1}, timeout=LIMIT)
            emptied = requests.delete(f"{url}/inbox.json", timeout=LIMIT)
            assert [sent.status_code, emptied.status_code] == [status, status]
        link = {"instructor": TOKEN}
        sent = requests.post(f"{room}/control", json={"mail_delay": 2}, cookies=link, timeout=LIMIT)
        assert sent.json()["mail_delay"] == 2


def test_each_visitor_runs_a_race_of_their_own(sites, standins, monkeypatch):
    monkeypatch.setattr("tools.race.races.MOST", 2)
    standins.control(joke_failure="hang")
    with room(sites, standins, for_all=True) as (_, audience):
        visitors = [Page(audience.url) for _ in range(3)]
        for visitor in visitors:
            visitor.get("/")
        for visitor, name in zip(visitors, ["ada0", "ada1"], strict=False):
            assert visitor.post(body={"name": name}).status_code == 202
        again, third = visitors[0].post(), visitors[2].post()
        assert (again.status_code, third.status_code) == (409, 409)
        assert "A race is running already" in again.json()["error"]
        assert "2 races are running: wait" in third.json()["error"]
        names = [visitor.get().json()["race"]["name"] for visitor in visitors]
        assert names == ["ada0", "ada1", "ada1"]  # who has none watches the latest
        standins.control(joke_failure=None)
        races = [visitor.finished_race() for visitor in visitors[:2]]
        assert [race["name"] for race in races] == ["ada0", "ada1"]
        assert {lane["state"] for race in races for lane in race["lanes"]} == {"done"}
        users = {lane["username"] for race in races for lane in race["lanes"]}
        assert len(users) == 2
        assert visitors[0].post().status_code == 202


def test_kill_hits_the_races_of_all_visitors(page, standins):
    standins.control(joke_failure="hang")
    other = Page(page.url)
    other.get("/")
    page.post()
    other.post(body={"name": "grace"})
    for each in [page, other]:
        each.race_when(lambda race: bars(race["lanes"][2], "fetch joke"))
    page.kill(3)
    for each in [page, other]:
        each.race_when(lambda race: "mail" in race["lanes"][2]["lost"])
        [begin] = [kill["begin"] for kill in each.get().json()["race"]["lanes"][2]["kills"]]
        words = each.get().json()["kills"]["3"]["words"]
        assert words.startswith(f"killed at {begin:.1f} s, ")
    standins.control(joke_failure=None)


def test_room_is_warned_of_and_reaches_this_machine_by_its_own_address():
    assert warning("127.0.0.1") == ""
    assert "Everyone in your network" in warning("0.0.0.0")
    assert printable("0.0.0.0") != "0.0.0.0"
    assert names("127.0.0.1") == ["localhost", "127.0.0.1", "[::1]"]
    assert printable("0.0.0.0") in names("0.0.0.0")
    with Standins("0.0.0.0", http_port=0, smtp_port=0) as standins:
        assert requests.get(standins.inbox_url, timeout=LIMIT).status_code == 200
        environment = step_environment(BY_NUMBER[1], standins)
    assert environment["EMAIL_HOST"] == "127.0.0.1"
    hosts = environment["ALLOWED_HOSTS"].split(",")
    assert {"localhost", "[::1]", printable("0.0.0.0")} <= set(hosts)
