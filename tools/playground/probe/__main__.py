"""Try in the learner's project what is asked for: a JSON object a line, in and out."""

import json
import os
import sys
import threading
import time
from functools import cache

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command, get_commands
from django.core.servers import basehttp
from django.db.models.signals import post_save
from django.urls import get_resolver

from .errors import described, stuck_place
from .experiments import Experiments, profile_model
from .queues import Queues
from .watch import Watch

STUCK_SECONDS = 6  # in one file: far longer than any import or sign-up takes
END_SECONDS = 4
channel = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what the project prints goes elsewhere
os.dup2(2, 1)


def answer(result):
    print(json.dumps(result), file=channel, flush=True)


def alarm(text, seconds=STUCK_SECONDS, everywhere=False):
    """End the process when it stays in one file of the learner's, and say where.

    Returns the event that stops this. `everywhere`: in any thread, also an idle one.
    """
    is_over = threading.Event()

    def watch():
        file, since = "", time.monotonic()
        while not is_over.wait(0.2):
            place = stuck_place(everywhere)
            if not place or place.partition(",")[0] != file:
                file, since = place.partition(",")[0], time.monotonic()
            elif time.monotonic() - since > seconds:
                answer({"broken": {"text": text, "place": place, "traceback": ""}})
                os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch").start()
    return is_over


def prepare():
    """Return the experiments, and facts about the project; raises what the project raises."""
    django.setup()
    from django.contrib.auth.models import User  # only now

    quietly = {"skip_checks": True, "verbosity": 0}  # checks would import the URLs
    call_command("migrate", **quietly)
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, **quietly)
    except SystemExit:
        raise CommandError("a migration is missing: `manage.py makemigrations`") from None
    ports = {int(os.environ["JOKE_PORT"]): "joke", int(os.environ["EMAIL_PORT"]): "mail"}
    watch = Watch(ports, settings.MEDIA_ROOT)
    facts = {
        "has_consumer": "run_huey" in get_commands(),
        "listens_to_user": post_save.has_listeners(get_user_model()),
        "listens_to_profile": post_save.has_listeners(profile_model()[0]),
        "listens_to_another_user": post_save.has_listeners(User),
        "database": str(settings.DATABASES["default"]["NAME"]),
    }
    return Experiments(watch, Queues(watch)), facts


class SilentHandler(basehttp.WSGIRequestHandler):
    def log_message(self, *args):
        pass


@cache
def serve():
    """Serve the site; return its address.

    Until then its URLs, and all that only they import, are not imported, as in `manage.py shell`.
    """
    get_resolver().url_patterns  # noqa: B018  imports the views
    server = basehttp.ThreadedWSGIServer(("127.0.0.1", 0), SilentHandler)
    server.set_app(basehttp.get_internal_wsgi_application())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="server").start()
    return f"http://127.0.0.1:{server.server_port}"


def tried(experiments, do, **options):
    """Return what happened in an experiment; raise what the site raises when it is to start."""
    what = "a sign-up" if do == "sign_up" else "saving a user"
    is_over = alarm(f"{what} waits here without end")
    if do == "sign_up":
        options["url"] = serve()
    result = experiments.make(do, **options)
    is_over.set()
    return result


def main():
    is_over = alarm("has not gone on from here for seconds")
    try:
        experiments, facts = prepare()
        is_over.set()
        answer(facts)
        for line in sys.stdin:
            answer(tried(experiments, **json.loads(line)))
    except BaseException as error:  # huey.contrib.djhuey ends the process without its settings
        sys.stdout.flush()
        answer({"broken": described(error), "ends": isinstance(error, SystemExit)})
        return 1
    alarm("a thread goes on here", END_SECONDS, everywhere=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
