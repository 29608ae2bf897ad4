"""What a scan says of one file: any finding at all refuses it."""

from dataclasses import dataclass
from enum import Enum

from assay.records import Verdict

MAX_FINDINGS = 50
_MAX_DETAIL = 300


class Severity(str, Enum):
    """CRITICAL: code runs or files are read when it is loaded. HIGH: it may. UNREADABLE: nobody can tell."""

    CRITICAL = "critical"
    HIGH = "high"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Finding:
    """rule: a stable name in words with hyphens. detail: what was found, of printable characters only."""

    rule: str
    severity: Severity
    detail: str


@dataclass(frozen=True)
class Judged:
    """format: what the content is, as `gzip(tar)` where it is wrapped; never what the name says."""

    format: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAILED if self.findings else Verdict.PASSED


class Refused(Exception):
    """The content cannot be let through; reading it further makes no sense. Caught where a file's scan ends."""

    def __init__(self, rule: str, detail: str, severity: Severity = Severity.HIGH) -> None:
        super().__init__(detail)
        self.finding = finding(rule, detail, severity)


def finding(rule: str, detail: str, severity: Severity = Severity.HIGH) -> Finding:
    """A finding whose text comes from a hostile file: printable and short."""
    return Finding(rule, severity, printable(detail))


def unreadable(detail: str, rule: str = "unreadable") -> Refused:
    """For content that is broken, cut short or larger than a limit: what cannot be looked at is refused."""
    return Refused(rule, detail, Severity.UNREADABLE)


def printable(text: str) -> str:
    """`text` without control characters, escapes or lone surrogates, at most 300 characters."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: _MAX_DETAIL + 1])
    return shown if len(shown) <= _MAX_DETAIL else shown[: _MAX_DETAIL - 1] + "…"
