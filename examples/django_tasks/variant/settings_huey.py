from .settings import *  # noqa: F403

TASKS = {
    "default": {
        "BACKEND": "huey.contrib.djhuey.tasks_backend.HueyBackend",
        "ENQUEUE_ON_COMMIT": True,  # otherwise at once, though the sign-up may be rolled back
    }
}
