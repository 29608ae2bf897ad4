"""The tutorial's commands, run one after another: what `make demo` shows."""

import subprocess
import sys
import time
from pathlib import Path

ASSAY = Path(sys.executable).with_name("assay")
HERE = Path(__file__).parent
STORY = [
    ("Start every engine", [ASSAY, "up", "--detach"]),
    ("Take digits through the loop", [ASSAY, "run", "digits", "--follow"]),
    ("Ask the served model for all 1,797 images", [Path(sys.executable), HERE / "ask_digits.py"]),
    ("Walk from the served model to the raw bytes and the person", [ASSAY, "lineage", "up", "deployment/digits"]),
    ("Verify every signature, digest and proof", [ASSAY, "audit", "verify"]),
]


def main() -> int:
    """Exit code of the first command that fails, else 0."""
    started = time.monotonic()
    for title, command in STORY:
        shown = " ".join(part.name if isinstance(part, Path) else part for part in command)
        print(f"\n\033[1m{title}\033[0m\n$ {shown}", flush=True)
        code = subprocess.run([str(part) for part in command], check=False).returncode
        if code:
            print(f"'{shown}' ended with exit code {code}; `assay status` shows the engines", file=sys.stderr)
            return code
    print(f"\nDone in {time.monotonic() - started:.0f} s. The stack is still up: `assay status` shows where.")
    print("Next: `assay run spam --follow`, then `assay replay spam` to see drift retrain it. Stop with `make down`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
