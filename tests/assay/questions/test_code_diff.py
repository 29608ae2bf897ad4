"""Code is the same or not by what was stated of it, and unknown where that says too little."""

import pytest

from assay.provenance import Provenance
from assay.questions.diff import CodeDiff
from assay.records import Step

CLEAN = Provenance("c0ffee", is_dirty=False, environment="e")
DIRTY = Provenance("c0ffee", is_dirty=True, environment="e")
OTHER = Provenance("decade", is_dirty=False, environment="e")
BARE = Provenance("", is_dirty=False, environment="e")
DIGEST, DIRTY_DIGEST = (Provenance("c0ffee", dirty, "e", code="1") for dirty in (False, True))
OTHER_DIGEST = Provenance("c0ffee", True, "e", code="2")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (CLEAN, CLEAN, True),
        (CLEAN, OTHER, False),
        (CLEAN, DIRTY, None),
        (CLEAN, BARE, None),
        (BARE, BARE, None),
        (CLEAN, None, None),
        (DIGEST, DIRTY_DIGEST, True),
        (DIRTY_DIGEST, OTHER_DIGEST, False),
        (DIGEST, CLEAN, True),
        (DIRTY_DIGEST, CLEAN, None),
    ],
)
def test_code_is_compared_by_its_digest_and_else_by_commit(
    a: Provenance | None, b: Provenance | None, same: bool | None
) -> None:
    assert CodeDiff(Step.TRAIN, a, b).same is same
