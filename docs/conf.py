"""Configuration of the website: `make docs` writes it into build/site with Sphinx.

The source folder is the repository's root, so that links between all pages are as on GitHub.
"""

from __future__ import annotations

from docutils.nodes import Element, Node
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

import taggingbackends

project = "TaggingBackends"
release = taggingbackends.__version__
copyright = "the TaggingBackends developers"
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
root_doc = "docs/index"
include_patterns = ["docs/**", "CHANGELOG.md", "examplebackend*/README.md"]
include_patterns += ["test/contract/README.md"]
exclude_patterns = [".*", "build", "julia", "src"]

html_theme = "furo"
html_title = f"{project} {release}"
html_extra_path = ["static/root"]  # a redirection from the root to docs/index.html
html_static_path = ["static/css"]
html_css_files = ["site.css"]
highlight_language = "text"  # of blocks that name none
html_show_sourcelink = False
html_use_index = False  # the reference has a list of all names

smartquotes = False  # `--option` has two hyphens
myst_heading_anchors = 4  # `#names-of-headings`, as on GitHub

default_role = "py:obj"  # `name` in a docstring links to the entry of the name
autodoc_default_options = {"members": True}
autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # docstrings have the types, with shapes
numpydoc_show_class_members = False


def find_name(app: Sphinx, env: BuildEnvironment, node: Element, text: Element) -> Node | None:
    """Link a name of this package that is given without its module."""
    entries = [
        entry
        for name, entry in env.domains["py"].objects.items()
        if name.endswith(f".{node['reftarget']}") and not entry.aliased
    ]
    if node.get("refdomain") != "py" or len(entries) != 1:
        return None
    (entry,) = entries
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, text)


def setup(app: Sphinx) -> None:
    """Let Sphinx call the functions above."""
    app.connect("missing-reference", find_name)
