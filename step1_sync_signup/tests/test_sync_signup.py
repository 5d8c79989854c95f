"""What this step alone promises: when the page comes back, everything has been done."""

import threading

import pytest
from each_step.factories import sign_up

from accounts import services
from accounts.models import Profile


def test_everything_is_done_when_the_page_comes_back(client, db, mailoutbox):
    sign_up(client)
    profile = Profile.objects.get()
    assert profile.picture_state == "done"
    assert profile.welcome_state == "done"
    assert len(mailoutbox) == 1


def test_every_piece_of_work_is_logged_once_and_in_order(client, db, events):
    sign_up(client)
    assert events() == [
        "receive form",
        "hash password",
        "save user",
        "create profile",
        "fetch joke",
        "send mail",
        "resize picture",
        "sign-up",
    ]


@pytest.mark.django_db(transaction=True)
def test_slow_work_runs_in_the_requests_thread_and_in_no_transaction(client, work):
    sign_up(client)
    here = (threading.current_thread(), False)
    assert work == {"get_joke": here, "welcome_email": here, "make_thumbnail": here}


def errors(caplog):
    """Return what the view has logged together with a traceback."""
    return [r.message for r in caplog.records if r.name == "accounts.views" and r.exc_info]


def test_sign_up_survives_a_mail_server_that_is_down(client, db, broken_mail, caplog):
    sign_up(client)
    assert errors(caplog) == ["The welcome mail for ada failed"]
    assert Profile.objects.get().welcome_state == "failed"


def test_sign_up_survives_a_picture_that_cannot_be_stored(
    client, db, mailoutbox, monkeypatch, caplog
):
    def fail(picture):
        raise OSError("the storage is away")

    monkeypatch.setattr(services, "make_thumbnail", fail)
    sign_up(client)
    assert errors(caplog) == ["The picture of ada was not resized"]
    assert Profile.objects.get().picture_error == "the storage is away"
    assert len(mailoutbox) == 1
