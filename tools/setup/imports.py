"""Import a package of each lock, in .venv: `.venv/bin/python tools/setup/imports.py LOCK...`.

Exit with what went wrong if a package isn't there, or is there and can't be used. Taken is one with
compiled code, if the lock has one: that fails where nothing may be executed.
"""

import re
import sys
from importlib import import_module
from importlib.metadata import files
from pathlib import Path

# Without those that a marker may leave out here.
PIN = re.compile(r"^([\w.-]+)==\S+$", re.MULTILINE)


def main(locks):
    """Import one package of each lock."""
    for lock in locks:
        names = PIN.findall(Path(lock).read_text(encoding="utf-8"))
        found = [module for name in names for module in modules(files(name) or [])]
        if found:
            import_module(min(found)[1])


def modules(paths):
    """Yield how little a package has of what is to be tried, 0 to 2, and its name."""
    has_code = any(path.suffix in (".so", ".pyd") for path in paths)
    for path in paths:
        if len(path.parts) == 1 and path.suffix in (".so", ".pyd"):
            yield 0, path.name.partition(".")[0]
        elif path.parts[1:] == ("__init__.py",) or len(path.parts) == 1 and path.suffix == ".py":
            yield 1 if has_code else 2, path.parts[0].removesuffix(".py")


if __name__ == "__main__":
    main(sys.argv[1:])
