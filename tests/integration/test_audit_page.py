"""The audit pages inside a real Airflow, over a real run: who may read, how one comes and goes, and the docs' pictures.

ASSAY_SCREENSHOTS=docs/images ASSAY_SCREENSHOT_PIPELINE=mnist pytest tests/integration/test_audit_page.py
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from assay.stack.environment import airflow_environment, common_environment
from assay.stack.home import open_home
from tests.browser import Browser, browser
from tests.embedded_stack import ROOT, Stack, stack

pytestmark = [pytest.mark.engines, pytest.mark.timeout(3000)]
__all__ = ["browser", "stack"]
PIPELINE = os.environ.get("ASSAY_SCREENSHOT_PIPELINE", "digits")
_TOKEN = """
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
print(SimpleAuthManager().generate_jwt(SimpleAuthManagerUser(username="vera", role="viewer", teams=[])))
"""


@pytest.fixture(scope="module")
def run(stack: Stack) -> dict[str, Any]:
    return stack.json("run", PIPELINE, "--follow", timeout=2400)


@pytest.fixture(scope="module")
def airflow(stack: Stack, run: dict[str, Any]) -> str:
    return stack.settings().airflow_url.rstrip("/")


@pytest.fixture(scope="module")
def viewer(stack: Stack) -> str:
    """A token of somebody with Airflow's role `viewer`, as this Airflow's login gives it."""
    home = open_home(stack.home)
    environment = {**common_environment(home), **airflow_environment(home)}
    done = subprocess.run(
        [sys.executable, "-c", _TOKEN], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def admin(stack: Stack, airflow: str) -> str:
    settings = stack.settings()
    login = {"username": settings.airflow_username, "password": settings.airflow_password.get_secret_value()}
    return str(requests.post(f"{airflow}/auth/token", json=login, timeout=30).json()["access_token"])


def test_without_login_nothing_is_read_with_any_role_all_is(
    airflow: str, viewer: str, admin: str, stack: Stack
) -> None:
    pages = ("/", f"/model/{PIPELINE}", "/statement/0", f"/lineage?ref=model/{PIPELINE}", "/search?q=0000")
    for page in pages:
        address = f"{airflow}/assay{page}"
        assert requests.get(address, timeout=60).status_code == 401
        assert requests.get(address, headers={"Authorization": "Bearer forged"}, timeout=60).status_code == 403
        for token in (viewer, admin):
            assert requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code == 200
            assert requests.get(address, cookies={"_token": token}, timeout=60).status_code == 200
            assert requests.post(address, cookies={"_token": token}, timeout=60).status_code == 405
    # Assay's API has a token of its own.
    settings = stack.settings()
    question = f"{settings.api_url}/api/v1/served"
    assert requests.get(question, timeout=30).status_code == 401
    assert requests.get(question, headers={"Authorization": f"Bearer {admin}"}, timeout=30).status_code == 401
    bearer = {"Authorization": f"Bearer {settings.api_token.get_secret_value()}"}
    assert requests.get(question, headers=bearer, timeout=30).status_code == 200


def test_one_comes_from_airflow_and_goes_back(
    airflow: str, viewer: str, run: dict[str, Any], browser: Browser, pictures: Path
) -> None:
    browser.cookie(airflow, "_token", viewer)
    browser.go(f"{airflow}/plugin/assay")
    inside = "document.querySelector('iframe')?.contentDocument"
    browser.wait_for(f"{inside}?.querySelector('h1')?.textContent === 'Gate board'", seconds=90)
    browser.size(1600, 640)
    browser.photograph(pictures / "audit-in-airflow.png")
    browser.size(1600, 1000)
    browser.run(f"[...{inside}.querySelectorAll('a')].find(a => a.textContent === {PIPELINE!r}).click()")
    timeline = f"{inside}?.querySelector('h1')?.textContent === 'Timeline of {PIPELINE}'"
    browser.wait_for(f"{timeline} && {inside}.readyState === 'complete'")
    browser.run(f"[...{inside}.querySelectorAll('a')].find(a => a.textContent === 'task in Airflow').click()")
    browser.wait_for(f"location.pathname.startsWith('/dags/{PIPELINE}.')")
    browser.wait_for("document.body.innerText.includes('Audit')", seconds=60)
    # The tab of a run leads to its statements.
    browser.go(f"{airflow}/dags/{PIPELINE}.train/runs/{run['run_id']}/plugin/assay_run")
    browser.wait_for(f"{inside}?.body?.innerText.includes('gate of {PIPELINE}')", seconds=60)


def test_pictures_for_the_docs(airflow: str, viewer: str, stack: Stack, browser: Browser, pictures: Path) -> None:
    browser.cookie(airflow, "_token", viewer)
    bearer = {"Authorization": f"Bearer {viewer}"}
    gate = gate_of(f"{airflow}/assay/model/{PIPELINE}", bearer)
    for name, page, height in (
        ("audit-board", "/", 520),
        ("audit-timeline", f"/model/{PIPELINE}", 760),
        ("audit-statement", f"/statement/{gate}", 1960),
        ("audit-controls", f"/controls?ref=model/{PIPELINE}@champion", 1000),
    ):
        browser.size(1600, height)
        browser.go(f"{airflow}/assay{page}")
        assert not browser.problems
        assert all(url.startswith(airflow) for url in browser.asked), browser.asked
        browser.photograph(pictures / f"{name}.png")
    browser.size(1600, 1000)
    browser.go(f"{airflow}/assay/lineage?ref=model/{PIPELINE}@champion")
    browser.wait_for("!!window.assayGraph")
    stages = set(browser.run("assayGraph.nodes().map(n => n.data('stage'))"))
    assert {"source", "raw", "admitted", "train", "holdout", "candidate", "model", "deployment"} <= stages
    browser.run("document.getElementById('graph').focus()")
    browser.press("Enter")
    browser.wait_for("document.querySelector('#panel-body dl') !== null")
    assert f"register of {PIPELINE}" in browser.run("document.getElementById('panel').innerText")
    assert stack.settings().mlflow_url in browser.run("document.querySelector('#panel a[target=_blank]').href")
    browser.photograph(pictures / "audit-lineage.png")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("ASSAY_SCREENSHOTS")
    return ROOT / wanted if wanted else tmp_path_factory.mktemp("pictures")


def gate_of(timeline: str, headers: dict[str, str]) -> str:
    """The number of the newest gate's entry, as the timeline links it."""
    page = requests.get(timeline, headers=headers, timeout=60).text
    return page.split("<strong>gate</strong>", 1)[1].split("/statement/", 1)[1].split('"', 1)[0]
