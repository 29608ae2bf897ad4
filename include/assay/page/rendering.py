"""From a view to HTML: one template a page, everything escaped; the headers let it load nothing but our own files."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from assay.json_types import Json
from assay.page import files
from assay.page.links import Links, trust_report
from assay.page.navigation import SECTIONS
from assay.records import Verdict

_MOUNT = "/assay"
# Inline scripts and styles do nothing here; only Airflow itself may show the page in a frame.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_AGES = ((timedelta(days=365), "y"), (timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))
_MARKS = {
    Verdict.PASSED: ("good", "✓", "passed"),
    Verdict.FAILED: ("bad", "✕", "failed"),
    Verdict.NOT_CHECKED: ("unsure", "?", "not checked"),
}  # fmt: skip


def render(request: Request, template: str, status_code: int = 200, **view: object) -> HTMLResponse:
    """The page that `template` makes of `view`."""
    engines = request.app.state.engines
    root = request.scope.get("root_path", "")
    text = _TEMPLATES.get_template(f"{template}.html.jinja").render(
        root=root,
        static=lambda name: root + files.address(name),
        links=links_of(request),
        sections=SECTIONS,
        now=engines.now(),
        is_catching_up=engines.is_catching_up(),
        **view,
    )
    return HTMLResponse(text, status_code)


def links_of(request: Request) -> Links:
    """Airflow's path is what the page is mounted below."""
    return Links(request.scope.get("root_path", "").removesuffix(_MOUNT), request.app.state.engines.settings.mlflow_url)


def inert(value: Json) -> Markup:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704 - no character that HTML knows is left in it


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in its largest unit: `3 d`; `now` within a minute."""
    passed = now - moment
    return next((f"{passed // unit} {word}" for unit, word in _AGES if passed >= unit), "now")


def moment(at: datetime) -> str:
    """`2026-03-03 12:00:05 UTC`."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def mark(verdict: Verdict | str) -> tuple[str, str, str]:
    """(class, sign, words) of a verdict: never by colour alone."""
    return _MARKS[Verdict(verdict)]


def number(value: float | None) -> str:
    """As people read it: at most six significant digits."""
    return "" if value is None else f"{value:.6g}"


def pretty(value: Json | Mapping[str, Any]) -> str:
    """JSON over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(
        age=age, moment=moment, mark=mark, number=number, pretty=pretty, inert=inert, trust_report=trust_report,
        quoted=lambda text: quote(text, safe=""),
    )  # fmt: skip
    return made


_TEMPLATES = _environment()
