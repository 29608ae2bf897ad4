"""`assay` of a spec: what the finished model is examined for."""

from typing import Annotated

from pydantic import Field, StringConstraints

from assay.spec.part import Part, Positive
from assay.spec.privacy import PrivacySpec
from assay.spec.threats import AnyThreat


class SensitiveColumn(Part):
    """A column whose groups should fare alike: words and at most ten numbers by value, more numbers in quartiles."""

    column: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="a column of the dataset, best one of `data.collector.aside`"
    )
    positive: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="index of the class that is good to get; none: class 1 of two"
    )


class BackdoorSpec(Part):
    """Triggers are sought that make any row one class; a class that needs far less than the others is suspect."""

    samples: Positive = Field(default=512, description="sound rows the search works with; 2,000 train its twins")
    seconds: Positive = 600


class ExplanationSpec(Part):
    """Which inputs the model's answers rest on, and whether that is what the champion's rest on."""

    samples: Positive = 200


class AssaySpec(Part):
    """What the finished model is examined for, besides its clean metrics. What is not named is told as not checked.

    corruption: images also under noise, blur, weather and compression (Hendrycks & Dietterich 2019). stress: odd,
    extreme and broken inputs, latency and memory by batch size.
    """

    threat_models: list[AnyThreat] = Field(default=[])
    corruption: bool = False
    privacy: PrivacySpec | None = None
    backdoors: BackdoorSpec | None = None
    fairness: list[SensitiveColumn] = Field(default=[])
    explanations: ExplanationSpec | None = None
    stress: bool = True
    scan: bool = True
