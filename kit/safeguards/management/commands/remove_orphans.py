import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db.models import FileField
from django.utils import timezone

# Far longer than any request: a file is stored before the row that names it is committed.
MIN_AGE = timedelta(days=1)


class Command(BaseCommand):
    help = "Delete what a killed process left: files that no row names, and temporary uploads."

    def handle(self, **options):
        for storage, name in unnamed_files():
            with suppress(FileNotFoundError):  # somebody else has deleted it
                if timezone.now() - storage.get_modified_time(name) > MIN_AGE:
                    storage.delete(name)
                    self.stdout.write(f"Deleted {name}")
        user = os.getuid() if hasattr(os, "getuid") else 0  # whom Windows states for all files
        for path in Path(settings.FILE_UPLOAD_TEMP_DIR or gettempdir()).glob("tmp*.upload*"):
            with suppress(FileNotFoundError):
                found = path.lstat()
                if found.st_uid == user and time.time() - found.st_mtime > MIN_AGE.total_seconds():
                    path.unlink()
                    self.stdout.write(f"Deleted {path}")


def unnamed_files():
    """Return (storage, name) of the files in the fields' folders that are in no row of any model.

    Fields whose folder is computed, or is the storage's root, are not swept.
    """
    fields = [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, FileField)
    ]
    files = set()
    for _, field in fields:
        if field.upload_to and not callable(field.upload_to):
            with suppress(FileNotFoundError):  # no file was stored yet
                for file in field.storage.listdir(field.upload_to)[1]:
                    files.add((field.storage, field.generate_filename(None, file)))
    # After the files: what was stored before, and is committed by now, is in the rows.
    unnamed = {name for _, name in files}
    for model, field in fields:
        unnamed.difference_update(model._base_manager.values_list(field.name, flat=True).iterator())
    return [(storage, name) for storage, name in files if name in unnamed]
