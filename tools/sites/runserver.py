"""Django's runserver for a room: `python -m tools.sites.runserver ADDRESS`, in a step's folder.

Ten visitors at most may wait until runserver takes their connections. Here it is as many as the
system allows: a room signs up at the same moment, each with a picture.
"""

import sys

from django.core.management import execute_from_command_line
from django.core.servers.basehttp import WSGIServer

if __name__ == "__main__":
    WSGIServer.request_queue_size = 1024
    execute_from_command_line(["manage.py", "runserver", *sys.argv[1:]])
