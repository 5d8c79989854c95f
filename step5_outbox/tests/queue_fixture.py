import pytest
from huey.contrib.djhuey import HUEY
from huey.storage import SqliteStorage


@pytest.fixture(autouse=True)
def queue(tmp_path_factory, monkeypatch):
    """An empty queue for each test, in a SQLite file like the step's own."""
    storage = SqliteStorage("test", filename=tmp_path_factory.mktemp("queue") / "huey.sqlite3")
    monkeypatch.setattr(HUEY, "storage", storage)
    yield HUEY
    storage.close()
