"""Serve the stand-ins until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys
import time

from ..web import add_host_option, warning
from . import Standins
from .smtp import DAY


def main(argv=None):
    """Serve until Ctrl-C or SIGTERM; exit with one line when the arguments can't be served."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.standins",
        description="A joke API, a mail server and its inbox.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_host_option(parser)
    parser.add_argument("--http-port", type=int, default=8010, help="0: a free one")
    parser.add_argument("--smtp-port", type=int, default=8025, help="0: a free one")
    parser.add_argument("--joke-delay", type=float, default=0.2, help="seconds")
    parser.add_argument("--mail-delay", type=float, default=0.3, help="seconds")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Standins(**vars(arguments)) as standins:
            print(f"joke API  {standins.joke_url}", flush=True)
            print(f"inbox     {standins.inbox_url}", flush=True)
            print(f"control   {standins.inbox_url}control", flush=True)
            print(f"SMTP      {standins.smtp_host}:{standins.smtp_port}", flush=True)
            if words := warning(standins.host):
                print(words, flush=True)
            while True:
                time.sleep(DAY)
    except KeyboardInterrupt:
        pass
    except (OSError, OverflowError, ValueError) as error:
        sys.exit(f"standins: {error}")


if __name__ == "__main__":
    main()
