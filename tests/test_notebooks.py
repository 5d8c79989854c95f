"""The notebooks run without a warning, and what they show is what they output today."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.publish.notebooks import FOLDED, executed, notebooks, tidy, update
from tools.sites.catalogue import ROOT, STEPS

from .conftest import wait_for
from .test_commands import LIMIT, posix_only

DATA = ROOT / "notebooks" / "data"
RECORDED = json.loads((DATA / "recorded.json").read_text(encoding="utf-8"))
by_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
UPDATE = """
import sys
from pathlib import Path
from tools.publish import notebooks
notebooks.FOLDER = Path(sys.argv[1])
sys.exit(notebooks.main(["--update"]))
"""
# As a figure whose title has an error in its formula: it is shown when the cell has ended.
UNDRAWN = """
class Figure:
    def _repr_html_(self):
        return 1 / 0

get_ipython().events.register("post_execute", lambda: display(Figure()))
"""
# The roots of absolute paths on Linux, macOS and Windows, and an object's address.
OF_THE_MACHINE = re.compile(
    r"/(home|root|tmp|usr|opt|work|var|private|Users)/|\b[A-Z]:\\|\b0x[0-9a-f]{6,}"
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook):
    """Return each code cell's outputs, but not the pictures, which hang on the machine's fonts."""
    return [
        [text for output in cell.outputs for text in shown(output)] for cell in code_cells(notebook)
    ]


def shown(output):
    if output.output_type == "stream":
        return [output.text]
    return [text for kind, text in output.data.items() if kind in ("text/plain", "text/html")]


@by_notebook
def test_code_is_folded_if_it_only_draws(path):
    for cell in code_cells(read(path)):
        only_draws = "plots." in cell.source
        assert cell.metadata == (FOLDED if only_draws else {}), cell.id
        assert not (only_draws and re.search(r"claims\.|assert|print", cell.source)), cell.id


@by_notebook
def test_outputs_say_nothing_of_the_machine(path):
    assert OF_THE_MACHINE.findall(str(texts(read(path)))) == []


def test_index_of_the_questions_has_all_of_them():
    title, *cells = read(ROOT / "notebooks" / "07_questions.ipynb").cells
    headings = [
        name for cell in cells for name in re.findall("^##+ (.+)", cell.source, re.MULTILINE)
    ]
    assert re.findall(r"^\| \[(.+?)\]\(#", title.source, re.MULTILINE) == headings


def test_receivers_that_a_notebook_names_are_those_of_step_2():
    text = "".join(cell.source for cell in read(ROOT / "notebooks" / "02_signals.ipynb").cells)
    code = (ROOT / "step2_signals" / "accounts" / "signals.py").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)`", text, re.MULTILINE)
    assert named == re.findall(r"^def (\w+)", code, re.MULTILINE)


@pytest.mark.parametrize("name", RECORDED["runs"])
def test_recorded_run_is_what_is_said_of_it(name):
    run = RECORDED["runs"][name]
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    if name == "pictures_memory":
        assert len(records) == run["n"]
    else:
        requests = Counter(r["step"] for r in records if r["event"] == "sign-up")
        assert requests == dict.fromkeys(run["steps"], run["n"])
    assert run["date"] and run["settings"]


def test_recorded_sign_ups_are_those_of_the_readmes_table():
    assert RECORDED["runs"]["one_at_a_time"]["n"] >= 30
    demo = json.loads((DATA / "demo.json").read_text(encoding="utf-8"))
    assert (demo["machine"], demo["versions"]) == (RECORDED["machine"], RECORDED["versions"])
    pages = {step.name: [] for step in STEPS}
    for line in (DATA / "one_at_a_time.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["event"] == "sign-up":
            pages[record["step"]].append(record["elapsed"])
    assert pages == {step.name: demo["steps"][step.name]["page_seconds"] for step in STEPS}


@pytest.fixture
def own_logs(tmp_path):
    """A copy of notebooks/ beside steps whose var/ folders hold the recorded sign-ups."""
    folder = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("*.ipynb", "__*"))
    colours = "kit/timing/static"  # timing_log.py reads them
    shutil.copytree(ROOT / colours, tmp_path / colours)
    recorded = folder / "data" / "one_at_a_time.jsonl"
    lines = recorded.read_text(encoding="utf-8").splitlines(keepends=True)
    for step in STEPS:
        own = [line for line in lines if step.name in line]
        path = tmp_path / step.name / "var" / "timings.1.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(own), encoding="utf-8")
    return folder


# A kernel takes two seconds of CPU time until it has pandas and Matplotlib: all share one. Figures
# are drawn once, so that none warns or fails: not by pyplot as well, and not saved.
FIRST = """
%matplotlib inline
from matplotlib import pyplot
from matplotlib.figure import Figure
pyplot.uninstall_repl_displayhook()
png = get_ipython().display_formatter.formatters["image/png"]
png.for_type(Figure, Figure.draw_without_rendering);
"""
NEXT = """
import matplotlib, pandas
matplotlib.rc_file_defaults()
pandas.reset_option("^display")
%reset -f
"""
WITH_OWN_LOGS = """
from pathlib import Path
Path("data/one_at_a_time.jsonl").rename("data/hidden")
get_ipython().display_formatter.active_types = ["text/plain"]  # the figures have been drawn once
"""
WITHOUT = """
from pathlib import Path
Path("data/hidden").rename("data/one_at_a_time.jsonl")
get_ipython().display_formatter.active_types = get_ipython().display_formatter.format_types
"""


def test_outputs_are_those_of_today_and_the_same_from_own_logs(own_logs):
    """A notebook that reads own logs, if its first cell says so, runs once more with them."""
    sources, expected = [FIRST], [[]]
    for path in notebooks():
        notebook = read(path)
        first, *others = [cell.source for cell in code_cells(notebook)]
        sources += [NEXT, first, *others]
        expected += [[], *texts(notebook)]
        if "OWN" in first:
            assert first.count("OWN = False") == 1
            sources += [WITH_OWN_LOGS, first.replace("OWN = False", "OWN = True"), *others, WITHOUT]
            expected += [[], *texts(notebook), []]
    together = own_logs / "together.ipynb"
    nbformat.write(new_notebook(cells=list(map(new_code_cell, sources))), together)
    assert texts(executed(together)) == expected, "run: workshop.py notebooks --update"


@by_notebook
def test_is_tidy(path):
    assert tidy(read(path)).encode() == path.read_bytes(), "run: workshop.py notebooks --update"


@pytest.fixture
def write_notebook(tmp_path):
    """A function that writes a notebook with these code cells, and returns its path."""

    def write(*sources):
        cells = [new_code_cell(source, id=f"code-{n}") for n, source in enumerate(sources)]
        notebook = new_notebook(cells=[new_markdown_cell("# Ünïcode", id="title"), *cells])
        path = tmp_path / "01_generated.ipynb"
        path.write_text(nbformat.writes(notebook), encoding="utf-8", newline="\n")
        return path

    return write


def test_update_runs_this_python_in_the_folder_and_writes_the_same_each_time(
    write_notebook, capsys
):
    path = write_notebook(
        "print('a', flush=True)\nprint('ü')",
        "import os\nimport sys\n\nprint(sys.prefix)\nprint(os.getcwd())",
        "{'text': 1}",
        "import matplotlib.pyplot as plt\n\nplt.plot([1, 2]);",
    )
    assert update([path]) == 0
    assert update([path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "01_generated.ipynb: executing, rewritten",
        "01_generated.ipynb: executing, unchanged",
    ]
    assert b"\r" not in path.read_bytes()
    notebook = read(path)
    here = f"{sys.prefix}\n{path.parent}\n"
    assert texts(notebook)[:3] == [["a\nü\n"], [here], ["{'text': 1}"]]
    assert code_cells(notebook)[3].outputs[0].data["image/png"]
    assert [cell.id for cell in notebook.cells] == ["title", *(f"code-{n}" for n in range(4))]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings\n\nwarnings.warn('out of date', DeprecationWarning)", "out of date"),
        (UNDRAWN, "cell [2]: ZeroDivisionError: division by zero"),
        ("import os\n\nos._exit(1)", "Kernel died"),
    ],
    ids=["raises", "warns to standard error", "can't be shown", "ends the kernel"],
)
def test_failing_notebook_is_said_and_not_rewritten(write_notebook, capsys, source, problem):
    path = write_notebook("1 + 1", source, "print('not reached')")
    before = path.read_bytes()
    assert update([path]) == 1
    said = capsys.readouterr().out
    assert "01_generated.ipynb, cell [2]" in said
    assert problem in said
    assert path.read_bytes() == before


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_stopping_an_update_leaves_no_process_behind(write_notebook, tmp_path, number):
    started = tmp_path / "started"
    path = write_notebook(f"open({str(started)!r}, 'w').close()", "import time\n\ntime.sleep(60)")
    before = path.read_bytes()
    command = [sys.executable, "-c", UPDATE, str(tmp_path)]
    options = {"cwd": ROOT, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with psutil.Popen(command, **options) as run:
        wait_for(started.exists, LIMIT)
        family = run.children(recursive=True)
        run.send_signal(number)
        _, alive = psutil.wait_procs([run, *family], timeout=LIMIT)
        assert alive == []
        assert run.returncode == 128 + signal.SIGINT
        assert "Traceback" not in run.stderr.read()
    assert path.read_bytes() == before
