"""The control map as one self-contained page: nothing is loaded, nothing runs."""

import functools
from importlib.resources import files
from typing import TYPE_CHECKING

from assay.controls.control_map import ControlMap, Standing

if TYPE_CHECKING:
    import jinja2

_MARKS = {
    Standing.EVIDENCED: "good",
    Standing.PARTLY: "unsure",
    Standing.AGAINST: "bad",
    Standing.NOT_EVIDENCED: "none",
}


def render_control_map(found: ControlMap) -> str:
    """HTML, UTF-8. The same statements give the same page."""
    frameworks: dict[str, list[object]] = {}
    for control in found.controls:
        frameworks.setdefault(control.framework, []).append(control)
    return _template().render(model=found.dossier.to_json(), counts=found.counts(), frameworks=frameworks, marks=_MARKS)


@functools.cache
def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((files("assay.controls") / "page.html.jinja").read_text("utf-8"))
