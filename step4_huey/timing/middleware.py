"""The request's clock: a sign-up begins when its request reaches the site."""

from django.urls import reverse

from .log import now, request_clock, timed


class SignUpClockMiddleware:
    """Times each sign-up from the arrival of its request until its response leaves.

    Whose sign-up it is turns out with its first piece of work. Until then, the form is received and
    checked, and a form that is not valid is not logged. First in the list of middleware, because
    what comes before it is not timed.
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
        if clock.sign_up:
            failed = response.status_code >= 500
            clock.sign_up.end(error=f"status {response.status_code}" if failed else "")
        return response


class RequestClock:
    def __init__(self):
        self.arrived = now()
        self.sign_up = None

    def belongs_to(self, user):
        """Begin the user's sign-up, at the moment when the request arrived."""
        if self.sign_up:
            return
        self.sign_up = timed("sign-up", user, since=self.arrived)
        self.sign_up.begin()
        with timed("receive form", user, since=self.arrived):
            pass  # it has just ended
