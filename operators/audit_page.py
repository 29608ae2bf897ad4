"""The audit pages behind Airflow's login: who may read a pipeline's DAG may read its evidence, nobody else."""

from collections import defaultdict

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Depends, FastAPI, Request

from assay.page.app import create_page
from assay.page.reader import Reader
from assay.settings import load_settings


def audit_page() -> FastAPI:
    """The application for the plugin to mount."""
    return create_page(load_settings(), [Depends(_remember_reader)], _login)


def readable_pipelines(user: BaseUser, pipelines: frozenset[str]) -> frozenset[str]:
    """Those whose training DAG the user may read, as Airflow's auth manager says, also where the DAG is gone."""
    dag_ids = {f"{pipeline}.train": pipeline for pipeline in pipelines}
    teams = DagModel.get_dag_id_to_team_name_mapping(list(dag_ids)) if dag_ids else {}
    by_team: dict[str | None, set[str]] = defaultdict(set)
    for dag_id in dag_ids:
        by_team[teams.get(dag_id)].add(dag_id)
    manager = get_auth_manager()
    allowed = (
        manager.filter_authorized_dag_ids(dag_ids=of_team, user=user, method="GET", team_name=team)
        for team, of_team in by_team.items()
    )
    return frozenset(dag_ids[dag_id] for found in allowed for dag_id in found)


def _remember_reader(request: Request, user: GetUserDep) -> None:
    """Airflow answers 401 itself where nobody is logged in."""
    request.state.reader = Reader(user.get_name(), lambda pipelines: readable_pipelines(user, pipelines))


def _login(request: Request) -> str:
    return get_auth_manager().get_url_login(next_url=str(request.url))
