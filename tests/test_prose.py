"""Markdown avoids phrases that slow a reader down. Each has the words to use instead."""

import json
import re
import subprocess

import pytest

from tools.sites.catalogue import ROOT

PHRASES = {
    r"\bwhoever\b": "name the person",
    r"\bwhatever\b": "name the things",
    r"(?<=\. )What (?!changes is)[^?.]*\.": "a noun, not a clause",
    r"\bat once\b": "'immediately' or 'at the same time'",
    r"\banew\b": "'again'",
    r",? too[.,;:)]": "'also', before the verb",
    r"\b(?:is|are) to (?:do|be)\b": "'must be', or name the work",
    r"\bmend(?:s|ed|ing)?\b": "'fix'",
    r"\btime-outs?\b": "'timeout'",
    r"\b(?:that|those) of (?:a|the|step)\b": "repeat the noun",
    r"\b(?:is|are) no (?!longer)\w+": "'isn't a'",
}
EXCEPTIONS = {
    "is no reason": "an idiom, in which 'isn't a' would mean something else",
}
PAGES = subprocess.check_output(
    ["git", "ls-files", "*.md", "*.ipynb"], cwd=ROOT, encoding="utf-8"
).splitlines()


def prose(name):
    """Return a page's text without code, or the text of a notebook's Markdown cells."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_plain(name):
    text = " ".join(prose(name).split())
    hits = {m[0]: say for phrase, say in PHRASES.items() for m in re.finditer(phrase, text, re.I)}
    assert {hit: say for hit, say in hits.items() if hit.lower() not in EXCEPTIONS} == {}
