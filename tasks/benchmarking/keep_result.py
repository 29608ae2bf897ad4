"""Where a benchmark's document goes: into a file that appears whole, and signed into the ledger.

What cannot be kept is refused before anything is measured.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from assay.digests import sha256_bytes
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.ledger import Ledger
from assay.manual_run import manual_run
from assay.settings import Settings, load_settings
from assay.signing import KeyRing, KeyRole
from tasks.benchmarking.sign_benchmark import Run, sign_benchmark
from tasks.robustness.bench_model import BenchRequest


@dataclass(frozen=True)
class Keeper:
    """out: None for nowhere. settings: of the deployment whose key signs; None for unsigned."""

    out: Path | None
    settings: Settings | None
    started_at: datetime

    @classmethod
    def ready(cls, out: Path | None, is_signed: bool) -> Self:
        """Raises SpecError where `out` cannot be written or no key can sign, EngineUnavailable without the ledger."""
        if out is not None and not (out.absolute().parent.is_dir() and os.access(out.absolute().parent, os.W_OK)):
            raise SpecError(f"--out {out}: its folder does not exist or cannot be written; make it first")
        settings = load_settings() if is_signed else None
        if settings is not None:
            _require_signer(settings, out)
        return cls(out, settings, datetime.now(UTC))

    def keep(self, document: JsonObject, asked: BenchRequest) -> JsonObject:
        """The document, with its `statement` where it was signed: sha256, keyid, entry (None without a ledger)."""
        kept = {**document}
        if self.settings is not None:
            kept["statement"] = self._sign(document, asked, self.settings)
        if self.out is not None:
            _write(self.out, json.dumps(kept, indent=2).encode() + b"\n")
        return kept

    def _sign(self, document: JsonObject, asked: BenchRequest, settings: Settings) -> dict[str, Json]:
        run = Run(manual_run(), asked.to_json(), self.started_at, datetime.now(UTC))
        envelope = sign_benchmark(document, run, KeyRing.open(settings.keys))
        entry, kept = None, "kept in no ledger"
        if _has_ledger(settings):
            with contextlib.closing(Ledger.open(settings)) as ledger:
                entry = ledger.append(envelope).seq
            kept = f"entry {entry} of the ledger"
        if self.out is not None:
            _write(envelope_path(self.out), envelope.to_bytes())
        return {"sha256": sha256_bytes(envelope.to_bytes()), "keyid": envelope.keyid, "entry": entry, "kept": kept}


def envelope_path(out: Path) -> Path:
    """Beside the document: `result.json` and `result.dsse.json`."""
    return out.with_name(f"{out.name.removesuffix('.json')}.dsse.json")


def _require_signer(settings: Settings, out: Path | None) -> None:
    if _has_ledger(settings):
        Ledger.open(settings).close()
    elif not (settings.keys / f"{KeyRole.PRODUCER.value}.key").is_file():
        raise SpecError(f"--sign: expected a ledger or keys in {settings.keys}, found neither; start `assay up`")
    elif out is None:
        raise SpecError("--sign: there is no ledger to append to; name a file for the signed statement by --out")


def _has_ledger(settings: Settings) -> bool:
    return bool(settings.database_url.get_secret_value())


def _write(path: Path, data: bytes) -> None:
    with _whole(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A name beside `path`, which becomes it at the end."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise SpecError(f"--out {path}: cannot be written: {error.strerror or error}; name another file") from error
    finally:
        partial.unlink(missing_ok=True)
