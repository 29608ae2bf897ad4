"""What `assay scan` refuses and accepts beside picklescan and modelscan, file by file, as a Markdown matrix.

The files are those of the tests: hostile ones and ones that common libraries write. modelscan needs versions of other
packages that Assay's do not go with; make it an environment of its own and name it:

    python -m venv modelscan && modelscan/bin/pip install modelscan==0.8.8 h5py 'numpy<2'
    python benchmarks/bench_scan.py --modelscan modelscan/bin/modelscan

`--write docs/reference/scan.md` puts the matrix behind that page's mark.
"""

import argparse
import json
import logging
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from picklescan.scanner import scan_file_path

from tasks.scanning.scan_paths import scan_paths
from tests.tasks.scanning.benign_files import write_benign
from tests.tasks.scanning.hostile_archives import ARCHIVES
from tests.tasks.scanning.hostile_entries import ENTRIES
from tests.tasks.scanning.hostile_models import MODELS
from tests.tasks.scanning.pickle_gadgets import GADGETS

MARK = "<!-- matrix: benchmarks/bench_scan.py -->"
GROUPS = {"pickles": GADGETS, "archives": ARCHIVES, "models": MODELS}
Told = Mapping[Path, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modelscan", type=Path, help="The modelscan command of an environment of its own.")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Put the matrix behind the page's mark.")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_files(root)
        files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        peers = {"assay scan": assay, "picklescan 1.0.5": picklescan}
        told, seconds = {}, {}
        for peer, look in peers.items():
            started = time.perf_counter()
            told[peer] = look(root, files)
            seconds[peer] = time.perf_counter() - started
        if asked.modelscan is not None:
            started = time.perf_counter()
            told["modelscan 0.8.8"] = modelscan(asked.modelscan.absolute(), root, files)
            seconds["modelscan 0.8.8"] = time.perf_counter() - started
        page = matrix(root, files, told, seconds)
    print(page)
    if asked.write is not None:
        before = asked.write.read_text().partition(MARK)[0]
        asked.write.write_text(f"{before}{MARK}\n\n{page}")
    ours = told["assay scan"]
    assert all((ours[path] == "refused") == is_hostile(root, path) for path in files if is_counted(root, path))


def write_files(root: Path) -> None:
    for group, files in GROUPS.items():
        (root / "hostile" / group).mkdir(parents=True)
        for name, data in files.items():
            (root / "hostile" / group / name).write_bytes(data)
    for name, make in ENTRIES.items():
        folder = root / "hostile/folders" / name
        folder.mkdir(parents=True)
        make(folder)
    write_benign(root / "benign")


def is_hostile(root: Path, path: Path) -> bool:
    return path.relative_to(root).parts[0] == "hostile"


def is_counted(root: Path, path: Path) -> bool:
    """Of a hostile folder one file is the bad one, and the folder is judged as a whole by the tests."""
    return path.relative_to(root).parts[:2] != ("hostile", "folders")


def assay(root: Path, files: list[Path]) -> Told:
    report = scan_paths([root])
    told = {one.path: "refused" if one.findings else "passed" for one in report.files}
    return {path: told[str(path)] for path in files}


def picklescan(_: Path, files: list[Path]) -> Told:
    """By its own exit code: suspicious globals alone end in 0."""
    return {path: picklescan_one(path) for path in files}


def picklescan_one(path: Path) -> str:
    try:
        result = scan_file_path(str(path))
    except Exception:  # noqa: BLE001 - any way of breaking off
        return "error"
    if result.infected_files:
        return "refused"
    if result.scan_err:
        return "error"
    if result.suspicious_count:
        return "passed with a warning"
    return "passed" if result.scanned_files else "not scanned"


def modelscan(command: Path, root: Path, files: list[Path]) -> Told:
    """One run over all files; what it lists nowhere it has skipped."""
    out = root.with_name(f"{root.name}-modelscan.json")
    subprocess.run([command, "-p", root, "-r", "json", "-o", out], capture_output=True, check=False)
    report = json.loads(out.read_text())
    out.unlink()
    named = {
        "refused": [one["source"] for one in report["issues"]],
        "error": [one.get("source", "") for one in report["errors"]],
        "passed": report["summary"]["scanned"].get("scanned_files", []),
    }
    told = dict.fromkeys(files, "not scanned")
    for word in ("passed", "error", "refused"):
        for path in files:
            relative = str(path.relative_to(root))
            if any(source.partition(":")[0].endswith(relative) for source in named[word]):
                told[path] = word
    return told


def matrix(root: Path, files: list[Path], told: Mapping[str, Told], seconds: Mapping[str, float]) -> str:
    peers = list(told)
    counted = [path for path in files if is_counted(root, path)]
    lines = [f"| | files | {' | '.join(peers)} |", "|---|---|" + "---|" * len(peers)]
    for group in [("hostile", name) for name in GROUPS] + [("benign",)]:
        inside = [path for path in counted if path.relative_to(root).parts[: len(group)] == group]
        word = "refused" if group[0] == "hostile" else "passed"
        cells = [share(Counter(told[peer][path] for path in inside), word) for peer in peers]
        lines.append(f"| {' '.join(group)} | {len(inside)} | {' | '.join(cells)} |")
    timed = " | ".join(f"{seconds[peer]:.1f} s" for peer in peers)
    lines += [f"| all {len(files)}, seconds | | {timed} |", "", "File by file:", ""]
    lines += [f"| file | {' | '.join(peers)} |", "|---|" + "---|" * len(peers)]
    for path in counted:
        shown = path.relative_to(root).as_posix()
        lines.append(f"| `{shown}` | {' | '.join(told[peer][path] for peer in peers)} |")
    return "\n".join(lines) + "\n"


def share(counts: Counter[str], word: str) -> str:
    """How many were told as they are, and what became of the others."""
    others = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if name != word)
    return f"**{counts[word]} {word}**" + (f", {others}" if others else "")


if __name__ == "__main__":
    main()
