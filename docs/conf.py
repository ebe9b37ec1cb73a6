"""Sphinx settings; `make docs` builds into build/docs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

project = "wattkeel"
author = copyright = "The wattkeel authors"
(release,) = re.findall(r'__version__ = "(.*)"', (ROOT / "python/wattkeel/_version.py").read_text())
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = f"wattkeel {release}"
exclude_patterns = ["_build"]
