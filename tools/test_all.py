"""Run every test of the repository, or one step's, and count them."""

import argparse
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

from .catalogue import ROOT, STEPS, find_step

STEP_OPTIONS = ["--cov=accounts", "--cov-report=term:skip-covered", "--cov-fail-under=100"]


def main(arguments=None):
    """Run the command; return 0 when every test passed or was skipped, otherwise 1."""
    parser = argparse.ArgumentParser(prog="workshop.py test", description=__doc__)
    parser.add_argument("step", nargs="?", help="1 to 5; everything without it")
    options = parser.parse_args(arguments)
    try:
        steps = [find_step(options.step)] if options.step else STEPS
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    sessions = [(step.name, step.folder, STEP_OPTIONS) for step in steps]
    if not options.step:
        sessions.append(("the whole", ROOT, []))
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    failed_sessions = []
    try:
        for name, folder, pytest_options in sessions:
            print(f"\n{name}", flush=True)
            counts, status = run_session(folder, pytest_options)
            for outcome, count in counts.items():
                totals[outcome] += count
            if status:
                failed_sessions.append(name)
    except KeyboardInterrupt:
        return 130
    for name in failed_sessions:
        print(f"Failed: {name}")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**totals))
    return 1 if failed_sessions else 0


def run_session(folder, pytest_options):
    """Run pytest in the folder; return its counts by outcome, and its exit status."""
    with TemporaryDirectory() as reports:
        report = Path(reports) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *pytest_options]
        status = subprocess.run(command, cwd=folder).returncode
        if not report.exists():  # pytest itself failed
            return {"failed": 1}, status
        suite = ET.parse(report).getroot().find("testsuite")
    tests, failures, errors, skipped = (
        int(suite.get(name)) for name in ["tests", "failures", "errors", "skipped"]
    )
    failed = failures + errors
    if status and not failed:  # such as too little coverage
        failed = 1
        tests += 1
    return {"passed": tests - failed - skipped, "failed": failed, "skipped": skipped}, status


if __name__ == "__main__":
    sys.exit(main())
