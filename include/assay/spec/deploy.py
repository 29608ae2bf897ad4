"""`deploy` of a spec: how the approved model is served."""

from typing import Annotated, Literal

from pydantic import Field

from assay.spec.part import Part, Positive


class DeploySpec(Part):
    """How the approved file is served, and how closely the served one must answer like it."""

    gpu: bool = False
    probe_rows: Positive = 64
    max_output_difference: Annotated[float, Field(ge=0)] = 1e-5
    max_export_difference: Annotated[float, Field(ge=0)] = 1e-4
    keep_versions: Positive = 3
    on_quarantine: Literal["report", "cut_out", "retrain"] = Field(
        default="report",
        description="when what serves was made of something declared bad: say so, cut it out, or also train anew",
    )
