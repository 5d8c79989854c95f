"""Serve the learner's project, and try what is asked for: a JSON object a line, in and out."""

import gc
import json
import os
import sys
import threading
import time

from .errors import described, frame_place

gc.disable()  # while modules are imported, there is nothing to collect
HANG_SECONDS = 3
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
    from django.contrib.auth import get_user_model
    from django.core.management import call_command, get_commands
    from django.core.servers.basehttp import (
        ThreadedWSGIServer,
        WSGIRequestHandler,
        get_internal_wsgi_application,
    )
    from django.db import connection
    from django.db.models.signals import post_save
    from django.urls import get_resolver

    from .beyond import Beyond
    from .queues import Queues
    from .watch import Watch

    get_resolver().url_patterns  # noqa: B018  imports the views, too
    if not os.environ["IS_MIGRATED"]:
        call_command("migrate", verbosity=0)
        connection.close()  # so that the database is one file
    if missing := models_without_migration():
        raise NoMigration(f"a migration is missing for {missing}: `manage.py makemigrations`")

    class Handler(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    ports = {int(os.environ["JOKE_PORT"]): "joke", int(os.environ["EMAIL_PORT"]): "mail"}
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # as runserver's
    server.set_app(get_internal_wsgi_application())
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="server").start()
    is_ready.set()
    gc.enable()
    watch = Watch(ports, settings.MEDIA_ROOT)
    queues = Queues(watch)
    facts = {
        "has_consumer": "run_huey" in get_commands(),
        "has_receiver": post_save.has_listeners(get_user_model()),
        "database": str(settings.DATABASES["default"]["NAME"]),
    }
    return Beyond(watch, f"http://127.0.0.1:{server.server_port}", queues), facts


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
        try:
            result = getattr(experiments, asked.pop("do"))(**asked)
        except Exception as error:
            result = {"error": described(error), "left": []}
        answer(result)
        if result.get("ends"):
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
