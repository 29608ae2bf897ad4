"""Use served models from Python: load one verified, serve one, bring one in from outside, log a metric.

Nothing is loaded before the ledger says that its digest passed the gate and its bytes have that digest.
"""

import contextlib
import sys
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from assay.bundle import ONNX_FILE, load_bundle, save_bundle
from assay.errors import IntegrityError, SpecError
from assay.inference import OnnxModel, open_model
from assay.manual_run import manual_run
from assay.records import Step, StepReport, Subject, Verdict
from assay.registry import CHALLENGER, CHAMPION, MODEL_TAG, ONNX_TAG, RegisteredVersion, Registry, open_registry
from assay.settings import load_settings

if TYPE_CHECKING:
    from assay.ledger import Ledger
    from assay.station import Station, StepRequest
    from assay.workbench import Workbench


def load_model(name: str, version: int | None = None, alias: str | None = None) -> OnnxModel:
    """The model, ready to `.predict(batch)`; by default the champion, which is what the ledger says serves.

    Raises PolicyViolation when it never passed the gate, IntegrityError (naming it) when a digest,
    signature or file does not hold, SpecError when there is no such version.
    """
    from assay.decision import registration, standing_gate
    from assay.ledger import Ledger
    from assay.quarantine.objections import require_sound
    from assay.store import open_store

    settings = load_settings()
    registry = open_registry(settings)
    with contextlib.closing(Ledger.open(settings)) as ledger, TemporaryDirectory(prefix="assay-load-") as folder:
        registered = registry.get(name, version or _version_named(name, alias or CHAMPION, registry, ledger))
        model = _subject(registered)
        store = open_store(settings)
        standing_gate(ledger, model)
        require_sound(ledger, store, model)
        registration(ledger, model, registered.version)
        bundle = load_bundle(model, store)
        sha256 = bundle.file(ONNX_FILE).sha256
        return open_model(registry.fetch(registered, Path(folder), sha256), sha256, registered.url)


def serve_model(name: str, version: int | None = None, gpu: bool = False) -> str:
    """Deploy a registered version (default: the challenger, else the champion) and return its V2 URL.

    The deployment is a station like any other: verified, probed, signed. Raises what `load_model` raises.
    """
    from assay.spec_file import load_spec
    from assay.station import StepRequest, run_station
    from assay.workbench import open_workbench

    settings = load_settings()
    spec = load_spec(settings.pipelines / f"{name}.yaml", check_classes=False)
    if gpu:
        spec = spec.model_copy(update={"deploy": spec.deploy.model_copy(update={"gpu": True})})
    registry = open_registry(settings)
    with open_workbench(settings, _tell) as bench:
        wanted = version or registry.alias(name, CHALLENGER)
        registered = registry.get(name, wanted or _version_named(name, CHAMPION, registry, bench.ledger))
        request = StepRequest(spec, manual_run(), inputs={"model": _subject(registered)})
        run_station(_station("deploy"), request, bench)
    return f"{settings.triton_http_url.rstrip('/')}/v2/models/{name}"


def upload_model(path: Path | str, name: str) -> int:
    """Bring an ONNX file in from outside; returns its registry version.

    It is registered as un-assayed and never becomes champion: no gate statement speaks for it.
    Raises SpecError when the file is no self-contained ONNX classifier with our input and outputs.
    """
    from assay.spec_file import load_spec
    from assay.station import StepRequest, run_station
    from assay.workbench import open_workbench

    settings, source = load_settings(), Path(path)
    if source.suffix != ".onnx" or not source.is_file():
        raise SpecError(f"{source}: expected an ONNX file, found {source.suffix or 'none'}; export the model to ONNX")
    OnnxModel(source.read_bytes(), str(source))
    request = StepRequest(
        load_spec(settings.pipelines / f"{name}.yaml", check_classes=False),
        manual_run(),
        parameters={"path": str(source)},
    )
    with open_workbench(settings, _tell) as bench:
        return int(str(run_station(_upload, request, bench).facts["version"]))


def log_metric(name: str, value: float, step: int | None = None) -> None:
    """Log a metric of the trial that trains here, else of the active MLflow run. Raises SpecError outside of both."""
    from assay.metric_sink import metric_sink

    sink = metric_sink()
    if sink is not None:
        sink(name, float(value))
        return
    import mlflow

    if mlflow.active_run() is None:
        raise SpecError(f"log_metric({name!r}): expected an active MLflow run, found none; call it from train_function")
    mlflow.log_metric(name, value, step=step)


def _upload(request: "StepRequest", bench: "Workbench") -> StepReport:
    """A station: the file becomes a bundle and a version, with the verdict `not_checked`."""
    import shutil

    name, source = request.spec.name, Path(str(request.parameters["path"]))
    folder = bench.workdir / "upload"
    folder.mkdir()
    shutil.copyfile(source, folder / ONNX_FILE)
    OnnxModel((folder / ONNX_FILE).read_bytes(), str(source))
    model = save_bundle(name, "onnx", folder, bench.store, facts={"origin": "upload", "file": source.name})
    onnx_sha256 = load_bundle(model, bench.store).file(ONNX_FILE).sha256
    tags = {MODEL_TAG: model.sha256, ONNX_TAG: onnx_sha256, "assay.status": "un-assayed"}
    version = open_registry(bench.settings).register(name, folder / ONNX_FILE, tags, alias=None)
    return StepReport(
        step=Step.REGISTER,
        pipeline=name,
        verdict=Verdict.NOT_CHECKED,
        products={"registered": model},
        facts={"version": version.version, "alias": None, "onnx_sha256": onnx_sha256, "origin": "upload"},
    )


def _version_named(name: str, alias: str, registry: Registry, ledger: "Ledger") -> int:
    from assay.decision import serving_now

    if alias == CHAMPION:
        serving = serving_now(ledger, name)
        version = int(str(serving.report.facts["version"])) if serving else None
    else:
        version = registry.alias(name, alias)
    if version is None:
        raise SpecError(f"{name}@{alias}: expected a version, found none; `assay run {name}` makes one")
    return version


def _subject(registered: RegisteredVersion) -> Subject:
    if not registered.model_sha256:
        raise IntegrityError(
            f"{registered.url}: expected the tag {MODEL_TAG}, found none; it was not registered by Assay"
        )
    return Subject(f"model/{registered.name}", registered.model_sha256)


def _station(step: str) -> "Station":
    """Stations live in a layer above; they register in the entry point group `assay.stations`."""
    for point in entry_points(group="assay.stations"):
        if point.name == step:
            return cast("Station", point.load())
    raise SpecError(f"{step}: expected a station in the entry point group assay.stations; install the package again")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
