"""What may differ between a step and the one before it. All other files are the same.

The tests hold the steps to this list, and `python workshop.py copy-down` reads it.
"""

import difflib

# By step: the files that it has and the step before has not, or has otherwise. A name that ends
# with a slash stands for all files below.
CHANGES = {
    "step2_signals": [
        "accounts/apps.py",
        "accounts/services.py",
        "accounts/signals.py",
        "accounts/templates/accounts/base.html",
        "accounts/views.py",
    ],
    "step3_threading": [
        "accounts/signals.py",
        "accounts/templates/accounts/base.html",
    ],
    "step4_huey": [
        "accounts/migrations/0003_failed_at.py",
        "accounts/models.py",
        "accounts/signals.py",
        "accounts/tasks.py",
        "accounts/templates/accounts/base.html",
        "accounts/templates/accounts/profile.html",
        "config/settings.py",
        "conftest.py",
        "tests/queue_fixture.py",
    ],
    "step5_outbox": [
        "accounts/signals.py",
        "accounts/tasks.py",
        "accounts/templates/accounts/base.html",
        "config/settings.py",
        "config/urls.py",
        "outbox/",
    ],
}
# What runs step 5 on several machines. No line of the lesson changes for it: counted apart.
CLUSTER = [
    "CLUSTER.md",
    "Dockerfile",
    "cluster/",
    "Dockerfile.dockerignore",
    "compose.yaml",
    "config/settings_cluster.py",
    "config/urls_cluster.py",
]
# What each step alone says and promises.
OWN = [
    "README.md",
    "tests/test_traps.py",
    "tests/test_sync_signup.py",
    "tests/test_signals.py",
    "tests/test_threading.py",
    "tests/test_huey.py",
    "tests/test_outbox.py",
    "tests/test_admin.py",
    *CLUSTER,
]
# How many lines may change from the step before, tests, migrations, README and cluster aside, and
# outbox/, which has lines of its own.
MOST_LINES = {
    "step2_signals": 50,
    "step3_threading": 25,
    "step4_huey": 101,
    "step5_outbox": 80,
}
# How many lines of Python the lesson may have: accounts/ and config/, and outbox/ in the last step.
MOST_LINES_OF_LESSON = {
    "step1_sync_signup": 469,
    "step2_signals": 496,
    "step3_threading": 515,
    "step4_huey": 572,
    "step5_outbox": 796,
}
MOST_LINES_OF_OUTBOX = 219


def is_listed(name, patterns):
    """Return whether a file's name in its step is in a list like those above."""
    return any(name.startswith(p) if p.endswith("/") else name == p for p in patterns)


def may_change(step, name):
    """Return whether the file may differ in this step from the one before."""
    return is_listed(name, CHANGES[step.name] + OWN)


def files(step):
    """Return the lines of each of the step's files, without what it writes while it runs."""
    paths = [path.relative_to(step.folder) for path in step.folder.rglob("*") if path.is_file()]
    return {
        path.as_posix(): (step.folder / path).read_text(encoding="utf-8").splitlines()
        for path in paths
        if not any(part in {"var", "__pycache__"} or part.startswith(".") for part in path.parts)
    }


def diffs(before, after):
    """Return the lines of a diff for each file that differs from one step to the next.

    Tests, migrations, the README and the cluster are left out.
    """
    old, new = files(before), files(after)
    return {
        name: list(difflib.unified_diff(old.get(name, []), new.get(name, []), lineterm=""))[2:]
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) and not is_aside(name)
    }


def changed_lines(before, after):
    """Return how many lines each of these files loses or gains; blank lines don't count."""
    return {
        name: sum(line[0] in "+-" and bool(line[1:].strip()) for line in lines)
        for name, lines in diffs(before, after).items()
    }


def is_aside(name):
    """Return whether the file is a test, a migration, the README, or for the cluster."""
    aside = ["README.md", "conftest.py", "tests/", *CLUSTER]
    return "/migrations/" in name or is_listed(name, aside)
