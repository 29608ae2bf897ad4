"""The pipeline spec: what a YAML file under `include/pipelines/` may say. Every default is the safe choice.

One file a top key, larger parts in files of their own. Only types live here; reading a file with line numbers and
near-misses is `assay.spec_file`.
"""

from assay.spec.approval import ApprovalSpec
from assay.spec.assay import AssaySpec, BackdoorSpec, ExplanationSpec, SensitiveColumn
from assay.spec.data import CollectorSpec, DataSpec, Expectation, HoldoutSpec
from assay.spec.deploy import DeploySpec
from assay.spec.gate import GATE_METRICS, ChallengerRule, FairnessRule, MetricRule
from assay.spec.monitor import MonitorSpec, RetrainSpec, WindowSpec
from assay.spec.pipeline import PipelineSpec
from assay.spec.privacy import ExtractionSpec, MembershipSpec, PrivacySpec
from assay.spec.screen import RAY_ABOVE_ROWS, ScreenSpec
from assay.spec.sources import AnySource, CapturedSource, HttpSource, PackageSource, PathSource, S3Source, SqlSource
from assay.spec.threats import AnyThreat, FeatureThreat, ThreatModel, WordThreat
from assay.spec.train import BudgetSpec, ResourceSpec, RobustSpec, SearchRange, TrainSpec

__all__ = [
    "GATE_METRICS",
    "RAY_ABOVE_ROWS",
    "AnySource",
    "AnyThreat",
    "ApprovalSpec",
    "AssaySpec",
    "BackdoorSpec",
    "BudgetSpec",
    "CapturedSource",
    "ChallengerRule",
    "CollectorSpec",
    "DataSpec",
    "DeploySpec",
    "Expectation",
    "ExplanationSpec",
    "ExtractionSpec",
    "FairnessRule",
    "FeatureThreat",
    "HoldoutSpec",
    "HttpSource",
    "MembershipSpec",
    "MetricRule",
    "MonitorSpec",
    "PackageSource",
    "PathSource",
    "PipelineSpec",
    "PrivacySpec",
    "ResourceSpec",
    "RetrainSpec",
    "RobustSpec",
    "S3Source",
    "ScreenSpec",
    "SearchRange",
    "SensitiveColumn",
    "SqlSource",
    "ThreatModel",
    "TrainSpec",
    "WindowSpec",
    "WordThreat",
]
