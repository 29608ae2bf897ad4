"""Mails: what is read of them, and that the exported graph says exactly what the model says."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import SpecError
from assay.inference import OnnxModel
from assay.sdk import Rows, TrainingContext
from models.spam import SpamCollector, SpamModel, delivery_time, mail_text

TEXTS = [
    "Re: lunch\nsee you at noon in the canteen", "FREE offer\nbuy NOW cheap pills online", "minutes\nthe meeting notes",
    "WIN money\nFREE FREE FREE click now", "patch\nthe build fails at noon", "cheap loans\nbuy now and WIN",
]  # fmt: skip
LABELS = [0, 1, 0, 1, 0, 1]


def rows() -> Rows:
    texts = np.array(TEXTS * 3, dtype=object)
    return Rows(texts, np.array(LABELS * 3, np.int64), tuple(map(str, range(len(texts)))))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SpamModel:
    fitted = SpamModel()
    data = rows()
    context = TrainingContext(0, tmp_path_factory.mktemp("w"), lambda metrics, checkpoint: None, data, 2)
    fitted.train_function(data, context, min_mails=1)
    return fitted


@pytest.fixture(scope="module")
def served(model: SpamModel, tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    model.export_function(path)
    return OnnxModel(path.read_bytes(), "spam")


def test_learns_what_it_was_shown(model: SpamModel) -> None:
    assert (model.predict_function(rows().inputs).argmax(1) == rows().labels).all()


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text() | st.sampled_from(TEXTS).map(lambda t: t + "\0é" + t.upper()), min_size=1, max_size=5))
def test_graph_answers_as_the_model_for_any_text(model: SpamModel, served: OnnxModel, texts: list[str]) -> None:
    inputs = np.array([text.encode("utf-8", "replace").decode() for text in texts], dtype=object)
    answers = served.predict(inputs)
    np.testing.assert_allclose(answers.probabilities, model.predict_function(inputs), atol=1e-5)


def test_saved_model_answers_as_before_and_holds_no_pickle(model: SpamModel, tmp_path: Path) -> None:
    model.save_function(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    restored = SpamModel()
    restored.load_function(tmp_path)
    np.testing.assert_array_equal(restored.predict_function(rows().inputs), model.predict_function(rows().inputs))


MAIL = b"""From someone@example.com  Thu Aug 22 13:52:59 2002
Date: Mon, 01 Jan 1990 00:00:00
Subject: hello
\tfolded line

body \xe9 with\0a NUL
"""


def write_mails(folder: Path) -> None:
    for name, day in (
        ("spam-1/00002.b", b"Jun 03"),
        ("easy-ham-1/00001.a", b"Jul 30"),
        ("easy-ham-1/00003.c", b"Aug 01"),
    ):
        path = folder / "data" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAIL.replace(b"Aug 22", day))
    (folder / "data/spam-1/00009.d.txt").write_bytes(MAIL.partition(b"\n")[2])


def test_delivery_time_is_the_mail_servers_not_the_senders() -> None:
    assert delivery_time(MAIL) == datetime(2002, 8, 22, 13, 52, 59, tzinfo=UTC)
    assert delivery_time(MAIL.partition(b"\n")[2]) is None


def test_text_is_subject_and_body_without_headers_or_nul() -> None:
    assert mail_text(MAIL) == "hello\n\tfolded line\nbody � with a NUL\n"


def test_mails_of_the_days_come_in_order_of_delivery(tmp_path: Path) -> None:
    write_mails(tmp_path)
    (batch,) = SpamCollector().rows_function(tmp_path)
    assert batch["row_id"].to_pylist() == ["spam-1/00002.b", "easy-ham-1/00001.a"]
    assert batch["label"].to_pylist() == [1, 0]


def test_days_without_mails_are_said(tmp_path: Path) -> None:
    write_mails(tmp_path)
    with pytest.raises(SpecError, match="2003-01-01"):
        list(SpamCollector(after="2003-01-01", before="2003-02-01").rows_function(tmp_path))
