"""Sphinx's configuration of the site. Its sources are the repository's own pages, as they are."""

import re
from itertools import pairwise

from docutils import nodes

from tools.publish import plots
from tools.publish.site import REPLAY
from tools.sites.catalogue import ROOT, STEPS
from tools.upkeep.changes import diffs

ADDRESS = "https://example.org/"  # where the site is published

project = "Django background work, five ways"
html_title = project
html_baseurl = ADDRESS
root_doc = "README"
include_patterns = ["**.md", "**.ipynb"]
exclude_patterns = [".*", "**/.*", "**/var", "site", "wheels", "playground*"]
extensions = ["myst_nb"]
nb_execution_mode = "off"  # what is committed is shown
myst_heading_anchors = 3
html_theme = "furo"
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "replay_link.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_context = {"replay": REPLAY}
html_copy_source = False
html_use_index = False
html_show_search_summary = False  # the search would fetch pages, which a browser blocks on file://

FOLDER_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()#:\s]+/)\)")
HEADING_LINK = re.compile(r"\]\(#([^)\s]+)\)")  # as JupyterLab writes it
PICTURE_OF_THE_RACE = re.compile(r"screenshots/race\w*\.png$")
# A moving picture, of which the site shows the still: it has the replay.
MOVING = re.compile(r'<picture>\s*<source .*srcset="(.+)">\s*<img alt="(.+?)" .*\s*</picture>')


def change_source(app, name, source):
    """Fit a page's text into the site."""
    folder = (ROOT / name).parent

    def readme_of(match):
        text, path = match.groups()
        return f"[{text}]({path}README.md)" if (folder / path / "README.md").exists() else text

    source[0] = FOLDER_LINK.sub(readme_of, source[0])
    source[0] = MOVING.sub(r"![\2](\1)", source[0])
    source[0] = HEADING_LINK.sub(lambda link: f"](#{slug(link[1])})", source[0])
    if name == root_doc:
        first, heading, rest = source[0].partition("\n## ")
        link = (
            f'<p><a href="{REPLAY}">Watch the race, replayed</a>, without installing anything.</p>'
        )
        source[0] = f"{first}\n{link}\n{heading}{rest}\n{contents(app.env.found_docs)}"
    for before, step in pairwise(STEPS):
        if name == f"{step.name}/README":
            source[0] += changes(before, step)


def slug(heading):
    """Return a heading's anchor as code hosts and MyST form it."""
    return re.sub(r"[^\w-]", "", heading).lower()


def contents(names):
    """Return the tables of contents: the lessons, the notebooks, and the other pages."""
    lessons = [f"{step.name}/README" for step in STEPS]
    notebooks = sorted(name for name in names if (ROOT / f"{name}.ipynb").exists())
    others = sorted(names - {root_doc, *lessons, *notebooks}, key=lambda n: (n.count("/"), n))
    parts = {"The steps": lessons, "Notebooks": notebooks, "More": others}
    return "".join(
        "\n```{toctree}\n:hidden:\n:caption: " + "\n".join([caption, "", *pages]) + "\n```\n"
        for caption, pages in parts.items()
    )


def changes(before, step):
    """Return the section with the change from the step before, file by file."""
    text = f"\n## Everything that changed since step {before.number}\n\n"
    text += "Tests, migrations and this page aside.\n"
    for name, lines in diffs(before, step).items():
        text += f"\n### `{name}`\n\n`````diff\n" + "\n".join(lines) + "\n`````\n"
    return text


def change_pictures(app, doctree):
    """Name each plot, and let the pictures of the race lead to its replay."""
    notebook = ROOT / f"{app.env.docname}.ipynb"
    titles = (title for _, title, _ in plots(notebook)) if notebook.exists() else iter([])
    for image in list(doctree.findall(nodes.image)):
        if "alt" not in image:
            image["alt"] = next(titles)
        if PICTURE_OF_THE_RACE.search(image["uri"]):
            link = nodes.reference(refuri="../" * app.env.docname.count("/") + REPLAY)
            image.replace_self(link)
            link += image


def setup(app):
    app.connect("source-read", change_source)
    app.connect("doctree-read", change_pictures)
