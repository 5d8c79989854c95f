"""Make the joke API or the mail server of the running stand-ins slow, or fail, or well again."""

import json
import sys

import requests

from .. import arguments


def main(argv=None):
    """Run the command; return its exit status."""
    options = arguments.parse("control", argv)
    with requests.Session() as session:
        session.trust_env = False  # no proxy leads to this machine
        url = f"{options.url}/control"
        try:
            if options.settings:
                answer = session.post(url, json=dict(map(parse, options.settings)), timeout=10)
            else:
                answer = session.get(url, timeout=10)
            said = answer.json()
        except requests.RequestException:  # nobody is there, or somebody else, who speaks no JSON
            print(
                f"No stand-ins answer at {options.url}: start demo, run or standins first,"
                " or name their address with --url."
            )
            return 1
    print(json.dumps(said, indent=2))
    return 0 if answer.ok else 1


def parse(text):
    """Return the name and the value of a setting; what is neither number nor null is a text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
