"""The request's clock: a sign-up begins when its request reaches the site."""

from django.urls import reverse

from .log import log_begin, log_end, now, request_clock


class SignUpClockMiddleware:
    """Times each sign-up from the arrival of its request until its response leaves.

    The user is known only when the first piece of work starts. Until then, the form is received and
    checked; a form that isn't valid isn't logged. Put it first in MIDDLEWARE, because middleware
    before it isn't timed.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method != "POST" or request.path != reverse("sign_up"):
            return self.get_response(request)
        clock = RequestClock()
        token = request_clock.set(clock)
        try:
            response = self.get_response(request)
        finally:
            request_clock.reset(token)
        if clock.user:
            error = f"status {response.status_code}" if response.status_code >= 500 else ""
            log_end("sign-up", clock.user, clock.arrived, error)
        return response


class RequestClock:
    def __init__(self):
        self.arrived = now()
        self.user = None

    def belongs_to(self, user):
        """Begin the user's sign-up, at the moment when the request arrived."""
        if self.user:
            return
        self.user = user
        log_begin("sign-up", user, self.arrived)
        log_end("receive form", user, self.arrived)  # it has just ended
