"""`assay.privacy` of a spec: what is measured of what the model gives away."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from assay.spec.part import Part, Positive


class MembershipSpec(Part):
    """Can one tell who was in the training data? Likelihood ratios against reference models (Carlini et al. 2022)."""

    reference_models: Annotated[int, Field(ge=4)] = 16
    seconds: Positive = Field(default=900, description="for training reference models; too few is not_checked")
    samples: Positive = Field(default=2000, description="members and as many others, at most")


class ExtractionSpec(Part):
    """How well a copy trained on the model's answers agrees with it, by the number of questions asked."""

    queries: list[Positive] = Field(default=[100, 1000, 5000], min_length=1)


class PrivacySpec(Part):
    """What the model gives away: who trained it, itself, and sensitive columns."""

    membership: MembershipSpec | None = None
    extraction: ExtractionSpec | None = None
    attributes: list[str] = Field(default=[], description="columns that answers must not give away, such as race")
    canaries: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="training rows that get a false label, at least 8, to see whether the model learns rows by heart",
    )

    @model_validator(mode="after")
    def _enough_canaries(self) -> Self:
        if 0 < self.canaries < 8:
            raise ValueError(f"{self.canaries} canaries measure nothing; plant at least 8, or none")
        return self
