from contextlib import suppress
from datetime import timedelta

from django.core.management.base import BaseCommand
from django.utils import timezone

from ...models import Profile

# Far longer than any sign-up: a file is there before the row that names it is committed.
MIN_AGE = timedelta(days=1)


class Command(BaseCommand):
    help = "Delete pictures and thumbnails that no profile names, which a killed process may leave."

    def handle(self, **options):
        for field in [Profile.picture.field, Profile.thumbnail.field]:
            for name in unnamed(field):
                with suppress(FileNotFoundError):  # somebody else has deleted it
                    if timezone.now() - field.storage.get_modified_time(name) > MIN_AGE:
                        field.storage.delete(name)
                        self.stdout.write(f"Deleted {name}")


def unnamed(field):
    """Return the names of those of the field's files that are in no row."""
    try:
        _, files = field.storage.listdir(field.upload_to)
    except FileNotFoundError:  # no file was stored yet
        return set()
    names = {field.generate_filename(None, file) for file in files}
    # After the files: what was stored before, and is committed by now, is in the rows.
    return names.difference(Profile.objects.values_list(field.name, flat=True).iterator())
