"""One page on one model version: what it is for, what was tested, what failed, what was not checked, who decided.

Every number is a signed statement's, or worked out from a file that one cites by digest.
"""

import json
from pathlib import Path

from assay.json_types import JsonObject
from assay.records import Step, Subject
from assay.spec import PipelineSpec
from assay.workbench import Workbench
from tasks.reporting.blocks import Section
from tasks.reporting.document import report_document
from tasks.reporting.fact import Fact
from tasks.reporting.first_page import first_page
from tasks.reporting.model_story import model_story
from tasks.reporting.proof import chain_section, checks_section, decision_section, making_section
from tasks.reporting.sections.evasion import Read
from tasks.reporting.sections.examined import examined_sections, screen_section

_TEMPLATE = Path(__file__).with_name("report.html.jinja")


def make_report(
    bench: Workbench,
    model: Subject,
    spec: PipelineSpec | None = None,
    version: int | None = None,
    *,
    up_to_gate: bool = False,
) -> bytes:
    """HTML of one self-contained page. The same statements and spec give the same bytes.

    spec: says what the model is for, where no statement does. version: the one that is being registered, while no
    statement says so yet. up_to_gate: as those see it who are asked to approve. Raises SpecError when no statement
    speaks of `model`, IntegrityError when a signature or a cited file does not hold.
    """
    story = model_story(bench.ledger, model, up_to_gate=up_to_gate)
    document = report_document(story, bench.store, spec, version)
    return render(document, bench.store.read)


def render(document: JsonObject, read: Read) -> bytes:
    """The page of a report's document. read: a stored file's bytes, verified."""
    import jinja2

    told = Fact(json.loads(json.dumps(document)))
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    page = template.render(first=first_page(told), sections=_sections(told, read), data=_inert(document))
    return page.encode()


def _sections(document: Fact, read: Read) -> list[Section]:
    assay, screen = (document.at("statements", step.value, "report", "facts") for step in (Step.ASSAY, Step.SCREEN))
    examined = examined_sections(assay, document.at("derived"), read) if assay.items() else []
    screened = [screen_section(screen)] if screen.at("rows").is_there else []
    proof = [making_section(document), checks_section(document), chain_section(document)]
    return [section for section in (decision_section(document), *examined, *screened, *proof) if section.blocks]


def _inert(document: JsonObject) -> str:
    """JSON that cannot end the element it stands in."""
    from markupsafe import Markup

    text = json.dumps(document, sort_keys=True, ensure_ascii=True, allow_nan=False)
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704 - no character that HTML knows is left in it
