import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from .models import Album, Profile

DAY = timedelta(days=1).total_seconds()


def make_older(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def stored(name, age=DAY + 60):
    default_storage.save(name, ContentFile(b"content"))
    make_older(default_storage.path(name), age)
    return name


@pytest.fixture
def meanwhile(monkeypatch):
    """A function that has another called after the storage has listed its files."""

    def call_meanwhile(function):
        listdir = default_storage.listdir

        def listdir_and_call(path):
            found = listdir(path)
            function()
            return found

        monkeypatch.setattr(default_storage, "listdir", listdir_and_call)

    return call_meanwhile


@pytest.mark.parametrize("folder", ["pictures", "thumbnails"])
def test_file_that_no_row_names_is_deleted_when_it_is_a_day_old(db, capsys, folder):
    old, new = stored(f"{folder}/old.jpg"), stored(f"{folder}/new.jpg", age=DAY - 60)
    call_command("remove_orphans")
    assert not default_storage.exists(old)
    assert default_storage.exists(new)
    assert capsys.readouterr().out == f"Deleted {old}\n"


@pytest.mark.parametrize(
    ("model", "field", "folder"),
    [
        (Profile, "picture", "pictures"),
        (Profile, "thumbnail", "thumbnails"),
        pytest.param(Album, "cover", "pictures", id="two fields with one folder"),
        pytest.param(Album, "other", "pictures", id="folder that is computed"),
    ],
)
def test_file_that_a_row_names_is_kept(db, model, field, folder):
    name = stored(f"{folder}/old.jpg")
    model.objects.create(**{field: name})
    call_command("remove_orphans")
    assert default_storage.exists(name)


def test_file_beside_the_folders_is_kept(db):
    name = stored("readme.txt")
    call_command("remove_orphans")
    assert default_storage.exists(name)


def test_file_whose_row_is_committed_meanwhile_is_kept(db, meanwhile):
    name = stored("pictures/slow.jpg")
    meanwhile(lambda: Profile.objects.create(picture=name))
    call_command("remove_orphans")
    assert default_storage.exists(name)


def test_file_that_somebody_else_deletes_meanwhile_is_no_error(db, meanwhile):
    path = Path(default_storage.path(stored("pictures/old.jpg")))
    meanwhile(lambda: path.unlink(missing_ok=True))
    call_command("remove_orphans")


def test_temporary_upload_of_a_killed_process_is_deleted_when_it_is_a_day_old(
    db, temporary_uploads, capsys
):
    names = ["tmpold.upload", "tmpnew.upload", "tmpold.txt"]
    old, new, other = (temporary_uploads / name for name in names)
    for path in [old, new, other]:
        path.touch()
    make_older(old, DAY + 60)
    make_older(other, DAY + 60)
    call_command("remove_orphans")
    assert [path.exists() for path in [old, new, other]] == [False, True, True]
    assert capsys.readouterr().out == f"Deleted {old}\n"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="each user has a folder of their own")
def test_temporary_upload_of_another_user_is_kept(db, temporary_uploads, monkeypatch):
    path = temporary_uploads / "tmpold.upload"
    path.touch()
    make_older(path, DAY + 60)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    call_command("remove_orphans")
    assert path.exists()


def test_there_need_not_be_any_file(db):
    call_command("remove_orphans")
