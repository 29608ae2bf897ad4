"""`import assay` is what every script and DAG pays for."""

import subprocess
import sys

import pytest

import assay

_PROBE = """
import sys, time
started = time.perf_counter()
import assay
seconds = time.perf_counter() - started
heavy = {"torch", "ray", "mlflow", "airflow", "pandas", "numpy", "onnxruntime"} & set(sys.modules)
assert not heavy, heavy
assert seconds < 0.5, seconds
"""


def test_import_is_quick_and_brings_in_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", _PROBE], check=True)


def test_sdk_contracts_load_nothing_heavy_either() -> None:
    names = "TrainableModel, GradientModel, DatasetLoader, Collector, Executor, Rows, Range, load_model"
    probe = f"import sys; from assay import {names}; assert not {{'torch', 'mlflow', 'ray'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", probe], check=True)


@pytest.mark.parametrize("name", assay.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(assay, name).__module__.startswith("assay.")


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = assay.nothing  # type: ignore[attr-defined]
