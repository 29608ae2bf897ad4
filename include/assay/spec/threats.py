"""`assay.threat_models` of a spec: what an attacker may do to an input, told apart by the key `norm`."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from assay.spec.part import Part, Positive


class ThreatModel(Part):
    """What an attacker may do to an input, in model space [0, 1], and how hard the model is tried.

    suite: `pgd`, projected gradients with restarts (Madry et al. 2018), for linf alone; `standard`, the AutoAttack
    protocol (Croce & Hein 2020); `quick`, our own order in a quarter of its time; `full`, with restarts.
    """

    norm: Literal["linf", "l2"] = "linf"
    epsilon: Annotated[float, Field(gt=0)]
    suite: Literal["pgd", "quick", "standard", "full"] = "pgd"
    steps: Positive = Field(default=40, description="of `pgd`")
    restarts: Positive = Field(default=5, description="of `pgd`")
    samples: Positive | None = Field(
        default=None, description="rows attacked at most; none: what tells the gate's bound to 0.02, else 1000"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.norm == "linf" and self.epsilon > 1:
            raise ValueError(f"linf moves every input by at most 1, found `epsilon: {self.epsilon:g}`")
        if self.norm == "l2" and self.suite == "pgd":
            raise ValueError("`suite: pgd` attacks linf alone; choose quick, standard or full for l2")
        return self


class WordThreat(Part):
    """What an attacker may do to a text: rewrite at most a share of its words, so that people still read the same.

    typo, homoglyph: inside a word; delete: the word; insert: words that speak for another class (Lowd & Meek 2005).
    """

    norm: Literal["words"]
    epsilon: Annotated[float, Field(gt=0, le=1)] = Field(default=0.1, description="share of a text's words")
    moves: list[Literal["typo", "homoglyph", "delete", "insert"]] = Field(
        default=["typo", "homoglyph", "delete", "insert"], min_length=1
    )
    queries: Positive = Field(default=1000, description="how often the model may be asked about one text")
    samples: Positive = 500


class FeatureThreat(Part):
    """What an attacker may do to a row of a table: change a few columns, each to a value that the data know.

    Numbers move by a share of the column's range and keep to whole numbers where the data do; words and codes become
    other ones that occur.
    """

    norm: Literal["features"]
    epsilon: Annotated[float, Field(gt=0, le=1)] = Field(default=0.2, description="share of a numeric column's range")
    most: Positive = Field(default=3, description="columns changed at once")
    fixed: list[str] = Field(default=[], description="columns out of the attacker's reach, such as an age")
    queries: Positive = Field(default=1000, description="how often the model may be asked about one row")
    samples: Positive = 500


def _threat_tag(value: object) -> str:
    norm = value.get("norm") if isinstance(value, dict) else getattr(value, "norm", None)
    return {"words": "WordThreat", "features": "FeatureThreat"}.get(str(norm), "ThreatModel")


AnyThreat = Annotated[
    Annotated[ThreatModel, Tag("ThreatModel")]
    | Annotated[WordThreat, Tag("WordThreat")]
    | Annotated[FeatureThreat, Tag("FeatureThreat")],
    Discriminator(_threat_tag),
]
