"""Objects out of S3: obstore, as the store reads them, beside boto3, in turns, against one server (rclone).

Cold is a new process that imports, connects and reads one small object: what each command and each task pays. Warm is
one process that fetches large objects into files and verifies them, one after another and four at a time.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

from assay.digests import sha256_bytes
from assay.s3 import s3_client
from assay.settings import Settings
from assay.store import open_store
from tests.s3_server import KEY, SECRET, start_s3

BUCKET = "assay"
Fetch = Callable[[str, Path], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=8, help="size of a large object")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cold", choices=["obstore", "boto3"], help=argparse.SUPPRESS)
    parser.add_argument("--reach", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.cold:
        read_one(asked.cold, json.loads(asked.reach))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "s3" / BUCKET).mkdir(parents=True)
        with start_s3(folder / "s3") as endpoint:
            reach = {
                "store_url": f"s3://{BUCKET}",
                "s3_endpoint_url": endpoint,
                "s3_access_key": KEY,
                "s3_secret_key": SECRET,
            }
            compare_cold(reach, asked.repeats)
            compare_warm(reach, folder, asked.objects, asked.megabytes, asked.repeats)


def compare_cold(reach: dict[str, str], repeats: int) -> None:
    sha256 = open_store(Settings.model_validate(reach)).put_bytes(b"a manifest")
    command = [sys.executable, __file__, "--reach", json.dumps(reach | {"object": sha256}), "--cold"]
    seconds: dict[str, list[float]] = {"obstore": [], "boto3": []}
    for _ in range(repeats):
        for client, taken in seconds.items():
            done = subprocess.run([*command, client], capture_output=True, text=True, check=True)
            taken.append(float(done.stdout))
    tell("cold, one small object", seconds)


def read_one(client: str, reach: dict[str, str]) -> None:
    """Prints the seconds from before the import to the verified bytes."""
    settings = Settings.model_validate(reach)
    started = time.perf_counter()
    if client == "obstore":
        open_store(settings).read(reach["object"])
    else:
        answer = s3_client(settings).get_object(Bucket=BUCKET, Key=key(reach["object"]))
        assert sha256_bytes(answer["Body"].read()) == reach["object"]
    print(time.perf_counter() - started)


def compare_warm(reach: dict[str, str], folder: Path, objects: int, megabytes: int, repeats: int) -> None:
    settings = Settings.model_validate(reach)
    store, client = open_store(settings), s3_client(settings)
    generator = np.random.default_rng(0)
    names = [store.put_bytes(generator.bytes(megabytes << 20)) for _ in range(objects)]

    def by_boto3(sha256: str, target: Path) -> None:
        client.download_file(BUCKET, key(sha256), str(target))
        with target.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == sha256

    ways: dict[str, Fetch] = {"obstore": store.fetch, "boto3": by_boto3}
    for at_once in (1, 4):
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, fetch in ways.items():
                started = time.perf_counter()
                with ThreadPoolExecutor(at_once) as pool:
                    list(pool.map(lambda sha256, fetch=fetch: fetch(sha256, folder / sha256), names))
                seconds[way].append(time.perf_counter() - started)
        tell(f"warm, {objects} of {megabytes} MiB, {at_once} at once", seconds)


def key(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"


def tell(work: str, seconds: dict[str, list[float]]) -> None:
    own, peer = median(seconds["obstore"]), median(seconds["boto3"])
    print(f"{work:34s} obstore {own:.3f} s, boto3 {peer:.3f} s, ratio {own / peer:.2f}", flush=True)


if __name__ == "__main__":
    main()
