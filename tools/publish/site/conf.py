"""Sphinx's configuration of the site. Its sources are the repository's own pages, as they are."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

project = "Django background work, five ways"
html_title = project
root_doc = "README"
extensions = ["myst_nb"]
include_patterns = ["README.md", "step*/*.md", "docs/*.md", "*.md", "examples/*/README.md", "benchmarks/**.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "**/var", "kit/**/tests"]
html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False
nb_execution_mode = "off"
myst_heading_anchors = 3
myst_links_external_new_tab = False
