"""An answer from the command line goes to the question whose digests the person was shown."""

import pytest

from assay.airflow_api import Question
from assay.approval import Bound
from assay.errors import SpecError
from tasks.approve_command import question_about


def bound(letter: str) -> Bound:
    return Bound(letter * 64, "1" * 64, "2" * 64)


def asked(about: Bound, run: str) -> Question:
    return Question("two.train", run, "approve", f"- model `{about.model}` `{about.policy}` `{about.report}`")


def test_of_two_waiting_runs_the_one_that_was_shown_is_answered() -> None:
    older, newer = asked(bound("a"), "older"), asked(bound("b"), "newer")
    assert question_about(bound("b"), [older, newer]) == newer


def test_a_question_about_another_model_is_not_answered() -> None:
    with pytest.raises(SpecError, match="found 1 that wait, none with these"):
        question_about(bound("b"), [asked(bound("a"), "older")])
