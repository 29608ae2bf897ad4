"""Whatever is asked, the answer is a page: never a 500, never a stack trace."""

import pytest
from fastapi.testclient import TestClient

ODD = ("%00", "%F0%9F%92%A9", "%ED%A0%80", "'%3B--", "%2E%2E%2F", "-1", "0x10", "9" * 30, "a" * 900, "*", "%25", "_",
       "@", ":", "model/", "model/two@", "model/two:", "dataset/two@zz", "row/two/x", "row/two/row-1", "user/",
       "drift/0", "%20", "%0A", "1e5", "%D9%A3", "%C2%B2", "deadbeef" * 8)  # fmt: skip
PATHS = ("/?q={}", "/?show={}", "/?page={}", "/search?q={}", "/model/{}", "/model/two?before={}",
         "/model/two?delivered={}", "/lineage?ref={}", "/lineage?ref=model/two&way={}",
         "/lineage?ref=model/two&limit={}", "/lineage?ref=model/two&at={}", "/version?id={}", "/statement/{}",
         "/statement/{}/proof", "/run?dag_id={}", "/run?dag_id=two.train&run_id={}",
         "/run?dag_id=two.train&run_id=manual__0.0&task_id={}", "/controls?ref={}", "/diff?a={}&b=model/two:1",
         "/diff?a=model/two:1&b={}", "/report/{}", "/static/{}/page.css", "/static/0/{}")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_an_odd_request_is_answered(client: TestClient, path: str) -> None:
    for odd in ODD:
        answer = client.get(path.format(odd))
        assert answer.status_code in (200, 400, 404), (path, odd, answer.status_code)
        assert "Traceback" not in answer.text
