"""Every error Assay raises on purpose; the family says what the caller can do.

Messages name what went wrong, what was expected, what was found and the next step.
"""


class AssayError(Exception):
    """Root of all errors raised on purpose. `exit_code` is what the CLI ends with."""

    exit_code = 1


class SpecError(AssayError):
    """Bad input, usage or spec: the caller mends the input and tries again. Nothing was written."""

    exit_code = 2


class NothingServed(SpecError):
    """No deployment of the pipeline serves. A fault when a person asked, none when a schedule did."""


class IntegrityError(AssayError):
    """A digest, signature or proof does not hold: treat it as tampering, never retry."""

    exit_code = 3


class PolicyViolation(AssayError):
    """A verdict says no: a rule refused, on evidence that is itself intact."""

    exit_code = 3


class EngineUnavailable(AssayError):
    """An engine (database, object store, registry, server) does not answer: retry or restart it."""

    exit_code = 1
