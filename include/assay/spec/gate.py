"""`gate` of a spec: the rules of which each may refuse a model."""

from typing import Literal, Self

from pydantic import Field, model_validator

from assay.spec.part import Fraction, Part

# What the assay step measures on the frozen holdout; all lie in [0, 1]. `recall`, `precision`, `f1` and
# `false_positive_rate` are of class 1 when there are two classes, else the mean over classes.
GATE_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "false_positive_rate",
    "robust_accuracy",
    "corruption_accuracy",
    "membership_true_positive_rate",
    "extraction_fidelity",
    "attribute_advantage",
    "attribution_concentration",
    "nan_answer_rate",
)


class MetricRule(Part):
    """Refuse unless the metric, measured on the frozen holdout, reaches `min` (or stays under `max`).

    metric: `accuracy`, `robust_accuracy`, `balanced_accuracy`, `recall`, `false_positive_rate`, …
    confident: judge the unfavourable end of the 95 % interval instead of the point.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    confident: bool = False

    @model_validator(mode="after")
    def _has_bound(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError(f"rule on {self.metric!r} needs `min` or `max`")
        return self


class FairnessRule(Part):
    """Refuse unless the groups of a column that `assay.fairness` declares fare alike on the frozen holdout.

    fairness: `selection_rate_ratio` (demographic parity ratio) and `true_positive_rate_ratio` (equal opportunity),
    lowest group over highest, need `min`; `false_positive_rate_difference` and `accuracy_difference`, highest less
    lowest, need `max`. confident: judge the unfavourable end of the 95 % interval instead of the point.
    """

    fairness: Literal[
        "selection_rate_ratio", "true_positive_rate_ratio", "false_positive_rate_difference", "accuracy_difference"
    ]
    column: str
    min: Fraction | None = None
    max: Fraction | None = None
    confident: bool = False

    @property
    def is_ratio(self) -> bool:
        return self.fairness.endswith("_ratio")

    @model_validator(mode="after")
    def _has_its_bound(self) -> Self:
        wanted, found = (self.min, self.max) if self.is_ratio else (self.max, self.min)
        if wanted is None or found is not None:
            best, bound = ("1", "min") if self.is_ratio else ("0", "max")
            raise ValueError(f"{self.fairness} is best at {best}; give it `{bound}` and no other bound")
        return self


class ChallengerRule(Part):
    """Paired comparison with the serving champion on the same frozen rows (McNemar).

    challenger: the metric compared; `robust_accuracy` under every threat model that both were attacked with.
    rows: `holdout` = every frozen segment, `recent` = the newest segment.
    must: `not_lose` refuses a significant loss beyond `margin`; `beat` demands a significant win.
    """

    challenger: Literal["accuracy", "robust_accuracy"]
    rows: Literal["holdout", "recent"] = "holdout"
    must: Literal["not_lose", "beat"] = "not_lose"
    margin: Fraction = 0.0
    alpha: Fraction = 0.05
    max_loss: Fraction | None = Field(
        default=None, description="refuse as well while the 95 % interval of the difference reaches a larger loss"
    )

    @model_validator(mode="after")
    def _attacked_rows(self) -> Self:
        if self.challenger == "robust_accuracy" and self.rows != "holdout":
            raise ValueError("attacked rows are drawn from the whole holdout; write `rows: holdout`")
        return self
