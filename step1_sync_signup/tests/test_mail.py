import smtplib
import socket
from contextlib import suppress
from threading import Thread

import pytest
from django.core.mail import send_mail

LINE = b"250-" + 500 * b"ha " + b"\r\n"
TAKEN = b"220 Hello\r\n" + 3 * b"250 Yes\r\n" + b"354 Go on\r\n250 Taken\r\n221 Bye\r\n"


@pytest.fixture
def mail_server(settings):
    """A function that lets a mail server say all this, whatever it is asked."""
    settings.EMAIL_BACKEND = "config.mail.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]

        def say(content):
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                connection.sendall(content)
                while connection.recv(10_000):
                    pass

        def answer_with(content):
            threads.append(Thread(target=say, args=[content]))
            threads[-1].start()

        threads = []
        yield answer_with
        for thread in threads:
            thread.join()


def send():
    return send_mail("Hello", "Hello", "welcome@example.com", ["ada@example.com"])


def test_mail_is_sent(mail_server):
    mail_server(TAKEN)
    assert send() == 1


@pytest.mark.parametrize("count", range(6))
def test_reply_without_an_end_is_not_read_for_ever(mail_server, count):
    mail_server(b"".join(TAKEN.splitlines(keepends=True)[:count]) + 2_000 * LINE)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="more than 20000 bytes"):
        send()


def test_mail_that_the_server_has_taken_is_sent_however_it_says_good_bye(mail_server):
    mail_server(TAKEN.removesuffix(b"221 Bye\r\n") + 2_000 * LINE)
    assert send() == 1
