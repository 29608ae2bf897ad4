"""A model version is a bundle: a manifest of files by digest. The manifest's SHA-256 names the model.

Two forms: `candidate` (framework state, no pickle) and `onnx` (what is examined, registered and served;
it cites the candidate it was exported from, so both digests are bound).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast

from assay.digests import canonical_json
from assay.errors import IntegrityError, SpecError
from assay.json_types import JsonObject
from assay.records import Subject
from assay.store import Store

MEDIA_TYPE = "application/vnd.assay.model+json;version=1"
ONNX_FILE = "model.onnx"
_FORBIDDEN_SUFFIXES = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt"}


@dataclass(frozen=True)
class BundleFile:
    """One file: relative `name`, `sha256` and `size` in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class ModelBundle:
    """form: `candidate` or `onnx`. exported_from: the candidate's digest, for `onnx`.

    facts: model class, parameters, classes, input name/dtype/shape, training dataset digest.
    """

    name: str
    form: Literal["candidate", "onnx"]
    files: tuple[BundleFile, ...]
    exported_from: str = ""
    facts: JsonObject = field(default_factory=dict)

    def file(self, name: str) -> BundleFile:
        """The entry of one file. Raises IntegrityError when the manifest has none of that name."""
        for entry in self.files:
            if entry.name == name:
                return entry
        raise IntegrityError(
            f"model/{self.name}: expected {name} in the manifest, found {[f.name for f in self.files]}"
        )

    def to_json(self) -> JsonObject:
        return {
            "media_type": MEDIA_TYPE,
            "name": self.name,
            "form": self.form,
            "files": [{"name": f.name, "sha256": f.sha256, "size": f.size} for f in self.files],
            "exported_from": self.exported_from,
            "facts": self.facts,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        if value.get("media_type") != MEDIA_TYPE:
            raise IntegrityError(f"model manifest: expected media type {MEDIA_TYPE}, found {value.get('media_type')}")
        return cls(
            name=str(value["name"]),
            form=cast("Literal['candidate', 'onnx']", value["form"]),
            files=tuple(BundleFile(**entry) for entry in cast("list[dict[str, str | int]]", value["files"])),  # type: ignore[arg-type]
            exported_from=str(value["exported_from"]),
            facts=cast(JsonObject, value["facts"]),
        )


def save_bundle(
    name: str,
    form: Literal["candidate", "onnx"],
    folder: Path,
    store: Store,
    *,
    facts: JsonObject,
    exported_from: str = "",
) -> Subject:
    """Store every file of `folder` and the manifest. Refuses pickle-bearing file types."""
    entries = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix.lower() in _FORBIDDEN_SUFFIXES:
            raise SpecError(f"{path.name}: models are saved as safetensors, ONNX or JSON, never {path.suffix}")
        entries.append(BundleFile(path.relative_to(folder).as_posix(), store.put_file(path), path.stat().st_size))
    bundle = ModelBundle(name, form, tuple(entries), exported_from, facts)
    return Subject(name=f"model/{name}", sha256=store.put_bytes(canonical_json(bundle.to_json())))


def load_bundle(subject: Subject, store: Store) -> ModelBundle:
    """The manifest that `subject` names, verified."""
    return ModelBundle.from_json(json.loads(store.read(subject.sha256)))


def fetch_bundle(subject: Subject, store: Store, folder: Path) -> ModelBundle:
    """The manifest, and its files written into `folder`, each verified before anyone opens it."""
    bundle = load_bundle(subject, store)
    for entry in bundle.files:
        target = (folder / entry.name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise IntegrityError(
                f"model/{bundle.name}: file name {entry.name!r} leaves the folder; the manifest is hostile"
            )
        store.fetch(entry.sha256, target)
    return bundle
