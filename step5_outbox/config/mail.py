import smtplib

from django.core.mail.backends import smtp

MAX_BYTES = 20_000  # of a mail server's replies in a conversation; most have a few hundred


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


class EmailBackend(smtp.EmailBackend):
    """Django's, but it hangs up on a server whose reply never ends.

    smtplib itself limits the length of a reply's line, not their number. (EMAIL_USE_SSL would need
    a subclass of smtplib.SMTP_SSL; EMAIL_USE_TLS works.)
    """

    connection_class = LimitedSMTP
