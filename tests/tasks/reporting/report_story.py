"""What an examination of everything says: one of each, in the shapes that the examinations write."""

import io
from typing import Any

import numpy as np


def pictures(rows: int = 3) -> bytes:
    """Images of an attack, as the examination stores them."""
    sink = io.BytesIO()
    images = np.random.default_rng(0).integers(0, 256, (rows, 1, 8, 8)).astype(np.uint8)
    np.savez_compressed(
        sink,
        original=images,
        adversarial=255 - images,
        label=np.arange(rows),
        before=np.arange(rows),
        after=np.arange(rows)[::-1],
        row_id=np.array([f"<row {at}>" for at in range(rows)]),
    )
    return sink.getvalue()


def threat(examples: Any) -> dict[str, Any]:
    return {
        "norm": "linf",
        "epsilon": 0.1,
        "suite": "quick",
        "samples": 150,
        "clean_accuracy": 0.97,
        "robust_accuracy": 0.4321,
        "robust_accuracy_onnx": 0.4321,
        "ci95": [0.35, 0.51],
        "seconds": 1.5,
        "attacks": [
            {"name": "apgd-ce", "robust_accuracy": 0.5, "attacked": 146, "fell": 70, "seconds": 0.75},
            {"name": "square", "robust_accuracy": 0.4321, "attacked": 75, "fell": 10, "seconds": 0.5},
        ],
        "curve": [{"epsilon": 0.0, "robust_accuracy": 0.97}, {"epsilon": 0.1, "robust_accuracy": 0.4321}],
        "confusion": {"clean": [[70, 5], [3, 72]], "attacked": [[30, 45], [40, 35]]},
        "examples": examples,
    }


def shares(value: float) -> dict[str, Any]:
    return {"value": value, "ci95": [value - 0.01, value + 0.01]}


def trigger(target: int, score: float) -> dict[str, Any]:
    form = {"size": 41.5 * score, "natural": 41.5, "success": 0.97}
    return {"class": target, "source": None, "score": score, "patch": form, "overlay": {**form, "size": 3.25}}


def masks() -> bytes:
    """A planted trigger, as the examination stores it."""
    sink = io.BytesIO()
    corner = np.zeros((8, 8), np.float32)
    corner[6:, 6:] = 1
    np.savez_compressed(sink, patch_mask=corner, patch_added=corner[None], overlay_mask=corner, overlay_added=corner)
    return sink.getvalue()


def every_fact(planted: str) -> dict[str, Any]:
    """All but evasion. planted: digest of `masks` in the store."""
    rates = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")
    attack = {
        "true_positive_rates": {"0.001": shares(0.0234), "0.01": shares(0.0567)},
        "auc": shares(0.6123),
        "curve": [[0.001, 0.0234], [0.01, 0.0567], [0.1, 0.25], [1.0, 1.0]],
    }
    groups = [
        {"group": name, "rows": 100, "positives": 40, "negatives": 60, **{rate: shares(0.5) for rate in rates}}
        for name in ("f", "m")
    ]
    return {
        "rows": 200,
        "class_recall": [0.91, None],
        "class_prior": [0.5, 0.5],
        "corruption": {
            "mean_accuracy": 0.8123,
            "ci95": [0.8, 0.82],
            "rows": 200,
            "by": [
                {"name": kind, "severity": severity, "accuracy": 0.9 - 0.05 * severity}
                for kind in ("fog", "motion_blur")
                for severity in (1, 2, 3)
            ],
        },
        "calibration": {
            "error": 0.0321,
            "bins": [
                {"confidence": 0.7, "accuracy": 0.65, "ci95": [0.5, 0.8], "rows": 20},
                {"confidence": 0.95, "accuracy": 0.97, "ci95": [0.9, 1], "rows": 180},
            ],
        },
        "fairness": {
            "sex": {
                "positive": 1,
                "missing": 3,
                "groups": groups,
                "measures": {
                    "selection_rate_ratio": {**shares(0.8765), "lowest": "f 0.4", "highest": "m 0.5"},
                    "true_positive_rate_ratio": {"problem": "needs 30 positives in every group: f has 12"},
                },
            },
            "race": {"positive": 1, "problem": "the rows have no column 'race'"},
        },
        "slices": {
            "tested": 42,
            "skipped": [],
            "worst": [
                {
                    "slice": ["age > 48", "sex = f"],
                    "rows": 55,
                    "errors": 22,
                    "error": 0.4,
                    "ci95": [0.28, 0.53],
                    "p": 0.0012,
                    "words": "age > 48 and sex = f",
                }
            ],
        },
        "privacy": {
            "membership": {
                "samples": {"members": 500, "others": 480},
                "reference_models": attack,
                "labels_alone": {"problem": "the budget paid for nothing", "seconds": 2.5},
            },
            "extraction": {
                "judged_rows": 90,
                "copies": [
                    {
                        "queries": queries,
                        "rows": 90,
                        "by_probabilities": shares(value),
                        "by_labels": shares(value - 0.02),
                        "by_truth": shares(0.7),
                    }
                    for queries, value in ((100, 0.81), (1000, 0.9234))
                ],
            },
            "attributes": {
                "race": {
                    "rows": 200,
                    "without_answers": 0.5,
                    "with_answers": 0.62,
                    "advantage": 0.12,
                    "ci95": [0.05, 0.19],
                }
            },
            "notes": ["canaries: training planted none, what the model remembers word for word is not known"],
        },
        "backdoors": {
            "classes": [trigger(0, 0.98), trigger(1, 0.12), {**trigger(2, 0.42), "transfer": 0.8125}],
            "pairs": [{**trigger(1, 0.35), "source": 0}, {**trigger(2, 0.29), "source": 1, "transfer": 0.9375}],
            "planted": [{**trigger(1, 0.12), "pictures": planted}],
            "bounds": {"class": 0.45, "pair": 0.3, "transfer": 0.35},
            "twins_of_same_layers": True,
        },
        "explanations": {
            "method": "sampled Shapley values",
            "samples": 200,
            "columns": [
                {"feature": "age", "importance": 0.61, "interval": [0.55, 0.66]},
                {"feature": "hours", "importance": 0.22, "interval": [0.2, 0.25]},
            ],
            "words": {"1": [{"word": "winner", "weight": 0.31, "texts": 12}]},
            "by_class": {"0": {"age": 0.0456, "hours": -0.0123}},
            "concentration": {"input": "age", "share": 0.6123, "note": "one input decides"},
            "map": [[0.1 * (row + column) for column in range(6)] for row in range(6)],
        },
        "stress": {
            "speed": [
                {"batch": 1, "p50_ms": 0.31, "p95_ms": 0.44, "p99_ms": 0.52, "memory_mb": 1.25},
                {"batch": 64, "p50_ms": 2.2, "p95_ms": 3.3, "p99_ms": 4.1, "memory_mb": 8.5},
            ],
            "values": {"NaN everywhere": "answers NaN", "zeros": "answers"},
            "shapes": {"no rows": "refused: expected a row"},
            "alike": {"alone or among others": 0.0000012},
            "canaries": {"overflows": "seen"},
            "problem": "too many questions ended the process",
        },
        "supply_chain": {
            "sbom": "ab" * 32,
            "components": 371,
            "lock": {"problem": "no lock"},
            "files": {"checked": 12},
        },
        "not_examined": {"weather": "what rain does"},
    }
