import time

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.urls import reverse
from timing import timed
from timing.middleware import SignUpClockMiddleware
from timing.records import records_of

from .users import new_user


@pytest.fixture
def answer(rf):
    """A function that lets a view answer a request behind the middleware."""

    def answer(view, method="post", path=None):
        request = getattr(rf, method)(path or reverse("sign_up"))
        request.user = AnonymousUser()
        return SignUpClockMiddleware(view)(request)

    return answer


def test_sign_up_lasts_from_the_requests_arrival_until_the_response_leaves(answer):
    user, times = new_user(), []

    def view(request):
        times.append(time.time())  # the form is received and checked until here
        with timed("hash password", user):
            pass
        with timed("save user", user):
            pass
        times.append(time.time())
        return HttpResponse()

    before = time.time()
    answer(view)
    sign_up, form, *work = records_of(user)
    assert [sign_up["event"], form["event"]] == ["sign-up", "receive form"]
    assert [record["event"] for record in work] == ["hash password", "save user"]
    assert before <= sign_up["start"] == form["start"] <= times[0]
    assert times[0] - 0.001 <= form["end"] <= work[0]["start"] + 0.001
    assert times[1] - 0.001 <= sign_up["end"] <= time.time() + 0.001


def test_sign_up_that_goes_on_is_in_the_log_from_its_first_work_on(answer):
    user = new_user()

    def view(request):
        with timed("hash password", user):
            assert [r["event"] for r in records_of(user) if not r["end"]] == [
                "sign-up",
                "hash password",
            ]
        return HttpResponse()

    answer(view)


def test_sign_up_that_is_answered_with_an_error_has_failed(answer, caplog):
    user = new_user()

    def view(request):
        with timed("hash password", user):
            return HttpResponse(status=500)

    answer(view)
    assert records_of(user)[0]["error"] == "status 500"
    assert caplog.records[-1].module == "middleware"  # which the console names


@pytest.mark.parametrize(("method", "path"), [("get", None), ("post", "/login/")])
def test_work_of_another_request_is_no_sign_up(answer, method, path):
    user = new_user()

    def view(request):
        with timed("send mail", user):
            return HttpResponse()

    answer(view, method, path)
    assert [record["event"] for record in records_of(user)] == ["send mail"]


def test_work_after_the_request_is_not_the_requests(answer):
    user, later = new_user(), new_user("grace")

    def view(request):
        with timed("hash password", user):
            return HttpResponse()

    answer(view)
    with timed("send mail", later):
        pass
    assert [record["event"] for record in records_of(later)] == ["send mail"]


def test_form_that_is_not_valid_is_not_logged(client, db, caplog):
    client.post(reverse("sign_up"), {"username": "ada"})
    assert [r for r in caplog.records if r.name == "timing.log"] == []
