"""The V2 protocol over HTTP, as much of it as deploying needs. Any V2 client can ask the served models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.inference import INPUT, LABEL, PROBABILITIES, Predictions
from assay.settings import Settings

if TYPE_CHECKING:
    import requests

_V2_TYPES = {"float32": "FP32", "float64": "FP64", "uint8": "UINT8", "int64": "INT64", "object": "BYTES"}


@dataclass(frozen=True)
class Answer:
    """Predictions, and the version that made them."""

    version: int
    predictions: Predictions


class TritonClient:
    """url: http://HOST:PORT. admin_header: what the management API demands; inference does not need it."""

    def __init__(self, url: str, admin_header: Mapping[str, str]) -> None:
        self.url, self._admin = url.rstrip("/"), dict(admin_header)

    def is_live(self) -> bool:
        try:
            return self._send("GET", "/v2/health/live").status_code == 200
        except EngineUnavailable:
            return False

    def load(self, name: str) -> None:
        """Load or reload `name` as its config.pbtxt says; versions that stay keep answering meanwhile."""
        self._manage(name, "load")

    def unload(self, name: str) -> None:
        """Stop serving every version of `name`."""
        self._manage(name, "unload")

    def ready_versions(self, name: str) -> list[int]:
        """Versions that answer, ascending; requests that name none go to the last."""
        return sorted(int(m["version"]) for m in self._index() if m["name"] == name and m.get("state") == "READY")

    def unserved(self, names: Iterable[str]) -> Mapping[str, str]:
        """Of `names`, those of which no version answers -> why not, as far as the server knows."""
        index = self._index()
        ready = {version["name"] for version in index if version.get("state") == "READY"}
        reasons = {version["name"]: version.get("reason") for version in index}
        return {name: reasons.get(name) or "the server did not load it" for name in names if name not in ready}

    def infer(self, name: str, batch: Any, version: int | None = None, request_id: str = "") -> Answer:
        """Ask `name` (by default its highest loaded version) for a batch of raw inputs."""
        import numpy as np

        array = np.asarray(batch)
        tensor = {
            "name": INPUT,
            "shape": list(array.shape),
            "datatype": _V2_TYPES[str(array.dtype)],
            "data": array.ravel().tolist(),
        }
        path = f"/v2/models/{name}" + (f"/versions/{version}" if version is not None else "") + "/infer"
        answer = self._checked("POST", path, json={"id": request_id, "inputs": [tensor]}).json()
        outputs = {output["name"]: output for output in answer["outputs"]}
        return Answer(
            version=int(answer["model_version"]),
            predictions=Predictions(
                label=np.array(outputs[LABEL]["data"], dtype=np.int64),
                probabilities=np.array(outputs[PROBABILITIES]["data"], dtype=np.float32).reshape(
                    outputs[PROBABILITIES]["shape"]
                ),
            ),
        )

    def _index(self) -> list[dict[str, str]]:
        """One entry a version, and one for a model of which none was ever loaded."""
        found: list[dict[str, str]] = self._checked("POST", "/v2/repository/index", headers=self._admin).json()
        return found

    def _manage(self, name: str, verb: str) -> None:
        self._checked("POST", f"/v2/repository/models/{name}/{verb}", headers=self._admin, json={})

    def _checked(self, method: str, path: str, **sent: Any) -> "requests.Response":
        response = self._send(method, path, **sent)
        if response.status_code == 200:
            return response
        found = f"{self.url}{path}: expected 200, found {response.status_code}: {response.text.strip()[:800]}"
        if "IntegrityError" in response.text:
            raise IntegrityError(f"{found}; open an incident")
        raise EngineUnavailable(f"{found}; see the server's log, `assay status` names it")

    def _send(self, method: str, path: str, **sent: Any) -> "requests.Response":
        import requests

        try:
            # A kept-alive connection would make the server wait for it when it is asked to stop.
            headers = {"Connection": "close", **sent.pop("headers", {})}
            return requests.request(method, self.url + path, headers=headers, timeout=(5, 120), **sent)
        except requests.RequestException as error:
            raise EngineUnavailable(f"Triton at {self.url}: {error}; is it up? `assay status` tells") from error


def open_client(settings: Settings) -> TritonClient:
    """The server that `ASSAY_TRITON_HTTP_URL` names. Raises SpecError when none is configured."""
    if not settings.triton_http_url:
        raise SpecError("ASSAY_TRITON_HTTP_URL: expected a URL, found none; start the stack with `assay up`")
    name, _, value = settings.triton_admin_header.get_secret_value().partition("=")
    return TritonClient(settings.triton_http_url, {name: value} if name else {})
