"""`train` of a spec: which model, its search, its budget, and training against attacks."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from assay.spec.part import ClassPath, Fraction, Name, Part, Positive


class SearchRange(Part):
    """A range for random search and ASHA; `log` draws uniformly in the logarithm."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        return self


class BudgetSpec(Part):
    """Ends the search cleanly; whichever comes first."""

    trials: Positive = 1
    seconds: Positive = 3600
    gpu_hours: Annotated[float, Field(ge=0)] = 0.0


class ResourceSpec(Part):
    """Of one trial."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    gpus: Annotated[float, Field(ge=0)] = 0.0


class RobustSpec(Part):
    """Adversarial training in model space [0, 1]. pgd: Madry et al. 2018; fgsm_rs: Wong et al. 2020."""

    method: Literal["none", "fgsm_rs", "pgd"] = "none"
    norm: Literal["linf"] = "linf"
    epsilon: Fraction = 0.0
    steps: Positive = 7
    warmup: Fraction = Field(default=0.4, description="share of the epochs over which epsilon grows from 0")

    @model_validator(mode="after")
    def _has_epsilon(self) -> Self:
        if self.method != "none" and self.epsilon == 0:
            raise ValueError(f"robust training with {self.method} needs an `epsilon` above 0")
        return self


class TrainSpec(Part):
    """How the candidate is made. `models`: further roles, e.g. teacher -> class path."""

    model: ClassPath
    executor: Literal["train", "grid", "random", "asha"] | ClassPath = "train"
    models: dict[Name, ClassPath] = Field(default={})
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="fixed keyword parameters of train_function"
    )
    search: dict[str, SearchRange | list[JsonValue]] = Field(
        default_factory=dict, description="values or ranges to search"
    )
    metric: str = "accuracy"
    mode: Literal["max", "min"] = "max"
    budget: BudgetSpec = BudgetSpec()
    resources: ResourceSpec = ResourceSpec()
    robust: RobustSpec = RobustSpec()
    seed: int = 0
    pool: str = "training"
