"""Open the notebooks in JupyterLab; with --update, execute them and write their outputs."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from ..arguments import parse
from ..sites.processes import STOPS, stop_in_order, stop_once

FOLDER = Path(__file__).resolve().parent.parent.parent / "notebooks"
CELL_SECONDS = 120  # that a cell may take
# What JupyterLab and GitHub need to know. JupyterLab adds the versions of the machine as it saves.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# A cell that only draws: JupyterLab folds its code, and MyST-NB does by the tag.
FOLDED = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


class NotebookError(Exception):
    """A notebook can't be executed; the text says which cell failed, and how."""


def notebooks():
    """Return the paths of all notebooks, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path):
    """Return a notebook with the outputs of an execution in its folder, by this same Python.

    Raise NotebookError if a cell raises, warns, writes to standard error, takes too long or has
    a figure that can't be drawn.
    """
    import matplotlib.font_manager  # makes its font cache, or a notebook would warn

    # The user's settings of Matplotlib shall not change what a plot looks like, or show none.
    variables = {
        "MATPLOTLIBRC": matplotlib.get_data_path(),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    notebook = nbformat.read(path, as_version=4)
    # A kernel needs this kind of event loop, which is not the default on Windows.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(execute_cells(notebook, path, variables))
    return notebook


async def execute_cells(notebook, path, variables):
    """Execute the cells in a new kernel; raise NotebookError if one fails."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        coalesce_streams=True,  # in how many pieces a text comes is chance
        record_timing=False,
        extra_arguments=["--log-level=CRITICAL", "--InteractiveShell.colors=nocolor"],
    )
    number = 0
    manager = client.create_kernel_manager()
    # With no folder to look for kernels in, "python3" is the Python that runs this.
    manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
    with TemporaryDirectory(ignore_cleanup_errors=True) as no_settings:
        # Each warning is shown, and so fails. If they were errors, the kernel's own would stop it.
        variables |= {"IPYTHONDIR": no_settings, "PYTHONWARNINGS": "default"}
        await client.async_start_new_kernel(cwd=path.parent, env=os.environ | variables)
        await client.async_start_new_kernel_client()
        try:
            for index, cell in enumerate(notebook.cells):
                number += cell.cell_type == "code"
                where = f"{path.name}, cell [{number}]"
                await client.async_execute_cell(cell, index)
                for output in cell.get("outputs", []):
                    if output.output_type == "error":  # what it returned can't be shown
                        raise NotebookError(f"{where}: {output.ename}: {output.evalue}")
                    if output.get("name") == "stderr":
                        raise NotebookError(f"{where}, standard error: {output.text}")
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            if asyncio.current_task().cancelling():  # which nbclient takes for a dead kernel
                raise asyncio.CancelledError from error
            raise NotebookError(f"{where}: {error}") from error
        finally:
            await manager.shutdown_kernel()
            client.kc.stop_channels()


def tidy(notebook):
    """Return the text of a notebook's file, without what differs from one machine to another."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        folded = "hide-input" in cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict(FOLDED if folded else {})
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    return nbformat.writes(notebook) + "\n"


def update(paths):
    """Execute the notebooks and rewrite those that don't fail; return the exit status."""
    failures = 0
    for path in paths:
        print(f"{path.name}: executing", end="", flush=True)
        before = path.read_text(encoding="utf-8")
        try:
            after = tidy(executed(path))
        except NotebookError as error:
            failures += 1
            print(f", failed and left as it was\n{error}", flush=True)
        else:
            path.write_text(after, encoding="utf-8", newline="\n")
            print(", unchanged" if after == before else ", rewritten", flush=True)
    return 1 if failures else 0


def open_lab():
    """Serve JupyterLab on the notebooks, and open it in the browser, until Ctrl-C, typed twice."""
    from jupyterlab.labapp import main as serve  # not needed, nor installed, for the tests

    os.chdir(FOLDER)
    # Or it would look on the network for a newer version of itself, and for news.
    offline = "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"
    # As root, which a container's user often is, it would refuse.
    serve(["--LabApp.news_url=None", offline, "--allow-root"])


def main(arguments=None):
    """Run the command; return its exit status."""
    numbers = parse("notebooks", arguments).update
    if numbers is None:
        return open_lab()
    # Ctrl-C cancels what asyncio runs, so the kernel also stops. So do the other signals: an
    # exception from a handler of ours might come while the event loop calls what ignores them.
    stop_in_order()
    for number in STOPS:
        if signal.getsignal(number) == stop_once:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which asyncio replaces
    try:
        return update([path for path in notebooks() if not numbers or path.name[:2] in numbers])
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
