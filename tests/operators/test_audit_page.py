"""The audit pages behind Airflow's real login: nobody, a viewer, an admin, and somebody of another team."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from assay.workbench import Workbench
from tests.assay.page.page_story import tell


@pytest.fixture
def pages(airflow_url: str, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The pages as the plugin mounts them, in the process of a real API server. airflow_url: makes its auth manager."""
    from operators.audit_page import audit_page

    monkeypatch.setenv("ASSAY_HOME", str(bench.settings.home))
    monkeypatch.setenv("ASSAY_DATABASE_URL", bench.settings.database_url.get_secret_value())
    monkeypatch.setenv("ASSAY_STORE_URL", bench.settings.store_url)
    monkeypatch.setenv("ASSAY_KEYS", str(bench.settings.keys))
    tell(bench)
    host, mounted = FastAPI(), audit_page()
    host.mount("/assay", mounted)
    yield TestClient(host)
    mounted.state.engines.close()


def token(name: str, role: str, teams: list[str] | None = None) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return str(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role, teams=teams)))


def as_user(name: str, role: str, teams: list[str] | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(name, role, teams)}"}


def of_team(dag_id: str, team: str) -> None:
    """Airflow's own rows: the DAG lies in a bundle of that team."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.team import Team
    from airflow.utils.session import create_session

    with create_session() as session:
        bundle = DagBundleModel(name=f"bundle of {team}")
        bundle.teams = [Team(name=team)]
        session.add(bundle)
        session.flush()
        session.add(DagModel(dag_id=dag_id, bundle_name=bundle.name, fileloc="/nowhere.py"))


def test_who_may_read_what(pages: TestClient) -> None:
    refused = pages.get("/assay/", headers={"Accept": "text/html"})
    assert refused.status_code == 401
    assert "/auth/login?next=" in refused.text
    assert pages.get("/assay/", headers={"Authorization": "Bearer forged"}).status_code == 403
    for role in ("viewer", "user", "op", "admin"):
        assert pages.get("/assay/", headers=as_user("vic", role)).status_code == 200, role
        assert pages.get("/assay/statement/0", headers=as_user("vic", role)).status_code == 200
    assert pages.post("/assay/", headers=as_user("root", "admin")).status_code == 405

    pages.cookies.set("_token", token("vic", "viewer"))
    assert "2 pipelines" in pages.get("/assay/").text
    pages.cookies.clear()

    # A person without a role is somebody, and may read nothing.
    assert "0 pipelines" in pages.get("/assay/", headers=as_user("new", "")).text
    assert pages.get("/assay/statement/0", headers=as_user("new", "")).status_code == 403

    of_team("two.train", "blue")
    red = as_user("rita", "viewer", ["red"])
    assert "1 pipeline:" in pages.get("/assay/", headers=red).text
    assert pages.get("/assay/model/two", headers=red).status_code == 403
    assert pages.get("/assay/model/fair", headers=red).status_code == 200
    assert "2 pipelines" in pages.get("/assay/", headers=as_user("bea", "viewer", ["blue"])).text
