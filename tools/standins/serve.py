"""Serve the stand-ins until Ctrl-C or SIGTERM."""

import sys
import time

from ..arguments import parse
from ..sites.addresses import warning
from ..sites.processes import stop_in_order
from .smtp import DAY
from .standins import Standins


def main(argv=None):
    """Serve until Ctrl-C or SIGTERM; exit with one line when the arguments can't be served."""
    arguments = parse("standins", argv)
    stop_in_order()
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
    except (OSError, OverflowError, ValueError) as error:
        sys.exit(f"standins: {error}")


if __name__ == "__main__":
    main()
