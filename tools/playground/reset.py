"""Start the stage of a project again, and put the stand-ins' switches back."""

import sys

import requests

from ..arguments import parse
from ..sites.catalogue import STEPS
from .project import NoProject, changed_files, find_project, make, put_aside, shown

HEALTHY = {"joke_delay": 0.2, "mail_delay": 0.3, "joke_failure": None, "mail_failure": None}


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("reset", arguments)
    try:
        project = find_project(options.folder, options.stage)
        if project.folder in [step.folder for step in STEPS]:
            raise NoProject(f"{project.name} isn't a playground: `git restore` puts it back.")
        changed = changed_files(project)
        backup = put_aside(project.folder)
        make(project.folder, project.stage)
    except NoProject as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{shown(project.folder)} is a fresh copy of {project.origin.name}.")
    discarded = ", ".join(changed) or "no file that you changed"
    print(f"Discarded: {discarded}, and what it wrote to var/. All of it is in {shown(backup)}.")
    if put_switches_back(options.url):
        print("The stand-ins are healthy again.")
    return 0


def put_switches_back(url):
    """Return whether stand-ins answer at the address; they are healthy again then."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy leads to this machine
        try:
            return session.post(f"{url}/control", json=HEALTHY, timeout=5).ok
        except requests.RequestException:
            return False


if __name__ == "__main__":
    sys.exit(main())
