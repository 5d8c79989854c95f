"""The stand-ins' mail server."""

import asyncio
import contextlib
import email
import email.policy
import threading
import time

from aiosmtpd.smtp import SMTP

from .joke import reset_on_close
from .state import FLOOD_OF_LINES, GARBAGE

DAY = 86_400  # seconds


@contextlib.contextmanager
def serve_smtp(standins, listener):
    def session():
        return SMTP(
            MailHandler(standins),
            hostname="standins.localhost",  # without one, it asks DNS each time
            enable_SMTPUTF8=True,
            timeout=DAY,  # a hang may last
        )

    async def serve():
        server = await loop.create_server(session, sock=listener)
        await stop.wait()
        server.close()

    def run():
        with runner:  # leaving it cancels the sessions
            runner.run(serve())

    # Windows' default loop would take leave of the client before a reset.
    runner = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)
    loop, stop = runner.get_loop(), asyncio.Event()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


class MailHandler:
    """Refuses a recipient, or decides on a mail once it is there in full."""

    def __init__(self, standins):
        self.standins = standins

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.standins.settings["mail_failure"] == "5xx":
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        # When the client leaves, aiosmtpd cancels this, and the mail is not delivered.
        for seconds in self.standins.pauses("mail"):
            await asyncio.sleep(seconds)
        match self.standins.settings["mail_failure"]:
            case "4xx":
                return "451 4.3.0 Try again later"
            case "garbage":
                return GARBAGE
            case "reset":
                reset_on_close(server.transport.get_extra_info("socket"))
                await hang_up(server)
            case "drip" | "flood" as failure:
                # Lines, because a client gives up by itself on one that has no end.
                answer = b"250 2.0.0 Taken " if failure == "drip" else b"250-2.0.0 Taken\r\n"
                parts = self.standins.endless("mail", failure, answer, FLOOD_OF_LINES)
                for part, seconds in parts:
                    if server.transport.get_write_buffer_size() == 0:  # the client reads on
                        server.transport.write(part)
                    await asyncio.sleep(seconds)
                await hang_up(server)
        self.standins.deliver(read_mail(envelope))
        return "250 2.0.0 Taken"


async def hang_up(server):
    server.transport.abort()
    await asyncio.Event().wait()  # until the lost connection cancels this


def read_mail(envelope):
    """Return a received mail as the JSON object of the inbox.

    "to" is whom the server was told to send it to, whatever the mail's headers say.
    "received_at" is in seconds since 1970. "text" and "html" are the first such parts, or "".
    """
    mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": "", "message_id": ""}
    mail |= {"received_at": time.time(), "text": "", "html": ""}
    try:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        seen = {
            "from": str(message["From"] or envelope.mail_from),
            "subject": str(message["Subject"] or "").strip(),  # a long one may begin on a new line
            "message_id": str(message["Message-ID"] or ""),
        }
        for key, kind in ("text", "plain"), ("html", "html"):
            if (part := message.get_body((kind,))) is not None:
                seen[key] = part.get_content().replace("\r\n", "\n")
    except Exception:  # malformed mail raises nearly anything in the parser: show the source
        seen = {"text": envelope.content.decode(errors="replace")}
    return mail | seen
