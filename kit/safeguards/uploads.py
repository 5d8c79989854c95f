from contextlib import suppress

from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from django.views.decorators.debug import sensitive_variables


class NamelessParser(MultiPartParser):
    """Replaces the visitor's name of each file.

    Django's own drops a file that is called "." or "/", as if there were none. Temporary files get
    the ending of the name, and fail if that is long.
    """

    def sanitize_file_name(self, file_name):
        return "upload"


class NamelessUploadHandler(FileUploadHandler):
    """Has requests parsed by NamelessParser, for the handlers after this one."""

    @sensitive_variables("data", "raw_data")  # each field in turn, in the parser
    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        others = [handler for handler in self.request.upload_handlers if handler is not self]
        return NamelessParser(META, input_data, others, encoding).parse()


class TidyUploadHandler(TemporaryFileUploadHandler):
    """Removes the part of a file that was written before the disk was full.

    Django's own leaves it until Python happens to collect it.
    """

    def receive_data_chunk(self, raw_data, start):
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            with suppress(OSError):
                self.upload_interrupted()
            raise
