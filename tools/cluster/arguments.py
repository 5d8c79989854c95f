"""The arguments of cluster. Standard library only."""

from ..arguments import add_base_port


def cluster(parser):
    """Run step 5 as it runs on several machines, on this one; or break a part of what runs."""
    parser.epilog = """examples, in a second terminal:
  python workshop.py cluster kill consumer-1     SIGKILL; it is started again after 5 seconds
  python workshop.py cluster pause postgres      it answers nobody, until:
  python workshop.py cluster resume postgres
  python workshop.py cluster stop                ends all of it, also what a killed terminal left
"""
    parser.add_argument("action", nargs="?", choices=["kill", "pause", "resume", "stop"])
    parser.add_argument("part", nargs="?", default="", help="its name in the first terminal")
    parser.add_argument(
        "--back-after",
        type=float,
        default=5,
        metavar="SECONDS",
        help="when a part that died is started again (5)",
    )
    add_base_port(parser, "the inbox listens 10 above it, the web servers 31 and 32")
