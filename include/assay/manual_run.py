"""A run that a person starts outside Airflow, in their own name."""

import getpass
import uuid

from assay.records import RunContext


def manual_run() -> RunContext:
    """A run of its own; its actor is the login name of whoever runs this process."""
    return RunContext(run_id=str(uuid.uuid4()), trigger="manual", actor=getpass.getuser())
