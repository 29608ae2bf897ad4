"""CycloneDX 1.6 documents: the frame around components, and strict validation against the published schema.

The document is a plain dictionary: the library's own classes know no model card and drop one that they read.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from assay.digests import canonical_json, sha256_bytes, sha256_json
from assay.errors import AssayError
from assay.json_types import Json, JsonObject

_SPEC = "1.6"
_NAMESPACE = uuid.UUID("6f0d1f0c-3c5b-5a4e-9d43-2b7a6a1c7e55")


def document(
    subject: JsonObject,
    components: Iterable[JsonObject],
    dependencies: Mapping[str, Iterable[str]],
    timestamp: str = "",
) -> JsonObject:
    """A whole BOM about `subject`. dependencies: bom-ref -> bom-refs. timestamp: ISO 8601, of the evidence.

    Its serial number is made from its content, so equal input gives equal bytes. Raises AssayError when not valid.
    """
    from importlib.metadata import version

    tool: JsonObject = {"type": "application", "name": "assay", "version": version("assay")}
    metadata: dict[str, Json] = {"component": subject, "tools": {"components": [tool]}}
    if timestamp:
        metadata["timestamp"] = timestamp
    content: dict[str, Json] = {
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "version": 1,
        "metadata": metadata,
        "components": list(components),
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(set(needed))} for ref, needed in sorted(dependencies.items())
        ],
        # Libraries inside wheels and of the operating system are not listed.
        "compositions": [{"aggregate": "incomplete", "assemblies": [subject["bom-ref"]]}],
    }
    serial = uuid.uuid5(_NAMESPACE, sha256_json(content))
    whole: JsonObject = {**content, "serialNumber": f"urn:uuid:{serial}"}
    validate(whole)
    return whole


def validate(bom: JsonObject) -> None:
    """Raises AssayError unless it is strictly CycloneDX 1.6: unknown keys are errors too."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(canonical_json(bom).decode())
    if problem is not None:
        raise AssayError(f"SBOM: expected valid CycloneDX {_SPEC}, found {str(problem)[:300]}; report it with the BOM")


def digest(bom: JsonObject) -> str:
    """SHA-256 of its canonical JSON, under which it lies in the store."""
    return sha256_bytes(canonical_json(bom))


def hashes(sha256s: Iterable[str]) -> list[Json]:
    """One entry a digest."""
    return [{"alg": "SHA-256", "content": sha256} for sha256 in sha256s]


def properties(values: Iterable[tuple[str, object]]) -> list[Json]:
    """Assay's own, under the prefix `assay:`; empty ones are left out."""
    return [{"name": f"assay:{name}", "value": str(value)} for name, value in values if value != ""]


def component_count(bom: JsonObject) -> int:
    """Components listed, the subject itself not among them."""
    return len(cast("Sequence[Json]", bom["components"]))
