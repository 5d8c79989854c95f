"""The same work on several task queues, for `python workshop.py bench queues`.

Each folder is a queue in a Django site: `settings.py` is what it needs beside the settings that all
share, `tasks.py` the task and how it is queued. Each is set up as its own documentation says, but
for what decides how soon the tasks of a killed worker come back: docs/PRODUCTION.md lists it.
"""
