import smtplib
from contextlib import suppress

from django.conf import settings
from django.core.mail.backends import smtp
from django.core.mail.utils import DNS_NAME
from django.utils import translation

from .limits import conversation_slots, run_within
from .permanent import PermanentError

MAX_BYTES = 20_000  # of a mail server's replies in a conversation; most have a few hundred

slots = conversation_slots()

# Django and smtplib ask DNS for this machine's name, which takes seconds where DNS is silent. This
# is the name that smtplib uses when the answer isn't a full name.
DNS_NAME._fqdn = "[127.0.0.1]"


class RecipientRefused(PermanentError, smtplib.SMTPRecipientsRefused):
    """The server refuses all recipients for good (5xx)."""


class Replies:
    """What smtplib reads a mail server's replies from."""

    def __init__(self, file):
        self.file, self.left = file, MAX_BYTES
        self.close = file.close

    def readline(self, size):
        line = self.file.readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise OSError(f"the replies have more than {MAX_BYTES} bytes")  # smtplib hangs up
        return line


class LimitedSMTP(smtplib.SMTP):
    def getreply(self):
        if self.file is None:
            self.file = Replies(self.sock.makefile("rb"))
        return super().getreply()

    def sendmail(self, *args, **options):
        try:
            return super().sendmail(*args, **options)
        except smtplib.SMTPRecipientsRefused as error:
            if all(500 <= code < 600 for code, _ in error.recipients.values()):
                raise RecipientRefused(error.recipients) from error
            raise


class EmailBackend(smtp.EmailBackend):
    """Django's, but it ends within CONVERSATION_SECONDS, and when a server's reply never ends.

    smtplib itself limits the length of a reply's line, not their number. (EMAIL_USE_SSL would need
    a subclass of smtplib.SMTP_SSL; EMAIL_USE_TLS works.)
    """

    connection_class = LimitedSMTP

    def send_messages(self, messages):
        seconds = settings.CONVERSATION_SECONDS
        try:
            # Django keeps the language in a context variable, but hides it from other threads.
            language = translation.get_language()
            return run_within(seconds, slots, self.converse, messages, language)
        except TimeoutError:
            if not self.fail_silently:
                raise
            return 0

    def converse(self, messages, language):
        try:
            with translation.override(language):
                return super().send_messages(messages)
        finally:
            if not self.connection:  # a login that failed; Django leaves the socket open
                with suppress(OSError):
                    self.close()
