"""Airflow's pools named by the specs; a task in an unknown pool would wait for ever."""

from assay.airflow_api import AirflowApi
from assay.settings import Settings
from assay.spec import TrainSpec
from assay.spec_file import read_spec, spec_paths

_SLOTS = 1  # one training at a time on one machine; raise it in Airflow's UI, it is not set again


def make_pools(settings: Settings) -> None:
    """Create the pools that are missing, the default one always. A broken spec has no DAG and needs none yet."""
    api = AirflowApi.open(settings)
    specs = (read_spec(path, check_classes=False)[0] for path in spec_paths(settings.pipelines))
    default = TrainSpec.model_fields["pool"].default
    for name in sorted({default, *(spec.train.pool for spec in specs if spec)}):
        if not api.has_pool(name):
            api.make_pool(name, _SLOTS)
