"""Models at every stage of their life, told by real statements."""

from typing import Any

import pytest

from assay.workbench import Workbench
from tests.mlflow_server import mlflow_url
from tests.tasks.promotion_story import Story, make_spec
from tests.tasks.reporting.report_story import every_fact, masks, pictures, threat

__all__ = ["mlflow_url"]


@pytest.fixture
def facts(bench: Workbench) -> dict[str, Any]:
    """One of each examination, in the shapes that the examinations write."""
    return {**every_fact(bench.store.put_bytes(masks())), "evasion": [threat(bench.store.put_bytes(pictures()))]}


@pytest.fixture
def story(bench: Workbench, facts: dict[str, Any]) -> Story:
    """A model that was examined for everything."""
    told = Story(bench, make_spec(description="Tells spam from mail.", owner="mail-team"), 0.3)
    told.facts = facts
    return told.tell()
