"""The configuration of Sphinx: see `make docs`."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import tomllib

# Both implementations have the same docstrings; this one needs no compiler.
os.environ["AUDITHOOKS_PURE_PYTHON"] = "1"

import audithooks
import audithooks.policy
import audithooks.rules
import audithooks.sinks

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

with open(HERE.parent / "pyproject.toml", "rb") as file:
    REPOSITORY = tomllib.load(file)["project"]["urls"]["Repository"]

project = "audithooks"
copyright = "the audithooks authors"
version = release = audithooks.__version__
needs_sphinx = "8.0"
smartquotes = False  # of code in docstrings, too
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_argparse_cli",
    "sphinx_autodoc_typehints",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.spelling",
    "from_code",
]
exclude_patterns = ["_static"]
nitpicky = True
# What annotations name, and no page has.
nitpick_ignore_regex = [
    ("py:class", r"audithooks\.(_core|policy|rules)\.\w+\..*|opentelemetry\..*")
]

# Of a shell, the lexer does not know quotes that go over lines.
suppress_warnings = ["misc.highlighting_failure"]

# Markdown, with directives in fences, and links to headings as on GitHub.
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4
# repo:FILE is a file of the repository that is no page.
myst_url_schemes = {
    "http": None,
    "https": None,
    "repo": f"{REPOSITORY}/blob/main/{{{{path}}}}",
}

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"audithooks {version}"
html_static_path = ["_static"]
html_extra_path = ["reference/record-1.schema.json"]
html_css_files = ["site.css"]
html_js_files = ["filter.js"]
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
html_show_sphinx = False
templates_path = []

# A command is copied without its prompt and its output.
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
always_use_bars_union = True
always_document_param_types = True
typehints_fully_qualified = False

# Of methods of Sphinx that it calls.
warnings.filterwarnings("ignore", module="sphinx_autodoc_typehints")

# Names are public where they are exported, not where they are written.
for module in audithooks, audithooks.policy, audithooks.rules, audithooks.sinks:
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, type):
            thing.__module__ = module.__name__

spelling_lang = "en_US"
spelling_word_list_filename = ["words.txt"]
spelling_show_suggestions = False

linkcheck_timeout = 20
linkcheck_retries = 2
