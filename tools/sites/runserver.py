"""Django's runserver for a room: `python -m tools.sites.runserver runserver ADDRESS --noreload`.

It runs the manage.py of the current folder. With Django's own ten, a room that signs up at the
same moment, each with a picture, would wait in vain. Here as many visitors as the system allows may
wait until the server takes their connections.
"""

import runpy

from django.core.servers.basehttp import WSGIServer

if __name__ == "__main__":
    WSGIServer.request_queue_size = 1024
    runpy.run_path("manage.py", run_name="__main__")
