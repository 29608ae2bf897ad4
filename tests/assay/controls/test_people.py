"""People count as evidence of oversight only when as many approved as the policy demands, and none said no."""

import contextlib

import pytest

from assay.approval import APPROVE, REJECT
from assay.controls.control_map import control_map
from assay.controls.evidence import Evidence, State
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.questions.dossier import open_dossier
from assay.station import run_station
from assay.workbench import Workbench
from tasks.approve_promotion import Answer, binding_to_ask, judge_answer
from tasks.decide_promotion import decide_promotion
from tests.tasks.promotion_story import Story, make_spec


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"alice": APPROVE}, State.ABSENT),
        ({"alice": APPROVE, "bob": REJECT}, State.AGAINST),
        ({"alice": APPROVE, "mallory": APPROVE, "bob": APPROVE}, State.SHOWN),
    ],
)
def test_only_a_quorum_evidences_that_people_approved(bench: Workbench, answers: dict[str, str], state: State) -> None:
    story = Story(bench, make_spec(approval={"approvers": ["alice", "bob"], "quorum": 2})).tell()
    story.run(decide_promotion)
    bound, _ = binding_to_ask(story.request, bench)
    for person, chosen in answers.items():
        answer = Answer(person, (chosen,), "seen", "")
        run_station(lambda q, b, answer=answer: judge_answer(q, b, answer, bound), story.request, bench)  # type: ignore[misc]
    assert people(story).state is state


def people(story: Story) -> Evidence:
    ledger = story.bench.ledger
    with contextlib.closing(LineageStore.open(story.bench.settings)) as lineage:
        sync_from_ledger(ledger, lineage)
        found = control_map(open_dossier(story.subjects["model"].sha256, ledger, lineage), ledger)
    return next(one for control in found.controls for one in control.evidence if one.key == "people")
