"""The arguments of control and standins. Standard library only."""

from ..arguments import add_host, add_url


def control(parser):
    """Make the joke API or the mail server of the running stand-ins slow, failing or healthy."""
    parser.epilog = """examples:
  python workshop.py control                        what is set
  python workshop.py control mail_failure=5xx       the mail server refuses every recipient
  python workshop.py control joke_delay=2           the joke API takes two seconds
  python workshop.py control mail_failure=null      the mail server is well again
"""
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="what to set")
    add_url(parser)


def standins(parser):
    """Start only the stand-ins: a joke API, a mail server and its inbox."""
    add_host(parser)
    parser.add_argument("--http-port", type=int, default=8010, help="and the next (8010)")
    parser.add_argument("--smtp-port", type=int, default=8025, help="0: a free one (8025)")
    parser.add_argument("--joke-delay", type=float, default=0.2, help="seconds (0.2)")
    parser.add_argument("--mail-delay", type=float, default=0.3, help="seconds (0.3)")
