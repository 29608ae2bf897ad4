"""One id for one run of one step, computed from what it is: every witness arrives at the same.

The try is no part of it: a retry that finds the same is the same run in the ledger too.
"""

import uuid

from assay.digests import sha256_json
from assay.records import RunContext, StepReport

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:assay:lineage:run")


def step_run_id(report: StepReport, context: RunContext) -> str:
    """The OpenLineage run id of a step: the event it emits and the ledger entry it left are then one run."""
    return str(
        uuid.uuid5(
            _NAMESPACE,
            sha256_json(
                {
                    "run": context.run_id,
                    "step": report.step.value,
                    "pipeline": report.pipeline,
                    "verdict": report.verdict.value,
                    "inputs": sorted(f"{role}={subject.sha256}" for role, subject in report.inputs.items()),
                    "products": sorted(f"{role}={subject.sha256}" for role, subject in report.products.items()),
                }
            ),
        )
    )
