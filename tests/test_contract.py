"""What every step promises its visitors, checked over HTTP against real processes."""

import json
import sqlite3
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from random import Random

import pytest
from PIL import Image
from timing.sign_up import SignUp

from tools.sites.visitor import PASSWORD, Visitor, make_picture
from tools.standins.state import JOKES

from .conftest import at_both_ends, at_the_last_step, wait_for

ERROR = 'class="errorlist"'
PICTURE = make_picture((400, 300))


def signed_up(site, picture=None):
    """Return a visitor who has signed up."""
    visitor = site.visitor()
    assert visitor.sign_up(picture).status_code == 302
    return visitor


def mail_to(site, visitor):
    return [mail for mail in site.standins.inbox if mail["to"] == [visitor.email]]


def home_says(visitor, text):
    return wait_for(lambda: text in visitor.get("/").text, pause=0.2)


def user_count(site, **columns):
    """Return how many rows of the user table have these values."""
    where = " AND ".join(f"{column} = ?" for column in columns)
    query = f"SELECT count(*) FROM accounts_user WHERE {where}"
    [(count,)] = site.rows(query, list(columns.values()))
    return count


@pytest.fixture(scope="session")
def complete(started_site, picture):
    """A visitor whose sign-up is complete, and what the timing log says of it."""
    log, visitor, records = started_site.timing_log(), started_site.visitor(), []
    response = visitor.sign_up(picture)
    assert (response.status_code, response.headers["Location"]) == (302, "/")

    def is_logged():
        records.extend(log.new_records())
        return SignUp(records).is_done

    wait_for(is_logged)
    return visitor, records


def test_sign_up_gives_a_profile_a_thumbnail_and_a_mail_with_a_joke(site, complete):
    visitor, records = complete
    thumbnail = wait_for(visitor.thumbnail)
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (300, 225))
    [mail] = wait_for(lambda: mail_to(site, visitor))
    assert mail["subject"] == f"Welcome, {visitor.username}!"
    assert any(joke in mail["text"] for joke in JOKES)
    home_says(visitor, 'data-picture="done"')
    home_says(visitor, 'data-welcome="done"')
    expected = {
        "sign-up",
        "receive form",
        "hash password",
        "save user",
        "create profile",
        "resize picture",
        "fetch joke",
        "send mail",
    }
    assert {record["event"] for record in records} - {"queue"} == expected
    assert len({record["sign_up"] for record in records}) == 1
    assert {record["step"] for record in records} == {site.step.name}
    assert [record["error"] for record in records if record["error"]] == []


def test_where_the_work_ran(site, complete):
    _, records = complete
    request = SignUp(records).events["sign-up"]
    elsewhere = {
        record["event"]: "thread" if record["process"] == request["process"] else "process"
        for record in records
        if (record["process"], record["threadName"]) != (request["process"], request["threadName"])
    }
    assert (
        elsewhere
        == {
            1: {},
            2: {},
            3: {"fetch joke": "thread", "send mail": "thread"},
            4: {"fetch joke": "process", "send mail": "process", "resize picture": "process"},
            5: {"fetch joke": "process", "send mail": "process", "resize picture": "process"},
        }[site.step.number]
    )
    assert site.step.page_waits == ("send mail" not in elsewhere)


def test_sign_up_without_a_picture(site):
    visitor = signed_up(site)
    assert 'data-picture="none"' in visitor.get("/").text
    wait_for(lambda: mail_to(site, visitor))
    assert visitor.thumbnail() is None


def test_visitor_finds_the_way_back_in(site, complete):
    visitor, _ = complete
    returning = Visitor(site.url, visitor.username)
    assert visitor.email not in returning.get("/").text
    response = returning.post("/login/", {"username": visitor.username, "password": PASSWORD})
    assert visitor.email in response.text
    response = returning.session.post(
        f"{site.url}/logout/",
        headers={"X-CSRFToken": returning.session.cookies[f"{site.step.name}_csrftoken"]},
    )
    assert visitor.email not in response.text
    assert visitor.email not in returning.get("/").text


def test_nobody_else_sees_a_thumbnail(site, complete):
    owner, _ = complete
    wait_for(owner.thumbnail)
    assert signed_up(site).get("/thumbnail/").status_code == 404
    stranger = site.visitor()
    assert stranger.get("/thumbnail/", allow_redirects=False).status_code == 302
    for path in ["/media/", "/var/db.sqlite3", "/static/../var/db.sqlite3"]:
        assert stranger.get(path).status_code == 404
    [name] = [name for name in site.files() if name.endswith(".jpeg")][:1]
    assert owner.get(f"/media/pictures/{name}").status_code == 404


@at_both_ends
def test_invalid_form_says_why_at_the_field_and_saves_nothing(site):
    visitor, files = site.visitor(), site.files()
    page = visitor.sign_up(PICTURE, password2="another one").text
    assert page.count(ERROR) == 1
    assert 'aria-invalid="true"' in page
    assert f'value="{visitor.email}"' in page
    assert user_count(site, username=visitor.username) == 0
    assert site.files() == files


# Whoever else may fail: the joke API and the mail server


@pytest.mark.parametrize("failure", ["500", "reset", "hang", "garbage"])
def test_sign_up_survives_the_joke_api(site, failure):
    site.standins.control(joke_failure=failure)
    visitor = signed_up(site)
    [mail] = wait_for(lambda: mail_to(site, visitor))
    assert "No joke today" in mail["text"]


@pytest.mark.parametrize("failure", ["4xx", "5xx", "reset", "hang", "garbage"])
def test_sign_up_survives_the_mail_server(site, failure):
    site.standins.control(mail_failure=failure)
    log, visitor = site.timing_log(), signed_up(site, PICTURE)
    wait_for(lambda: [r for r in log.new_records() if r["event"] == "send mail"])
    tries_again = site.step.has_consumer and failure != "5xx"  # which trying again can't help
    home_says(visitor, f'data-welcome="{"retrying" if tries_again else "failed"}"')
    wait_for(visitor.thumbnail)
    assert mail_to(site, visitor) == []
    if tries_again:
        site.standins.control(mail_failure=None)
        wait_for(lambda: mail_to(site, visitor))
        home_says(visitor, 'data-welcome="done"')
        assert len(mail_to(site, visitor)) == 1


# Two at once


@pytest.mark.parametrize("same", ["username", "email"])
def test_of_two_who_want_the_same_at_once_one_gets_it(site, same):
    first, second = site.visitor(), site.visitor()
    changed = {same: getattr(first, same)}
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda v: v.sign_up(PICTURE, **changed), [first, second]))
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    [refused] = [answer for answer in answers if answer.status_code == 200]
    assert refused.text.count(ERROR) == 1
    assert "already exists" in refused.text
    assert user_count(site, **changed) == 1


def test_many_at_once_are_all_served(site):
    visitors = [site.visitor() for _ in range(6)]
    with ThreadPoolExecutor(len(visitors)) as threads:
        answers = list(threads.map(lambda visitor: visitor.sign_up(), visitors))
    assert [answer.status_code for answer in answers] == [302] * len(visitors)
    for visitor in visitors:
        wait_for(lambda visitor=visitor: mail_to(site, visitor))


def test_sign_up_waits_for_a_database_that_is_locked(site):
    visitor = site.visitor()
    with ThreadPoolExecutor() as threads:
        with closing(sqlite3.connect(site.var_dir / "db.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = threads.submit(visitor.sign_up)
            time.sleep(2)
            assert not answer.done()
            other.rollback()
        assert answer.result().status_code == 302
    wait_for(lambda: mail_to(site, visitor))


# Hostile input


@at_both_ends
def test_thousands_of_fields_are_refused(site):
    visitor = site.visitor()
    fields = {f"field-{number}": "x" for number in range(5000)}
    assert visitor.sign_up(**fields).status_code == 400
    assert user_count(site, username=visitor.username) == 0


@at_both_ends
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(site, method):
    visitor = site.visitor()
    visitor.get("/signup/")
    token = visitor.session.cookies[f"{site.step.name}_csrftoken"]
    for path in ["/", "/signup/"]:
        answer = visitor.session.request(
            method, site.url + path, headers={"X-CSRFToken": token}, timeout=60
        )
        assert answer.status_code == 405


def encoded(format):
    content = BytesIO()
    Image.new("RGB", (64, 64)).save(content, format)
    return content.getvalue()


def png_bomb(width, height):
    """Return a PNG of a few hundred bytes that says it has so many pixels."""
    png = encoded("PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


BAD_UPLOADS = {
    "gif": encoded("GIF"),
    "tiff": encoded("TIFF"),
    "eps": encoded("EPS"),
    "ico": encoded("ICO"),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "empty": b"",
    "random": Random(1).randbytes(10_000),
    "half a png header": encoded("PNG")[:20],
    "half a webp header": encoded("WEBP")[:20],
    "jpeg marker alone": b"\xff\xd8\xff",
    "png bomb": png_bomb(50_000, 50_000),
    "png bomb below Pillow's own limit": png_bomb(6_000, 6_000),
    "png without size": png_bomb(0, 0),
    "21 MiB": encoded("JPEG") + b"\0" * 21 * 1024 * 1024,
}


@at_the_last_step
@pytest.mark.parametrize("kind", BAD_UPLOADS)
def test_bad_upload_is_an_error_at_the_field_and_saves_nothing(site, kind):
    visitor, files = site.visitor(), site.files()
    response = visitor.sign_up(BAD_UPLOADS[kind])
    assert response.status_code == 200
    assert response.text.count(ERROR) == 1
    assert 'id="id_picture_error"' in response.text
    assert user_count(site, username=visitor.username) == 0
    assert site.files() == files


def test_picture_that_passes_the_form_and_breaks_later_is_said_to_have_failed(site):
    content = BytesIO()
    Image.effect_noise((600, 600), 50).save(content, "JPEG")
    # The header is in order, and nothing after it is looked at before the resize.
    visitor = signed_up(site, content.getvalue()[:50_000])
    home_says(visitor, 'data-picture="failed"')
    assert visitor.thumbnail() is None


@at_the_last_step
@pytest.mark.parametrize(
    "changed",
    [
        {"username": "ada\nBcc: eve@example.com"},
        {"username": "a" * 10_000},
        {"username": "\0"},
        {"username": "<script>alert(1)</script>"},
        {"email": "ada@example.com\r\nBcc: eve@example.com"},
        {"email": "ada@example.com, eve@example.com"},
        {"email": "a" * 10_000 + "@example.com"},
        {"email": "ada@exa\0mple.com"},
        {"password1": "\0", "password2": "\0"},
    ],
    ids=lambda changed: json.dumps(changed)[:40],
)
def test_awkward_text_is_an_error_at_the_field(site, changed):
    visitor = site.visitor()
    response = visitor.sign_up(**changed)
    assert response.status_code == 200
    assert ERROR in response.text
    assert "<script>alert" not in response.text
    assert user_count(site, email=visitor.email) == 0


@at_both_ends
@pytest.mark.parametrize("name", ["Žofie", "李小龍", "مريم", "O.d+d_n-ame@x"])
def test_names_of_every_script_are_welcome(site, name):
    visitor = site.visitor()
    username = f"{name}-{visitor.username}"
    assert visitor.sign_up(username=username).status_code == 302
    [mail] = wait_for(lambda: mail_to(site, visitor))
    assert mail["subject"] == f"Welcome, {username}!"
    assert username in visitor.get("/").text
