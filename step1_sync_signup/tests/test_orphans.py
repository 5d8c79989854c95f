import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from accounts.models import Profile
from accounts.services import resize_profile_image

DAY = timedelta(days=1).total_seconds()


def let_time_pass(name, seconds):
    """Make a file as old as if it had been stored so many seconds ago."""
    path = default_storage.path(name)
    os.utime(path, (time.time() - seconds,) * 2)


def stored(name, age=DAY + 60):
    default_storage.save(name, ContentFile(b"content"))
    let_time_pass(name, age)
    return name


@pytest.mark.parametrize("folder", ["pictures", "thumbnails"])
def test_file_that_no_profile_names_is_deleted_when_it_is_a_day_old(db, capsys, folder):
    old, new = stored(f"{folder}/old.jpg"), stored(f"{folder}/new.jpg", age=DAY - 60)
    call_command("remove_orphans")
    assert not default_storage.exists(old)
    assert default_storage.exists(new)
    assert capsys.readouterr().out == f"Deleted {old}\n"


def test_files_of_a_profile_are_kept(user):
    resize_profile_image(user.profile)
    profile = Profile.objects.get()
    names = [profile.picture.name, profile.thumbnail.name]
    for name in names:
        let_time_pass(name, 2 * DAY)
    call_command("remove_orphans")
    assert [default_storage.exists(name) for name in names] == [True, True]


def test_file_whose_row_is_committed_meanwhile_is_kept(user, monkeypatch):
    name, listdir = stored("pictures/slow.jpg"), default_storage.listdir

    def listdir_and_commit(path):
        found = listdir(path)
        Profile.objects.update(picture=name)
        return found

    monkeypatch.setattr(default_storage, "listdir", listdir_and_commit)
    call_command("remove_orphans")
    assert default_storage.exists(name)


def test_file_that_somebody_else_deletes_meanwhile_is_no_error(db, monkeypatch):
    name, listdir = stored("pictures/old.jpg"), default_storage.listdir

    def listdir_and_delete(path):
        found = listdir(path)
        Path(default_storage.path(name)).unlink(missing_ok=True)
        return found

    monkeypatch.setattr(default_storage, "listdir", listdir_and_delete)
    call_command("remove_orphans")


def test_there_need_not_be_any_file(db):
    call_command("remove_orphans")
