"""Switch a served model from one verified version to another; a failure leaves everything as it was.

A new version answers its probes under a staging name first, so that no caller ever sees an answer of a
version that was not compared with ONNX Runtime. Requests that name no version go to the highest loaded
one; therefore the version policy lists the target, and the previous one only when it is lower.
"""

import contextlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.capture import requests_folder
from assay.digests import sha256_bytes
from assay.errors import EngineUnavailable, PolicyViolation
from assay.inference import OnnxModel, Predictions, open_model
from assay.settings import Settings
from assay.triton.client import TritonClient, open_client
from assay.triton.config import ServedModel, config_text
from assay.triton.repository import Repository

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Target:
    """What shall serve. onnx: the verified file; approved: version -> sha256 of every version ever approved.

    earlier_code: digests of the server code that earlier deployments of the name signed for.
    """

    name: str
    version: int
    onnx: Path
    approved: Mapping[int, str]
    earlier_code: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str:
        return self.approved[self.version]


@dataclass(frozen=True)
class Probe:
    """Real rows to ask with. max_difference: largest allowed difference of any probability."""

    rows: "NDArray[Any]"
    max_difference: float


@dataclass(frozen=True)
class Switched:
    """from_version: what served before, or None. difference: largest seen in the probes. seconds: wall time."""

    from_version: int | None
    to_version: int
    config_sha256: str
    difference: float
    seconds: float


@dataclass(frozen=True)
class _Expected:
    """What the server is asked and must answer, computed here by ONNX Runtime from the verified file."""

    inputs: "NDArray[Any]"
    predictions: Predictions
    max_difference: float


class Switch:
    """Deploy, roll back and cut out on the server and repository that settings name."""

    def __init__(self, settings: Settings, *, gpu: bool = False) -> None:
        self._settings, self._gpu = settings, gpu
        self._client: TritonClient = open_client(settings)
        self.repository = Repository(settings.triton_repository)

    def deploy(self, target: Target, probe: Probe, keep_versions: int) -> Switched:
        """Stage, probe, switch, probe again, then forget versions beyond `keep_versions`."""
        model = open_model(target.onnx, target.sha256, f"{target.name} version {target.version}")
        expected = _Expected(model.prepared(probe.rows), model.predict(probe.rows), probe.max_difference)
        started = time.perf_counter()
        with self.repository.locked():
            previous = self.repository.active().get(target.name)
            self._stage(target, model, expected)
            text, difference = self._change(target, model, previous, expected)
            self._forget_old(target, previous, keep_versions)
        return Switched(previous, target.version, sha256_bytes(text.encode()), difference, _since(started))

    def roll_back(self, target: Target) -> Switched:
        """Serve a version that served before; its files are verified before anything is loaded."""
        started = time.perf_counter()
        model = open_model(target.onnx, target.sha256, f"{target.name} version {target.version}")
        with self.repository.locked():
            previous = self.repository.active().get(target.name)
            text, difference = self._change(target, model, previous, None)
        return Switched(previous, target.version, sha256_bytes(text.encode()), difference, _since(started))

    def cut_out(self, name: str) -> tuple[int | None, float]:
        """Stop serving `name` at once; files stay for the inquiry. Returns the version that served, and seconds."""
        started = time.perf_counter()
        with self.repository.locked():
            previous = self.repository.active().get(name)
            # First what a restart reads: a server that is down now must not come back with it.
            self.repository.set_active(name, None)
            self._client.unload(name)
            if still := self._client.ready_versions(name):
                raise EngineUnavailable(f"{name}: expected no version to answer after unloading, ready are {still}")
        return previous, _since(started)

    def _stage(self, target: Target, model: OnnxModel, expected: _Expected) -> None:
        # A hyphen cannot occur in a pipeline's name, so the staging name is nobody else's.
        staging = f"{target.name}-staging"
        self.repository.remove_model(staging)
        loaded = {target.version: target.sha256}
        served = ServedModel(staging, model.signature, loaded, self._settings.triton_backend, self._gpu)
        try:
            self.repository.write_version(staging, target.version, target.onnx, target.sha256)
            self.repository.write_config(staging, config_text(served))
            self._client.load(staging)
            self._compare(staging, target.version, expected, request_id="")
        finally:
            with contextlib.suppress(EngineUnavailable):
                self._client.unload(staging)
            self.repository.remove_model(staging)

    def _change(
        self, target: Target, model: OnnxModel, previous: int | None, expected: _Expected | None
    ) -> tuple[str, float]:
        """Let `target` answer; returns the config's text and the largest difference seen."""
        repository, name = self.repository, target.name
        old_config, was_there = repository.read_config(name), target.version in repository.versions(name)
        token = self._probe_token(target)
        text = config_text(self._served(target, model, previous, token))
        try:
            repository.write_version(name, target.version, target.onnx, target.sha256, target.earlier_code)
            repository.write_config(name, text)
            self._client.load(name)
            self._require_default(name, target.version)
            # Once more after loading: what lies on disk now is what a restart will serve.
            repository.verify_version(name, target.version, target.sha256)
            difference = self._compare(name, target.version, expected, request_id=token) if expected else 0.0
            repository.set_active(name, target.version)
        except BaseException:
            self._restore(name, old_config, added=None if was_there else target.version)
            raise
        return text, difference

    def _served(self, target: Target, model: OnnxModel, previous: int | None, token: str) -> ServedModel:
        loaded = {target.version: target.sha256}
        if previous is not None and previous < target.version and self._can_stay(target, model, previous):
            loaded[previous] = target.approved[previous]
        return ServedModel(
            name=target.name,
            signature=model.signature,
            loaded=loaded,
            backend=self._settings.triton_backend,
            gpu=self._gpu,
            capture_folder=str(requests_folder(self._settings, target.name)) if self._settings.capture_url else "",
            probe_sha256=sha256_bytes(token.encode()),
        )

    def _can_stay(self, target: Target, model: OnnxModel, previous: int) -> bool:
        """One config describes all loaded versions: only a version of the same shape stays beside the new."""
        path = self.repository.onnx_path(target.name, previous)
        if previous not in target.approved or not path.is_file():
            return False
        kept = open_model(path, target.approved[previous], f"{target.name} version {previous}")
        return kept.signature == model.signature

    def _require_default(self, name: str, version: int) -> None:
        ready = self._client.ready_versions(name)
        if not ready or ready[-1] != version:
            raise EngineUnavailable(f"{name}: expected version {version} to answer, ready are {ready}; switch undone")

    def _compare(self, name: str, version: int, expected: _Expected, request_id: str) -> float:
        """The largest difference between served and expected; asks without a version, as most callers do."""
        answer = self._client.infer(name, expected.inputs, request_id=request_id)
        difference = float(abs(answer.predictions.probabilities - expected.predictions.probabilities).max())
        if answer.version != version:
            raise EngineUnavailable(f"{name}: expected an answer of version {version}, found {answer.version}")
        if not difference <= expected.max_difference:
            raise PolicyViolation(
                f"{name} version {version}: served probabilities differ from ONNX Runtime's by {difference:.2e}, "
                f"allowed {expected.max_difference:.2e}; the old version keeps serving: compare the runtimes' versions"
            )
        return difference

    def _restore(self, name: str, old_config: str | None, added: int | None) -> None:
        is_serving = old_config is not None and name in self.repository.active()
        if old_config is not None:
            self.repository.write_config(name, old_config)
        with contextlib.suppress(EngineUnavailable):
            (self._client.load if is_serving else self._client.unload)(name)
        if added is not None:
            self.repository.remove_version(name, added)

    def _forget_old(self, target: Target, previous: int | None, keep_versions: int) -> None:
        """Keep the newest `keep_versions`, and always what serves and what served before."""
        versions = self.repository.versions(target.name)
        for version in versions[: max(0, len(versions) - keep_versions)]:
            if version not in (target.version, previous):
                self.repository.remove_version(target.name, version)

    def _probe_token(self, target: Target) -> str:
        """The request id that marks our own probes: only who may manage the server can make it."""
        secret = self._settings.triton_admin_header.get_secret_value() or secrets.token_hex()
        return hmac.new(secret.encode(), f"{target.name} {target.sha256}".encode(), "sha256").hexdigest()


def _since(started: float) -> float:
    return time.perf_counter() - started
