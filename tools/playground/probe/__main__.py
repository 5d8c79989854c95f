"""Serve the learner's project, and try what is asked for: a JSON object a line, in and out."""

import gc
import json
import os
import sys
import threading
import time
from functools import cache

from .errors import described, frame_place

gc.disable()  # while modules are imported, there is nothing to collect
HANG_SECONDS = 3  # without going on, while the project starts
EXPERIMENT_SECONDS = 12  # far longer than any takes
END_SECONDS = 5
VISITS = ("sign_up", "bug", "end")  # over HTTP
BUSY_SECONDS = 2  # of the processor's time
channel = os.fdopen(os.dup(1), "w", encoding="utf-8")  # what the project prints goes elsewhere
os.dup2(2, 1)


def answer(result):
    print(json.dumps(result), file=channel, flush=True)


def watch_start(is_ready):
    """End the process when it stays in one file of the project's, as a server that hangs does.

    It waits there, and uses no processor, or it uses far more of it than any import does.
    """
    file = None
    while not is_ready.wait(0.5):
        place = frame_place(sys._current_frames()[threading.main_thread().ident])
        if place.partition(",")[0] != file:
            file, since, used = place.partition(",")[0], time.monotonic(), time.process_time()
        seconds, busy = time.monotonic() - since, time.process_time() - used
        if place and seconds > HANG_SECONDS and not 0.01 * seconds < busy < BUSY_SECONDS:
            error = {"text": "has not gone on from here for seconds.", "place": place}
            answer({"broken": error | {"traceback": ""}})
            os._exit(1)


class NoMigration(Exception):
    """The models have changed, and the database has not."""


def models_without_migration():
    """Return the names of the apps with a table or a column that no migration makes."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.operations import AddField, CreateModel
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    state = ProjectState.from_apps(apps)
    changes = MigrationAutodetector(loader.project_state(), state).changes(graph=loader.graph)
    return " and ".join(
        app
        for app, migrations in sorted(changes.items())
        if any(isinstance(o, (CreateModel, AddField)) for m in migrations for o in m.operations)
    )


def prepare():
    """Return the experiments, and facts about the project; raises what the project raises."""
    import django
    import requests  # noqa: F401  before the clock of the project's own start

    is_ready = threading.Event()
    threading.Thread(target=watch_start, args=[is_ready], daemon=True, name="watch").start()
    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model, models
    from django.core.management import call_command, get_commands
    from django.db import connection
    from django.db.models.signals import post_save

    from .experiments import Experiments, profile_model
    from .queues import Queues
    from .watch import Watch

    if not os.environ["IS_MIGRATED"]:
        call_command("migrate", "--skip-checks", verbosity=0)  # checks would import the URLs
        connection.close()  # so that the database is one file
    if missing := models_without_migration():
        raise NoMigration(f"a migration is missing for {missing}: `manage.py makemigrations`")
    is_ready.set()
    gc.enable()
    ports = {int(os.environ["JOKE_PORT"]): "joke", int(os.environ["EMAIL_PORT"]): "mail"}
    watch = Watch(ports, settings.MEDIA_ROOT)
    facts = {
        "has_consumer": "run_huey" in get_commands(),
        "listens_to_user": post_save.has_listeners(get_user_model()),
        "listens_to_profile": post_save.has_listeners(profile_model()[0]),
        "listens_to_another_user": post_save.has_listeners(models.User),
        "database": str(settings.DATABASES["default"]["NAME"]),
    }
    return Experiments(watch, Queues(watch), serve), facts


@cache
def serve():
    """Serve the site, which imports its URLs and views; return its address."""
    from django.core.servers.basehttp import (
        ThreadedWSGIServer,
        WSGIRequestHandler,
        get_internal_wsgi_application,
    )
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018  imports the views, too

    class Handler(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # as runserver's
    server.set_app(get_internal_wsgi_application())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="server").start()
    return f"http://127.0.0.1:{server.server_port}"


def alarm(seconds, text):
    """Return a timer that ends the process, and says where in the learner's files it is by then."""

    def end():
        from .watch import stuck_place

        answer({"broken": {"text": text, "place": stuck_place(), "traceback": ""}})
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.name, timer.daemon = "watch", True
    timer.start()
    return timer


def main():
    try:
        experiments, facts = prepare()
    except BaseException as error:  # huey.contrib.djhuey ends the process without its settings
        sys.stdout.flush()
        answer({"broken": described(error), "ends": isinstance(error, SystemExit)})
        return 1
    answer(facts)
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked.pop("do")
        if name in VISITS:
            try:
                serve()
            except Exception as error:
                answer({"broken": described(error)})
                return 1
        what = "a sign-up" if name in VISITS else "saving a user"
        timer = alarm(EXPERIMENT_SECONDS, f"{what} waits here without end")
        try:
            result = getattr(experiments, name)(**asked)
        except Exception as error:
            result = {"error": described(error), "left": [], "logged": []}
        timer.cancel()
        answer(result)
        if name == "end":
            alarm(END_SECONDS, "a thread goes on here")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
