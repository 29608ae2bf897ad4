"""The pipeline spec: what a YAML file under `include/pipelines/` may say. Every default is the safe choice.

Only types live here; reading a file with line numbers and near-misses is `assay.spec_file`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, StringConstraints, Tag, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ClassPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]

RAY_ABOVE_ROWS = 1_000_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- data -------------------------------------------------------------------------------------------


class PathSource(_Part):
    """Files under a local folder (or one file)."""

    source: Literal["path"]
    path: str
    files: str = Field(default="**/*", description="glob below `path`")


class S3Source(_Part):
    """Objects under a prefix of the configured S3."""

    source: Literal["s3"]
    url: Annotated[str, StringConstraints(pattern=r"^s3://[^/]+(/.*)?$")]
    files: str = "*"


class HttpSource(_Part):
    """One file by URL; the checksum is not optional."""

    source: Literal["http"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    sha256: Sha256


class PackageSource(_Part):
    """Files inside a Python or npm package, through the ordinary client, or `installed` in this environment."""

    source: Literal["pypi", "npm", "installed"]
    package: str
    version: str = Field(default="", description="exact version; required for pypi and npm")
    sha256: dict[str, Sha256] = Field(default_factory=dict, description="file inside the package -> checksum")
    files: str = Field(default="*", description="glob inside the package")

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.source != "installed" and not self.version:
            raise ValueError(f"a {self.source} package needs an exact `version`")
        return self


class SqlSource(_Part):
    """One query; `connection` names an environment variable that holds the SQLAlchemy URL."""

    source: Literal["sql"]
    connection: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
    query: str


class CapturedSource(_Part):
    """Rows this pipeline's deployment answered and that people labelled since."""

    source: Literal["captured"]


AnySource = Annotated[
    PathSource | S3Source | HttpSource | PackageSource | SqlSource | CapturedSource, Field(discriminator="source")
]


class CollectorSpec(_Part):
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


class HoldoutSpec(_Part):
    """The frozen trusted holdout: a row's side depends on its content only, so it never changes."""

    fraction: Fraction = 0.2
    salt: str = "assay"


class Expectation(_Part):
    """One Great Expectations expectation by its snake-case name, with its arguments."""

    expect: Annotated[str, StringConstraints(pattern=r"^expect_[a-z_]+$")]
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    severity: Literal["critical", "warning"] = "critical"


class ScreenSpec(_Part):
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


class DataSpec(_Part):
    """Which data, how it is read, which part is held out, and what it must satisfy."""

    collector: CollectorSpec
    loader: Literal["image", "tabular", "text"] | ClassPath | None = Field(
        default=None, description="none: by the collector's kind"
    )
    holdout: HoldoutSpec = HoldoutSpec()
    trusted: list[AnySource] = Field(
        default=[], description="rows a person vouches for, read as the collector reads; the screen judges by them"
    )
    expectations: list[Expectation] = []
    max_class_shift: Fraction = Field(
        default=0.25, description="largest change of a class's share against the previous trusted version"
    )
    time: str = Field(default="", description="column of moments; a column whose values jump at a date is refused")
    known_predictors: list[str] = Field(
        default=[], description="columns that may tell the label alone; any other that does counts as leakage"
    )
    screen: ScreenSpec = ScreenSpec()


# --- train ------------------------------------------------------------------------------------------


class SearchRange(_Part):
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


class BudgetSpec(_Part):
    """Ends the search cleanly; whichever comes first."""

    trials: Positive = 1
    seconds: Positive = 3600
    gpu_hours: Annotated[float, Field(ge=0)] = 0.0


class ResourceSpec(_Part):
    """Of one trial."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    gpus: Annotated[float, Field(ge=0)] = 0.0


class RobustSpec(_Part):
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


class TrainSpec(_Part):
    """How the candidate is made. `models`: further roles, e.g. teacher -> class path."""

    model: ClassPath
    executor: Literal["train", "grid", "random", "asha"] | ClassPath = "train"
    models: dict[Name, ClassPath] = {}
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


# --- assay, gate, approval ----------------------------------------------------------------------------


class ThreatModel(_Part):
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


class SensitiveColumn(_Part):
    """A column whose groups should fare alike: words and at most ten numbers by value, more numbers in quartiles."""

    column: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="a column of the dataset, best one of `data.collector.aside`"
    )
    positive: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="index of the class that is good to get; none: class 1 of two"
    )


class WordThreat(_Part):
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


class FeatureThreat(_Part):
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


class MembershipSpec(_Part):
    """Can one tell who was in the training data? Likelihood ratios against reference models (Carlini et al. 2022)."""

    reference_models: Annotated[int, Field(ge=4)] = 16
    seconds: Positive = Field(default=900, description="for training reference models; too few is not_checked")
    samples: Positive = Field(default=2000, description="members and as many others, at most")


class ExtractionSpec(_Part):
    """How well a copy trained on the model's answers agrees with it, by the number of questions asked."""

    queries: list[Positive] = Field(default=[100, 1000, 5000], min_length=1)


class PrivacySpec(_Part):
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


class BackdoorSpec(_Part):
    """Triggers are sought that make any row one class; a class that needs far less than the others is suspect."""

    samples: Positive = Field(default=512, description="sound rows the search works with; 2,000 train its twins")
    seconds: Positive = 600


class ExplanationSpec(_Part):
    """Which inputs the model's answers rest on, and whether that is what the champion's rest on."""

    samples: Positive = 200


class AssaySpec(_Part):
    """What the finished model is examined for, besides its clean metrics. What is not named is told as not checked.

    corruption: images also under noise, blur, weather and compression (Hendrycks & Dietterich 2019). stress: odd,
    extreme and broken inputs, latency and memory by batch size.
    """

    threat_models: list[AnyThreat] = []
    corruption: bool = False
    privacy: PrivacySpec | None = None
    backdoors: BackdoorSpec | None = None
    fairness: list[SensitiveColumn] = []
    explanations: ExplanationSpec | None = None
    stress: bool = True
    scan: bool = True


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


class MetricRule(_Part):
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


class FairnessRule(_Part):
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


class ChallengerRule(_Part):
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


class ApprovalSpec(_Part):
    """Named people who must approve before registration; whoever asked for the run is none of them, silence rejects."""

    approvers: list[str] = Field(default=[], description="people, by the name under which they log in to Airflow")
    roles: dict[str, list[str]] = Field(
        default={}, description="role: its people; of each role somebody must approve, as one of the quorum"
    )
    quorum: Positive = Field(default=1, description="how many of all these people must approve")
    timeout_minutes: Positive = Field(default=1440, description="for all answers, counted from the gate's decision")
    valid_hours: Positive = Field(default=24, description="an answer older than this counts no more")

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who may answer, once each."""
        return tuple(dict.fromkeys([*self.approvers, *(one for people in self.roles.values() for one in people)]))

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.people and self.quorum > len(self.people):
            raise ValueError(f"`quorum: {self.quorum}` of {len(self.people)} people; name more people or ask fewer")
        if not self.people and (self.quorum > 1 or self.roles):
            raise ValueError("expected `approvers` or people in every role, found nobody; name them")
        if empty := [role for role, people in self.roles.items() if not people]:
            raise ValueError(f"role {empty[0]!r} has no people; name them or leave it out")
        return self


class DeploySpec(_Part):
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


class WindowSpec(_Part):
    """The newest rows that are judged together."""

    rows: Positive = 500


class RetrainSpec(_Part):
    """Retraining is an attack surface: enough samples, pauses between, at most so many a day."""

    alarms: list[Literal["features", "predictions", "performance"]] = Field(
        default=["features", "predictions", "performance"], min_length=1, description="detectors whose alarm retrains"
    )
    min_samples: Positive = 200
    cooldown_minutes: Annotated[int, Field(ge=0)] = 60
    max_per_day: Positive = 4


class MonitorSpec(_Part):
    """When served traffic is judged, by what, and what counts as drift."""

    schedule: str | None = Field(default="*/15 * * * *", description="cron of the watch DAG; null: only by hand")
    window: WindowSpec = WindowSpec()
    detectors: list[Literal["features", "predictions", "performance"]] = ["features", "predictions", "performance"]
    significance: Fraction = 0.01
    effect: Annotated[float, Field(ge=0)] = Field(default=0.2, description="smallest effect size that alarms")
    max_accuracy_loss: Fraction = 0.05
    retrain: RetrainSpec | None = RetrainSpec()


class PipelineSpec(_Part):
    """One model's life. `name` equals the file's stem; four keys suffice, the rest has safe defaults."""

    name: Name
    owner: str = ""
    description: str = ""
    schedule: str | None = Field(default=None, description="cron; null: only by hand or by drift")
    priority: Annotated[int, Field(ge=1, le=100)] = 1
    data: DataSpec
    train: TrainSpec
    assay: AssaySpec = AssaySpec()
    gate: list[MetricRule | FairnessRule | ChallengerRule] = [ChallengerRule(challenger="accuracy")]
    approval: ApprovalSpec = ApprovalSpec()
    deploy: DeploySpec = DeploySpec()
    monitor: MonitorSpec = MonitorSpec()
    max_evidence_age_hours: Positive = 24
