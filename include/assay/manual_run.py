"""A run that a person starts outside Airflow, in their own name."""

import getpass
import os
import uuid

from assay.records import RunContext


def manual_run() -> RunContext:
    """A run of its own, by whoever runs this process."""
    return RunContext(run_id=str(uuid.uuid4()), trigger="manual", actor=login_name())


def login_name() -> str:
    """Of whoever runs this process; `uid:N` in a container that knows its user by number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"
