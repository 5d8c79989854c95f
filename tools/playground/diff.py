"""Show what differs between a project and its stage's solution, comments and tests aside."""

import difflib
import io
import sys
import tokenize

from ..arguments import parse
from .project import NoProject, find_project, texts

ASIDE = ("tests/", "timing/", "README.md", "pytest.ini")


def main(arguments=None):
    """Run the command; return its exit status."""
    options = parse("diff", arguments)
    try:
        project = find_project(options.folder, options.stage)
    except NoProject as error:
        print(error, file=sys.stderr)
        return 2
    lines = list(differences(project))
    print("\n".join(lines) or f"No difference from {project.solution.name}, comments aside.")
    return 0


def differences(project):
    """Yield the lines of the difference, from the project to the solution."""
    mine, solution = shown_lines(project.folder), shown_lines(project.solution.folder)
    for name in sorted(mine.keys() | solution.keys()):
        before, after = mine.get(name, []), solution.get(name, [])
        labels = f"yours/{name}", f"{project.solution.name}/{name}"
        yield from difflib.unified_diff(before, after, *labels, n=2, lineterm="")


def shown_lines(folder):
    return {
        name: without_comments(text.decode(errors="replace"))
        if name.endswith(".py")
        else text.decode(errors="replace").splitlines()
        for name, text in texts(folder).items()
        if not name.startswith(ASIDE)
    }


def without_comments(text):
    """Return the lines of Python without comments, as they are if it can't be read."""
    lines = text.splitlines()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return lines
    comments = {t.start[0]: t.start[1] for t in tokens if t.type == tokenize.COMMENT}
    cut = [line[: comments.get(number)].rstrip() for number, line in enumerate(lines, start=1)]
    return [line for number, line in enumerate(cut, start=1) if line or number not in comments]


if __name__ == "__main__":
    sys.exit(main())
