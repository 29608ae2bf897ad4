"""Ask the served `digits` over V2 REST and gRPC, as any client can, and compare with the verified local model."""

import sys

import numpy as np
from sklearn.datasets import load_digits
from tritonclient import grpc, http

import assay
from assay.settings import load_settings


def ask(client, module, images):
    """(labels, probabilities) of the served model."""
    tensor = module.InferInput("input", list(images.shape), "FP32")
    tensor.set_data_from_numpy(images)
    answer = client.infer("digits", [tensor])
    return answer.as_numpy("label"), answer.as_numpy("probabilities")


def main() -> int:
    settings = load_settings()
    digits = load_digits()
    images = digits.images.astype(np.float32)
    local = assay.load_model("digits").predict(images)
    clients = {
        "REST": (http.InferenceServerClient(settings.triton_http_url.removeprefix("http://")), http),
        "gRPC": (grpc.InferenceServerClient(settings.triton_grpc_url), grpc),
    }
    for name, (client, module) in clients.items():
        labels, probabilities = ask(client, module, images)
        accuracy = (labels == digits.target).mean()
        difference = np.abs(probabilities - local.probabilities).max()
        print(
            f"{name}: {len(images)} images, accuracy {accuracy:.4f}, largest difference to load_model {difference:.1e}"
        )
        if accuracy < 0.95 or difference > 1e-5:
            print("expected accuracy ≥ 0.95 and a difference ≤ 1e-5", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
