"""What capture costs a caller: latency of the same model on a real Triton, with and without it.

Both variants are served side by side and asked in turn, so that whatever else the machine does hits both.
Target: p50 and p99 at most 1.10 and 1.25 times those without capture.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from tritonclient import http

from assay.capture import dropped_requests, read_window
from assay.digests import sha256_file
from assay.settings import Settings
from assay.triton.switch import Probe, Switch, Target
from tests.triton_server import start_triton, write_onnx

ROWS, FEATURES = 8, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="requests a variant")
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as name, start_triton(Path(name)) as settings:
        for model, variant in (("captured", settings), ("plain", settings.model_copy(update={"capture_url": ""}))):
            deploy(variant, model, Path(name) / f"{model}.onnx")
        seconds = ask_in_turn(settings, ("plain", "captured"), requests)
        kept = wait_for_rows(settings, requests * ROWS)
        print(json.dumps(report(seconds) | {"rows_asked": requests * ROWS, "rows_captured": kept}, indent=2))
        assert dropped_requests(settings, "captured") == 0


def deploy(settings: Settings, name: str, path: Path) -> None:
    write_onnx(path, features=FEATURES)
    probe = Probe(np.zeros((ROWS, FEATURES), dtype=np.float32), max_difference=1e-5)
    Switch(settings).deploy(Target(name, 1, path, {1: sha256_file(path)}), probe, keep_versions=1)


def ask_in_turn(settings: Settings, names: tuple[str, ...], requests: int) -> dict[str, np.ndarray]:
    client = http.InferenceServerClient(settings.triton_http_url.removeprefix("http://"))
    tensor = http.InferInput("input", [ROWS, FEATURES], "FP32")
    tensor.set_data_from_numpy(np.random.default_rng(0).random((ROWS, FEATURES), dtype=np.float32))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for index in range(-200, requests):
        for name in names:
            started = time.perf_counter()
            client.infer(name, [tensor], request_id=str(index))
            if index >= 0:
                seconds[name].append(time.perf_counter() - started)
    client.close()
    return {name: np.array(values) for name, values in seconds.items()}


def wait_for_rows(settings: Settings, rows: int) -> int:
    """Rows on disk once the writer has caught up (the warm-up's included, so at least `rows`)."""
    deadline = time.monotonic() + 20
    while (found := read_window(settings, "captured", rows=10**9).num_rows) < rows and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def report(seconds: dict[str, np.ndarray]) -> dict[str, object]:
    table = {
        name: {f"p{q}_ms": round(float(np.percentile(values, q)) * 1000, 3) for q in (50, 90, 99)}
        for name, values in seconds.items()
    }
    ratios = {key: round(table["captured"][key] / table["plain"][key], 3) for key in table["plain"]}
    return {**table, "ratio": ratios}


if __name__ == "__main__":
    main()
