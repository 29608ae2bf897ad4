"""`data.screen` of a spec: what the data screen looks for and what it may keep out."""

from typing import Annotated, Literal

from pydantic import Field

from assay.spec.part import Fraction, Part

RAY_ABOVE_ROWS = 1_000_000


class ScreenSpec(Part):
    """What the data screen looks for; `detectors` defaults to all that fit the kind of data.

    `max_quarantined`: above this share the whole version is refused. `false_quarantine_rate`: the share of sound
    rows that may be kept out in error. `cleaning`: what becomes of rows whose only fault is their label.
    """

    enabled: bool = True
    detectors: (
        list[
            Literal[
                "clean_label_triggers",
                "duplicates",
                "feedback",
                "image_triggers",
                "label_issues",
                "near_duplicates",
                "outliers",
                "sources",
                "text_triggers",
            ]
        ]
        | None
    ) = None
    max_quarantined: Fraction = 0.1
    false_quarantine_rate: Fraction = 0.01
    cleaning: Literal["drop", "relabel", "down_weight"] = "drop"
    ray_above_rows: Annotated[int, Field(ge=0)] = Field(
        default=RAY_ABOVE_ROWS, description="rows are read on Ray when there are more; 0: never"
    )
