"""What each command's arguments may be: standard library only, so that the launcher checks them
before it installs anything.
"""

import argparse
import socket

from workshop import COMMANDS

from .catalogue import ROOT, STEPS, find_step, started_in
from .playground.project import find_project, is_project, stages

SYSTEMS = ["linux", "macos-arm", "macos-intel", "windows"]  # that a bundle can be made for
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# Part: the minutes that it takes, and what it measures. Only by its name: the last.
BENCHMARKS = {
    "floor": (2, "each step's page beside a bare sign-up"),
    "load": (2, "many visitors at once, on a production server"),
    "growth": (2, "what grows with users and waiting jobs"),
    "worker": (2, "idle, draining and killed workers"),
    "pictures": (2, "a thumbnail beside libvips and the bare decoding"),
    "queues": (4, "what one would pick instead"),
    "setup": (1, "from a fresh clone to the first page"),
    "tests": (6, "from a fresh clone to the end of the tests"),
}

parsers = {}  # command: the function that adds its arguments to a parser


def describes(name):
    """Register a function that adds a command's arguments; its docstring is what --help says."""

    def register(function):
        parsers[name] = function
        return function

    return register


def parse(name, arguments=None):
    """Return a command's options, or None for a command that is not described here.

    Exit with 0 after --help, and with 2 when the arguments make no sense.
    """
    if name not in parsers:
        return None
    parser = argparse.ArgumentParser(
        prog=f"workshop.py {name}",
        description=parsers[name].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parsers[name](parser)
    return parser.parse_args(arguments)


def needed(name, options):
    """Return the locks that a command needs with these options."""
    _, locks, _ = COMMANDS[name]
    if name == "install":
        return list(dict.fromkeys(lock for each in options.commands for lock in COMMANDS[each][1]))
    if name == "record" and options.what == "cluster":
        return COMMANDS["cluster"][1]
    spared = []
    if name == "test" and options.step:
        spared = ["browser.txt", "notebooks.txt", "cluster.txt", "servers.txt", "site.txt"]
    if name == "notebooks" and options.update is not None:
        spared = ["jupyterlab.txt"]
    return [lock for lock in locks if lock not in spared]


def whole_number(text, limit):
    if not text.isdecimal() or not 1 <= int(text) <= limit:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {limit}")
    return int(text)


def positive(text):
    return whole_number(text, 100_000)


def step(text):
    try:
        return find_step(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def step_or_project(text):
    """Return a Step, or the Project in another folder that holds one, such as playground."""
    try:
        return find_project(text) if is_project(text) else find_step(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def folder(text):
    path = started_in(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return path


def new_file(text):
    path = started_in(text).resolve()
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} can't be a file: is there such a folder?")
    return path


def command(text):
    if text not in COMMANDS:
        raise argparse.ArgumentTypeError(f"there is no command {text!r}")
    return text


def ipv4(text):
    """Return the IPv4 address of a host's name or address."""
    try:
        return socket.gethostbyname(text)
    except (OSError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"there is no host {text!r}") from error


def base_port(text):
    return whole_number(text, 65535 - 25)  # the mail server listens 25 above it


def add_project(parser):
    parser.add_argument("folder", nargs="?", help="any that holds a step (playground)")
    parser.add_argument(
        "--stage", type=int, choices=stages(), help="needed if the folder has no note of it"
    )


def add_url(parser):
    parser.add_argument("--url", default="http://127.0.0.1:8010", help="of the stand-ins")


def add_host(parser):
    parser.add_argument(
        "--host",
        type=ipv4,
        default="127.0.0.1",
        help="let others in your network in: 0.0.0.0, or one address of this machine",
    )


def add_base_port(parser, what):
    parser.add_argument(
        "--base-port", type=base_port, default=8000, metavar="PORT", help=f"{what} (8000)"
    )


def add_commands(parser, what, default):
    parser.add_argument(
        "commands",
        nargs="*",
        default=default,
        type=command,
        metavar="COMMAND",
        help=what,
    )


def add_output(parser, default):
    parser.add_argument(
        "--output",
        type=new_file,
        default=default,
        metavar="FILE",
        help=f"where to write it ({default.name})",
    )


def add_json(parser):
    parser.add_argument(
        "--json", type=started_in, metavar="FILE", help="write the figures there too"
    )


@describes("demo")
def demo(parser):
    """Sign real users up through all five steps, and show what the visitors waited for."""
    parser.add_argument("--signups", type=positive, default=3, metavar="N", help="per step (3)")
    parser.add_argument("--once", action="store_true", help="stop when the table is printed")
    add_json(parser)
    add_base_port(parser, "the race's page listens there, the steps above it")
    add_host(parser)
    parser.add_argument(
        "--open-races",
        action="store_true",
        help="with --host, let others than the instructor start races, too, each their own",
    )
    parser.add_argument(
        "--var-dir",
        type=started_in,
        metavar="DIR",
        help="let the steps write below it, not to their var/",
    )


@describes("run")
def run(parser):
    """Run one step for following along: its site with code reload, its workers, the stand-ins."""
    words = f"one of {numbers()}, or a folder that holds a step, such as playground"
    parser.add_argument("step", type=step_or_project, help=words)
    add_base_port(parser, "the step listens above")
    parser.add_argument(
        "--production",
        action="store_true",
        help="on Waitress and with DEBUG off, as on a public site; without code reload",
    )
    add_host(parser)


@describes("start")
def start(parser):
    """Copy the step before stage N into a folder, and say what its tasks are."""
    parser.add_argument("stage", type=int, choices=stages(), help="the step to be reached")
    parser.add_argument("folder", nargs="?", help="where to (playground)")
    parser.add_argument("--keep", action="store_true", help="put what is there aside first")


@describes("check")
def check(parser):
    """Check what a project does against the tasks of its stage."""
    add_project(parser)
    parser.add_argument("--task", metavar="NAME", help="check this one alone")
    parser.add_argument("--tasks", action="store_true", help="list the tasks, and check nothing")
    parser.add_argument("--watch", action="store_true", help="check again after each save")
    parser.add_argument("--traceback", action="store_true", help="show the errors' tracebacks")


@describes("hint")
def hint(parser):
    """Give the next hint for the first task that is not done."""
    add_project(parser)
    parser.add_argument("--task", metavar="NAME", help="for this one")


@describes("diff")
def diff(parser):
    """Show what differs between a project and its stage's solution, comments and tests aside."""
    add_project(parser)


@describes("reset")
def reset(parser):
    """Start the stage of a project again, and put the stand-ins' switches back."""
    add_project(parser)
    add_url(parser)


@describes("test")
def test(parser):
    """Run every test of the repository, or one step's, and count them."""
    parser.add_argument("step", type=step, nargs="?", help=f"one of {numbers()}; or everything")
    parser.add_argument(
        "--examples",
        type=positive,
        default=1,
        metavar="N",
        help="let Hypothesis try N times as many requests (1); each run tries the same ones",
    )


@describes("notebooks")
def notebooks(parser):
    """Open the notebooks in JupyterLab; with --update, execute them and write their outputs."""
    parser.add_argument(
        "--update",
        nargs="*",
        choices=[path.name[:2] for path in sorted((ROOT / "notebooks").glob("*.ipynb"))],
        help="execute all notebooks, or only those of these numbers, and write their outputs",
    )


@describes("docs")
def docs(parser):
    """Compare what the READMEs show of the code and of the recorded runs with what these are now.

    Without --update, exit with 1 when a README is out of date.
    """
    parser.add_argument("--update", action="store_true", help="write the READMEs that differ")


@describes("copy-down")
def copy_down(parser):
    """Carry an edit of a file that steps share from the step where it begins to the later ones.

    What was edited is what differs from the last commit. Nothing is written if a copy that an edit
    would replace was itself edited, differently.
    """


@describes("cluster")
def cluster(parser):
    """Run step 5 as it runs on several machines, on this one; or break a part of what runs."""
    parser.epilog = """examples, in a second terminal:
  python workshop.py cluster kill consumer-1     SIGKILL; it is started again after 5 seconds
  python workshop.py cluster pause postgres      it answers nobody, until:
  python workshop.py cluster resume postgres
"""
    parser.add_argument("action", nargs="?", choices=["kill", "pause", "resume"])
    parser.add_argument("part", nargs="?", default="", help="its name in the first terminal")
    parser.add_argument(
        "--back-after",
        type=float,
        default=5,
        metavar="SECONDS",
        help="when a part that died is started again (5)",
    )
    add_base_port(parser, "the inbox listens 10 above it, the web servers 31 and 32")


@describes("losses")
def losses(parser):
    """Stop each step with work under way, start it again, and count what was lost."""
    parser.add_argument("--signups", type=positive, default=16, metavar="N", help="each time (16)")
    parser.add_argument(
        "--runs", type=positive, default=5, metavar="N", help="of each step and way (5)"
    )
    add_json(parser)


@describes("record")
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
    add_base_port(parser, "the demo's")
    parser.add_argument(
        "--into", type=started_in, default=ROOT / "notebooks" / "data", metavar="DIR"
    )


@describes("bench")
def bench(parser):
    """Measure the steps beside the least that a sign-up can be, under load and as the work grows.

    And Huey and the outbox beside what one would pick instead. What is compared takes turns in one
    run, so that whatever else the machine does hits all alike; for a record, it should do nothing
    else. Without a PART, all are measured but the last, in about fifteen minutes, and
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
        raise argparse.ArgumentTypeError(f"there is no part {text!r}")
    return text


@describes("screenshots")
def screenshots(parser):
    """Make every picture in screenshots/ anew, from running sites."""


@describes("slides")
def slides(parser):
    """Write SLIDES.md as one HTML file that needs no network, its pictures included."""
    add_output(parser, ROOT / "slides.html")


@describes("site")
def site(parser):
    """Write the READMEs, the notebooks and a replay of the recorded races as a static site.

    The folder can be opened from a disk or served by any host; nothing in it comes from outside.
    """
    parser.add_argument(
        "--output",
        type=started_in,
        default=ROOT / "site",
        metavar="FOLDER",
        help="where to write it (site)",
    )


@describes("control")
def control(parser):
    """Make the joke API or the mail server of the running stand-ins slow, failing or healthy."""
    parser.epilog = """examples:
  python workshop.py control                        what is set
  python workshop.py control mail_failure=5xx       the mail server refuses every mail
  python workshop.py control joke_delay=2           the joke API takes two seconds
  python workshop.py control mail_failure=null      the mail server is well again
"""
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="what to set")
    add_url(parser)


@describes("standins")
def standins(parser):
    """Start only the stand-ins: a joke API, a mail server and its inbox."""
    add_host(parser)
    parser.add_argument("--http-port", type=int, default=8010, help="0: a free one (8010)")
    parser.add_argument("--smtp-port", type=int, default=8025, help="0: a free one (8025)")
    parser.add_argument("--joke-delay", type=float, default=0.2, help="seconds (0.2)")
    parser.add_argument("--mail-delay", type=float, default=0.3, help="seconds (0.3)")


@describes("doctor")
def doctor(parser):
    """Say whether this machine is ready for the workshop, and how to mend what isn't.

    It downloads nothing and changes nothing. The exit status is 1 if something is to be mended.
    """
    add_base_port(parser, "look at the ports from there on")


@describes("bundle")
def bundle(parser):
    """Pack this repository and the packages of several systems and Pythons into one archive.

    A machine without a network unpacks it and runs any command there. It holds what all commands
    need but bench, cluster, notebooks, screenshots and test without a step: name those that are
    needed, too.
    """
    add_commands(parser, "what else to pack for, such as notebooks", default=[])
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="only these (all)"
    )
    parser.add_argument(
        "--pythons", nargs="+", choices=PYTHONS, default=PYTHONS, help="only these (all)"
    )
    add_output(parser, ROOT / "workshop-bundle.zip")


@describes("install")
def install(parser):
    """Install what other commands need, so that they need no network later."""
    words = "what to install for, such as test or notebooks (demo, which is enough for run, too)"
    add_commands(parser, words, default=["demo"])
    parser.add_argument(
        "--wheels",
        type=folder,
        metavar="DIR",
        help="take the packages from there, as from a bundle",
    )


def numbers():
    return ", ".join(str(step.number) for step in STEPS)
