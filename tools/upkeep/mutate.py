"""Break each line of a step's lesson on purpose, and list what its own tests do not notice.

    python -m tools.upkeep.mutate 5 [PATTERN[:LINE] ...]

Only the lines that the step before does not have: of the files accounts/*.py and outbox/*.py, or
of those that match a pattern, from the line on. Each change is made alone, in a copy, and takes a
run of the tests that are likely to notice it; what they miss takes a run of all the step's tests.
(The libraries for this leave out what has a decorator, as receivers and tasks do, or remove no
statements and no keyword arguments.)
"""

import ast
import difflib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from ..sites.catalogue import BY_NUMBER, find_step
from .test_all import left_out

PATTERNS = ["accounts/*.py", "outbox/*.py"]
SECONDS = 300  # that a run of the tests may take: a change that makes them wait is noticed, too
AT_ONCE = 2
OTHERS = {
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Pow: ast.Mult,
}


def lesson_lines(step, name):
    """Return the numbers of a file's lines that the step before does not have."""
    lines = (step.folder / name).read_text(encoding="utf-8").splitlines()
    before = BY_NUMBER[step.number - 1].folder / name if step.number > 1 else None
    old = before.read_text(encoding="utf-8").splitlines() if before and before.exists() else []
    blocks = difflib.SequenceMatcher(None, old, lines, autojunk=False).get_matching_blocks()
    same = {block.b + place for block in blocks for place in range(block.size)}
    return {number + 1 for number in range(len(lines)) if number not in same}


def mutants(source, lines):
    """Yield a line's number, what is changed there, and the changed source, for each change."""
    for index, node in enumerate(ast.walk(ast.parse(source))):
        for number in range(len(list(changes_of(node)))):
            tree = ast.parse(source)  # anew, because a change is made in place
            line, words, change = list(changes_of(list(ast.walk(tree))[index]))[number]
            if line in lines:
                change()
                yield line, words, ast.unparse(tree)


def changes_of(node):
    """Yield a line's number, words, and a function that makes the change, for each change."""
    for name in ["body", "orelse", "finalbody"]:
        body = getattr(node, name, [])
        for place, statement in enumerate(body if isinstance(body, list) else []):
            if not is_left_alone(statement, node):
                change = body.__setitem__
                yield statement.lineno, f"remove {gist(statement)}", call(change, place, ast.Pass())
    for decorator in getattr(node, "decorator_list", []):
        change = node.decorator_list.remove
        yield decorator.lineno, f"remove @{gist(decorator)}", call(change, decorator)
    match node:
        case ast.Call():
            for keyword in node.keywords:
                words = f"remove {gist(keyword)} from {gist(node)}"
                yield keyword.lineno, words, call(node.keywords.remove, keyword)
        case ast.If() | ast.While() | ast.IfExp():
            negated = ast.UnaryOp(ast.Not(), node.test)
            yield node.lineno, f"negate {gist(node.test)}", call(setattr, node, "test", negated)
        case ast.BoolOp() | ast.BinOp() if type(node.op) in OTHERS:
            other = OTHERS[type(node.op)]()
            yield node.lineno, f"other operator in {gist(node)}", call(setattr, node, "op", other)
        case ast.Compare() if type(node.ops[0]) in OTHERS:
            other = [OTHERS[type(node.ops[0])]()]
            yield node.lineno, f"other operator in {gist(node)}", call(setattr, node, "ops", other)
        case ast.Return() if node.value:
            nothing = ast.Constant(None)
            yield node.lineno, f"nothing for {gist(node)}", call(setattr, node, "value", nothing)
        case ast.Constant(value=bool() | int() | float() | None):
            other = not node.value if type(node.value) in (bool, type(None)) else node.value + 1
            yield node.lineno, f"{other} for {node.value}", call(setattr, node, "value", other)
        case ast.Constant(value=str()) if node.value.isidentifier():
            words = f"{node.value}x for {node.value}"
            yield node.lineno, words, call(setattr, node, "value", f"{node.value}x")


def is_left_alone(statement, parent):
    """Return whether to remove it would prove nothing: docstrings, imports at the top, pass."""
    is_import = isinstance(statement, ast.Import | ast.ImportFrom)
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return (
        is_text or isinstance(statement, ast.Pass) or is_import and isinstance(parent, ast.Module)
    )


def call(function, *arguments):
    return lambda: function(*arguments)


def gist(node):
    return ast.unparse(node).splitlines()[0][:70]


def is_noticed(step, name, source):
    """Return whether the step's own tests fail with a file's source changed."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder, step.name)
        shutil.copytree(step.folder, copy, ignore=shutil.ignore_patterns("var", "__pycache__"))
        (copy / name).write_text(source, encoding="utf-8")
        return any(fails(copy, tests) for tests in [likely_tests(step, name), all_tests(step)])


def fails(copy, tests):
    """Return whether one of the tests fails in a copy of a step, or none of them ends."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(command, cwd=copy, capture_output=True, timeout=SECONDS).returncode
    except subprocess.TimeoutExpired:
        return True


def likely_tests(step, name):
    """Return the tests of the file's own name, or else those that no other step has."""
    namesake = f"tests/test_{name.stem}.py"
    if (step.folder / namesake).exists():
        return [namesake]
    others = [other.folder for other in BY_NUMBER.values() if other is not step]
    names = [path.relative_to(step.folder) for path in sorted(step.folder.glob("tests/test_*.py"))]
    return [name.as_posix() for name in names if not any((o / name).exists() for o in others)]


def all_tests(step):
    earlier = [BY_NUMBER[number] for number in range(1, step.number)]
    return ["tests", "timing", *(f"--ignore={path}" for path in left_out(step, earlier))]


def main():
    step, changed = find_step(sys.argv[1]), []
    manage = Path("manage.py")
    if is_noticed(step, manage, (step.folder / manage).read_text(encoding="utf-8")):
        sys.exit(f"{step.name}: a test fails without any change.")
    for argument in sys.argv[2:] or PATTERNS:
        pattern, _, first = argument.partition(":")
        for path in sorted(step.folder.glob(pattern)):
            name, source = path.relative_to(step.folder), path.read_text(encoding="utf-8")
            lines = {line for line in lesson_lines(step, name) if line >= int(first or 1)}
            found = sorted(mutants(source, lines), key=lambda mutant: mutant[0])
            changed += [(name, *mutant) for mutant in found]
    print(f"{step.name}: {len(changed)} changes", flush=True)
    survived = 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        noticed = threads.map(lambda change: is_noticed(step, change[0], change[3]), changed)
        for (name, line, words, _), is_seen in zip(changed, noticed, strict=True):
            survived += not is_seen
            print(f"{'noticed ' if is_seen else 'SURVIVED'} {name}:{line} {words}", flush=True)
    print(f"{step.name}: {survived} of {len(changed)} survived", flush=True)


if __name__ == "__main__":
    main()
