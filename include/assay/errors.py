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
    """A digest, signature or proof does not hold: treat it as tampering, never retry.

    kind: what was done, in the words of `assay audit verify`; of an object outside the ledger always `edited`.
    """

    exit_code = 3

    def __init__(self, message: str, kind: str = "edited") -> None:
        super().__init__(message)
        self.kind = kind


class PolicyViolation(AssayError):
    """A verdict says no: a rule refused, on evidence that is itself intact."""

    exit_code = 3


class EngineUnavailable(AssayError):
    """An engine (database, object store, registry, server) does not answer: retry or restart it."""

    exit_code = 1


class SourceUnreachable(EngineUnavailable):
    """A source that the spec names does not answer: worth a retry, and in the end an input to mend."""

    exit_code = 2


def family_of(text: str) -> tuple[type[AssayError] | None, str]:
    """The family that an error's text begins with, and the text from there on; (None, text) for any other.

    Airflow reports an error as `TYPE: MESSAGE`, behind the name of its own exception where a retry is ruled out.
    """
    rest = text.removeprefix("AirflowFailException: ")
    name = rest.partition(":")[0]
    family = next((family for family in _all_families(AssayError) if family.__name__ == name), None)
    return family, rest if family else text


def _all_families(root: type[AssayError]) -> list[type[AssayError]]:
    return [root, *(below for child in root.__subclasses__() for below in _all_families(child))]
