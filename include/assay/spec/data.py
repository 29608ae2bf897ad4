"""`data` of a spec: which rows, how they are read, which are held out, and what they must satisfy."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from assay.spec.part import ClassPath, Fraction, Part
from assay.spec.screen import ScreenSpec
from assay.spec.sources import AnySource


class CollectorSpec(Part):
    """Where rows come from and who parses them.

    reader: `csv`, `parquet`, `npz`, `idx`, or the class path of a Collector of your own.
    """

    sources: list[AnySource] = Field(min_length=1)
    reader: Literal["csv", "parquet", "npz", "idx"] | ClassPath = "parquet"
    kind: Literal["image", "tabular", "text"] = "tabular"
    label: str = "label"
    row_id: str = Field(default="", description="column with stable ids; empty: hash of the row's content")
    source: str = Field(
        default="", description="column that says who or what a row came from, such as an annotator; no model input"
    )
    entity: str = Field(
        default="", description="column that says whom or what a row is about; one entity never stands on both sides"
    )
    aside: list[str] = Field(
        default=[], description="columns kept with the rows for the examination, such as sex or race; no model inputs"
    )
    options: dict[str, JsonValue] = Field(default_factory=dict, description="passed to your Collector's constructor")


class HoldoutSpec(Part):
    """The frozen trusted holdout: a row's side depends on its content only, so it never changes."""

    fraction: Fraction = 0.2
    salt: str = "assay"


class Expectation(Part):
    """One Great Expectations expectation by its snake-case name, with its arguments."""

    expect: Annotated[str, StringConstraints(pattern=r"^expect_[a-z_]+$")]
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    severity: Literal["critical", "warning"] = "critical"


class DataSpec(Part):
    """Which data, how it is read, which part is held out, and what it must satisfy."""

    collector: CollectorSpec
    loader: Literal["image", "tabular", "text"] | ClassPath | None = Field(
        default=None, description="none: by the collector's kind"
    )
    holdout: HoldoutSpec = HoldoutSpec()
    trusted: list[AnySource] = Field(
        default=[], description="rows a person vouches for, read as the collector reads; the screen judges by them"
    )
    expectations: list[Expectation] = Field(default=[])
    max_class_shift: Fraction = Field(
        default=0.25, description="largest change of a class's share against the previous trusted version"
    )
    time: str = Field(default="", description="column of moments; a column whose values jump at a date is refused")
    known_predictors: list[str] = Field(
        default=[], description="columns that may tell the label alone; any other that does counts as leakage"
    )
    screen: ScreenSpec = ScreenSpec()
