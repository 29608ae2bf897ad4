"""The validation as one self-contained HTML page: no scripts, nothing fetched, everything escaped."""

import html
import json
from collections.abc import Mapping, Sequence

from assay.json_types import JsonObject
from assay.records import Check, Subject, Verdict

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;text-align:left;"
    "vertical-align:top}.passed{color:#176a2c}.failed{color:#b00020}.not_checked{color:#8a5a00}"
)


def render_data_docs(raw: Subject, verdict: Verdict, checks: Sequence[tuple[Check, JsonObject]]) -> bytes:
    """A page with a row for each check and what was observed for it."""
    rows = "".join(_row(check, observed) for check, observed in checks)
    title = html.escape(f"Validation of {raw.name}")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>sha256 {raw.sha256}</p>"
        f'<p class="{verdict.value}">{verdict.value}</p>'
        f"<table><tr><th>Check</th><th>Verdict</th><th>What was found</th></tr>{rows}</table></body></html>"
    )
    return page.encode()


def _row(check: Check, observed: Mapping[str, object]) -> str:
    more = ""
    if observed:
        text = html.escape(json.dumps(observed, indent=1, sort_keys=True, default=str))
        more = f"<details><summary>observed</summary><pre>{text}</pre></details>"
    return (
        f"<tr><td>{html.escape(check.name)}</td><td class={check.verdict.value!r}>{check.verdict.value}</td>"
        f"<td>{html.escape(check.detail)}{more}</td></tr>"
    )
