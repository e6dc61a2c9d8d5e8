"""What every page shares: one file that opens from disk, loads nothing, and reads without its script.

The content-security-policy lets through data: images (and images beside the page, where a page has them) and the one
script whose hash it names, so that a prompt which breaks out of the escaping still could not run. Jinja escapes
everything; no string is marked safe but our own CSS and script, the SVG that matplotlib escaped, and JSON without '<'.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench import __version__

_TEMPLATES = Path(__file__).parent / "templates"


def rendered(
    template: str,
    context: Mapping[str, Any],
    *,
    styles: Sequence[str] = ("common.css",),
    scripts: Sequence[str] = ("common.js",),
    data: Any = None,
    files: bool = False,
) -> str:
    """A page's HTML.

    context: has title, facts and sections [(anchor, text)] beside what the template asks for; styles, scripts: files of
    templates/, joined in this order; data: what the script reads from the element #data; files: images beside the page
    are shown too.
    """
    script = _read(*scripts)
    whole = {
        **context, "suite": __version__, "style": Markup(_read(*styles)), "script": Markup(script),
        "policy": _policy(script, files), "data": None if data is None else Markup(embedded(data)),
    }  # fmt: skip
    return _environment().get_template(template).render(whole)


def embedded(data: Any) -> str:
    """Sorted, compact JSON that no text in it can end the script element of; NaN is refused."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(script: str, files: bool) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    images = "data: 'self' file:" if files else "data:"
    return (
        f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


@lru_cache(maxsize=8)
def _read(*names: str) -> str:
    return "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
