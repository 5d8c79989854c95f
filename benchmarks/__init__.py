"""The same work on several task queues, for `python workshop.py bench queues`.

Each folder is a queue in a Django site: `settings.py` has its own settings beside the shared ones,
`tasks.py` the task and how it is queued. Each is set up as its own documentation says, except for
the settings that decide how soon a killed worker's tasks come back.
"""
