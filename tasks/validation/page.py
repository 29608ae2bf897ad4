"""The validation as one page for people, which needs nothing from elsewhere."""

import html
import json
from collections.abc import Iterable, Mapping

from assay.json_types import Json
from assay.records import Check, Verdict

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; width: 100% } td, th { padding: .4rem .6rem; text-align: left; vertical-align: top }
tr { border-bottom: 1px solid #ddd } .passed { color: #0a6b2d } .failed { color: #b00020; font-weight: 600 }
.not_checked { color: #7a5b00 } code { font-size: .85em } pre { overflow: auto; background: #f6f6f6; padding: 1rem }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e6e6e6 } tr { border-color: #333 }
.passed { color: #6fd28f } .failed { color: #ff8a95 } .not_checked { color: #e2c15a } pre { background: #22252b } }
"""


def validation_page(
    title: str, digest: str, verdict: Verdict, checks: Iterable[Check], raw: Mapping[str, Json]
) -> bytes:
    """Self-contained HTML: verdict, one row a check, and the engine's own result below."""
    rows = "".join(_row(check) for check in checks)
    details = html.escape(json.dumps(raw, indent=1, ensure_ascii=False, default=str))
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
<p>Version <code>{html.escape(digest)}</code>: <span class="{verdict.value}">{verdict.value}</span></p>
<table><thead><tr><th>Check</th><th>Verdict</th><th>Found</th><th>Measured</th><th>Bound</th></tr></thead>
<tbody>{rows}</tbody></table>
<details><summary>Great Expectations' result</summary><pre>{details}</pre></details>
</body></html>
"""
    return page.encode()


def _row(check: Check) -> str:
    numbers = ("" if number is None else f"{number:g}" for number in (check.measured, check.threshold))
    cells = "".join(f"<td>{html.escape(text)}</td>" for text in (check.detail, *numbers))
    verdict = f'<td class="{check.verdict.value}">{check.verdict.value}</td>'
    return f"<tr><td>{html.escape(check.name)}</td>{verdict}{cells}</tr>"
