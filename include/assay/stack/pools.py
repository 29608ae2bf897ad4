"""Airflow's pools named by the specs; a task in an unknown pool would wait for ever."""

from assay.airflow_api import AirflowApi
from assay.settings import Settings
from assay.spec_file import load_specs

_SLOTS = 1  # one training at a time on one machine; raise it in Airflow's UI, it is not set again


def make_pools(settings: Settings) -> None:
    """Create the pools that are missing."""
    api = AirflowApi.open(settings)
    for name in sorted({spec.train.pool for spec in load_specs(settings.pipelines)}):
        if not api.has_pool(name):
            api.make_pool(name, _SLOTS)
