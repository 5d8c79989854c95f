"""The arguments of losses, record and bench. Standard library only."""

from argparse import ArgumentTypeError

from ..arguments import add_json, new_file, positive
from ..sites.catalogue import ROOT, started_in

# Part: the minutes that it takes, and what it measures.
BENCHMARKS = {
    "floor": (2, "each step's page beside a bare sign-up"),
    "load": (2, "many visitors at once, on a production server"),
    "growth": (2, "what grows with users and waiting jobs"),
    "worker": (2, "idle, draining and killed workers"),
    "pictures": (2, "a thumbnail beside libvips and the bare decoding"),
    "queues": (4, "what one would pick instead"),
}


def losses(parser):
    """Stop each step with work under way, start it again, and count what was lost."""
    parser.add_argument("--signups", type=positive, default=16, metavar="N", help="each time (16)")
    parser.add_argument(
        "--runs", type=positive, default=5, metavar="N", help="of each step and way (5)"
    )
    add_json(parser)


def record(parser):
    """Record the runs that the notebooks plot: what the steps' own timing logs say of each.

    Nothing is written before the last run is over. All runs take about fifteen minutes and 300 MB
    of temporary files. The machine should do nothing else meanwhile. `record cluster` records
    step 5 on several machines instead, in eight minutes.
    """
    parser.add_argument("what", nargs="?", choices=["cluster"], help="step 5 on several machines")
    parser.add_argument(
        "--signups",
        type=positive,
        default=30,
        metavar="N",
        help="one at a time, and the other runs in proportion (30)",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["one_at_a_time", "bursts", "kills", "hashes", "pictures", "web", "races"],
        help="make these anew, and keep the others' data",
    )
    parser.add_argument(
        "--resize-seconds", type=float, default=5, metavar="S", help="of a simulated resize (5)"
    )
    parser.add_argument(
        "--megapixels", type=positive, default=48, metavar="N", help="of the largest picture (48)"
    )
    parser.add_argument(
        "--into", type=started_in, default=ROOT / "notebooks" / "data", metavar="DIR"
    )


def bench(parser):
    """Measure the steps beside the least that a sign-up can be, under load and as the work grows.

    And Huey and the outbox beside what one would pick instead. What is compared takes turns in one
    run, so that whatever else the machine does hits all alike; for a record, it should do nothing
    else. Without a PART, all are measured, in about fifteen minutes, and
    notebooks/data/benchmarks.json is written when all of them are over.
    """
    lines = [
        f"  {name:<10} {what} (about {minutes} min)" for name, (minutes, what) in BENCHMARKS.items()
    ]
    parser.epilog = "parts:\n" + "\n".join(lines)
    parser.add_argument(
        "parts",
        nargs="*",
        type=benchmark,
        metavar="PART",
        help="measure these anew, and keep the others of the record",
    )
    parser.add_argument(
        "--quick", action="store_true", help="only try them; writes no record without --json"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write the record there")


def benchmark(text):
    if text not in BENCHMARKS:
        raise ArgumentTypeError(f"there is no part {text!r}")
    return text
