import smtplib
import socket
from contextlib import suppress
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from django.core.mail import EmailMultiAlternatives, get_connection, send_mail
from django.core.mail.utils import DNS_NAME
from django.utils import translation
from django.utils.translation import gettext_lazy
from safeguards import mail
from safeguards.mail import RecipientRefused

LINE = b"250-" + 500 * b"ha " + b"\r\n"
TAKEN = b"220 Hello\r\n" + 3 * b"250 Yes\r\n" + b"354 Go on\r\n250 Taken\r\n221 Bye\r\n"


@pytest.fixture(autouse=True)
def email_backend(settings):
    settings.EMAIL_BACKEND = "safeguards.mail.EmailBackend"  # pytest-django puts its own there
    settings.EMAIL_HOST = "127.0.0.1"


@pytest.fixture
def dialogue(settings):
    """A function that lets a mail server say all this, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]

        def say(content):
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.settimeout(10)  # should a test fail
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


class Server(Sink):
    """A mail server that refuses some recipients and senders, and keeps what it takes."""

    def __init__(self):
        self.names, self.taken, self.refused = [], [], {}

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.names.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return self.refused.get(address, "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address not in self.refused:
            envelope.rcpt_tos.append(address)
        return self.refused.get(address, "250 OK")

    async def handle_DATA(self, server, session, envelope):
        self.taken.append(envelope)
        return self.refused.get("DATA", "250 OK")


@pytest.fixture
def server(settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = unused.getsockname()[1]
    controller = Controller(Server(), "127.0.0.1", settings.EMAIL_PORT, server_hostname="mail")
    controller.start()
    yield controller.handler
    controller.stop()


def send(*to, **options):
    return send_mail("Hello", "Hi", "welcome@example.com", to or ["ada@example.com"], **options)


def test_mail_of_several_kinds_is_sent_with_its_headers(server):
    message = EmailMultiAlternatives(
        "Hello", "Hi", "a@example.com", ["b@example.com"], headers={"Message-ID": "<1@example.com>"}
    )
    message.attach_alternative("<p>Hi</p>", "text/html")
    assert message.send() == 1
    [envelope] = server.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("a@example.com", ["b@example.com"])
    assert b"Message-ID: <1@example.com>" in envelope.content
    assert b"<p>Hi</p>" in envelope.content


def test_nothing_to_send_needs_no_server():
    assert get_connection().send_messages([]) == 0


def test_dns_is_not_asked_for_the_name_of_this_machine(server, monkeypatch):
    for name in ["getfqdn", "gethostbyname"]:
        monkeypatch.setattr(socket, name, lambda *args: pytest.fail("asked"))
    send()  # with a Message-ID of Django's
    assert server.names == [DNS_NAME.get_fqdn()] == ["[127.0.0.1]"]


def test_language_of_the_caller_is_that_of_the_mail(server):
    with translation.override("de"):
        send_mail(gettext_lazy("Friday"), "Hi", "a@example.com", ["b@example.com"])
    assert b"Subject: Freitag" in server.taken[0].content


@pytest.mark.parametrize("count", range(6))
def test_reply_without_an_end_is_not_read_for_ever(dialogue, count):
    dialogue(b"".join(TAKEN.splitlines(keepends=True)[:count]) + 2_000 * LINE)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="more than 20000 bytes"):
        send()


def test_mail_that_the_server_has_taken_is_sent_however_it_says_good_bye(dialogue):
    dialogue(TAKEN.removesuffix(b"221 Bye\r\n") + 2_000 * LINE)
    assert send() == 1


@pytest.mark.parametrize("silently", [False, True])
def test_conversation_that_takes_too_long_is_given_up(dialogue, settings, silently):
    settings.CONVERSATION_SECONDS = 0.2
    settings.EMAIL_TIMEOUT = 1  # the thread's own end
    dialogue(b"220 Hello\r\n")
    if silently:
        assert send(fail_silently=True) == 0
    else:
        with pytest.raises(TimeoutError, match="not done after 0.2 s"):
            send()
    for _ in range(50):  # the conversation that was given up also ends
        assert mail.slots.acquire(timeout=10)
    mail.slots.release(50)


def test_server_that_is_down_is_an_error_unless_it_is_to_be_silent(settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = unused.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            send()
        assert send(fail_silently=True) == 0


def test_recipient_who_is_refused_for_good_is_told_apart(server):
    server.refused = {"ada@example.com": "550 No such user", "eve@example.com": "553 Not here"}
    with pytest.raises(RecipientRefused, match="No such user"):
        send("ada@example.com", "eve@example.com")
    assert send("ada@example.com", fail_silently=True) == 0
    assert send("ada@example.com", "bob@example.com") == 1
    [envelope] = server.taken
    assert envelope.rcpt_tos == ["bob@example.com"]


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        ({"ada@example.com": "450 Try later"}, smtplib.SMTPRecipientsRefused),
        (
            {"ada@example.com": "450 Try later", "eve@example.com": "550 No such user"},
            smtplib.SMTPRecipientsRefused,
        ),
        ({"welcome@example.com": "550 No such sender"}, smtplib.SMTPSenderRefused),
        ({"DATA": "554 Spam"}, smtplib.SMTPDataError),
    ],
    ids=["later", "one later", "sender", "content"],
)
def test_what_an_operator_or_time_can_repair_is_no_refused_recipient(server, refused, error):
    server.refused = refused
    with pytest.raises(error) as raised:
        send("ada@example.com", "eve@example.com") if len(refused) == 2 else send()
    assert not isinstance(raised.value, RecipientRefused)


def test_login_that_is_refused_stays_what_it_is(dialogue, settings):
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = "wrong"
    dialogue(b"220 Hello\r\n250-Hello\r\n250 AUTH PLAIN\r\n535 No\r\n" + 2 * b"221 Bye\r\n")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        send()
