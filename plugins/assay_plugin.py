"""Registers Assay with Airflow's UI; nothing else, because every Airflow process imports this file."""

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from assay.settings import load_settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class _Lazy:
    """An ASGI application that is imported with its first request: Airflow's security alone takes seconds."""

    def __init__(self) -> None:
        self._application: ASGIApp | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if self._application is None:
            from operators.audit_page import audit_page

            self._application = audit_page()
        await self._application(scope, receive, send)


def _views() -> list[dict[str, Any]]:
    """The audit pages in Airflow's menu, on each DAG, run and task; and the experiments behind the training runs."""
    dag, run, task = ("/assay/run?dag_id={DAG_ID}", "&run_id={RUN_ID}", "&task_id={TASK_ID}")
    audit = [
        ("nav", "/assay/", "assay"),
        ("dag", dag, "assay_dag"),
        ("dag_run", dag + run, "assay_run"),
        ("task_instance", dag + run + task, "assay_task"),
    ]
    views: list[dict[str, Any]] = [
        {"name": "Audit", "href": href, "destination": destination, "url_route": route}
        for destination, href, route in audit
    ]
    views[0]["nav_top_level"] = True
    url = load_settings().mlflow_url
    if url:
        views.append({"name": "Experiments (MLflow)", "href": url, "destination": "nav", "category": "browse"})
    return views


class AssayPlugin(AirflowPlugin):
    """Views and pages only: assets are registered by the provider entry point, never twice."""

    name = "assay"
    external_views = _views()
    fastapi_apps = [{"app": _Lazy(), "url_prefix": "/assay", "name": "Assay audit"}]  # noqa: RUF012 - Airflow's form
