"""Registers Assay with Airflow's UI; nothing else, because every Airflow process imports this file."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from assay.settings import load_settings


def _views() -> list[Any]:
    """A way from Airflow's menu to the experiments behind the training runs, where a tracking server is configured."""
    url = load_settings().mlflow_url
    return [{"name": "Experiments (MLflow)", "href": url, "destination": "nav", "category": "browse"}] if url else []


class AssayPlugin(AirflowPlugin):
    """Views only: assets are registered by the provider entry point, never twice."""

    name = "assay"
    external_views = _views()
