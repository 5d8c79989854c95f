from .settings import *  # noqa: F403

TASKS = {
    "default": {
        "BACKEND": "huey.contrib.djhuey.tasks_backend.HueyBackend",
        "ENQUEUE_ON_COMMIT": True,  # otherwise before it, and the sign-up may be rolled back
    }
}
