from contextlib import suppress

from django.core.files.uploadhandler import TemporaryFileUploadHandler


class NamelessUploadHandler(TemporaryFileUploadHandler):
    """Gives the temporary file a name without anything of the visitor's, and removes it on errors.

    Django's own takes over the ending of the visitor's file name, and fails if that is long. When
    the disk is full, it leaves what was written until Python happens to collect it.
    """

    def new_file(self, field_name, file_name, *args, **kwargs):
        super().new_file(field_name, "upload", *args, **kwargs)

    def receive_data_chunk(self, raw_data, start):
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            with suppress(OSError):
                self.upload_interrupted()
            raise
