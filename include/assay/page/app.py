"""The application: GET alone, behind a guard that the caller brings; every refusal is a page that says why."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from assay.errors import AssayError, EngineUnavailable, IntegrityError, PolicyViolation, SpecError
from assay.page import (
    board,
    comparison,
    control_page,
    evidence,
    files,
    graph,
    reports,
    runs,
    search,
    statements,
    timeline,
)
from assay.page.engines import Engines
from assay.page.entries import Believed
from assay.page.newest import NewestSteps
from assay.page.reader import reader_of
from assay.page.rendering import SECURITY_HEADERS, render
from assay.settings import Settings

_STATUS: dict[type[AssayError], int] = {
    SpecError: 404,
    IntegrityError: 409,
    PolicyViolation: 403,
    EngineUnavailable: 503,
}
_PAGES = (board, search, timeline, graph, comparison, control_page, evidence, statements, runs, reports, files)
_TITLES = {
    401: "Log in to read the audit pages",
    403: "Not yours to read",
    404: "Nothing there",
    409: "Evidence that does not hold",
    503: "An engine does not answer",
}


def create_page(settings: Settings, guard: Sequence[Any], login: Callable[[Request], str]) -> FastAPI:
    """The pages on `settings`.

    guard: FastAPI dependencies that put a Reader in `request.state.reader`; without one every page answers 401.
    login: where a person logs in to come back to the page that was asked for.
    """
    app = FastAPI(
        title="Assay audit", dependencies=[*guard, Depends(reader_of)], docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.engines, app.state.login = Engines(settings), login
    app.state.newest, app.state.believed = NewestSteps(), Believed()
    app.add_exception_handler(AssayError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.middleware("http")(_protect)
    for module in _PAGES:
        app.include_router(module.router)
    return app


async def _protect(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """PostgreSQL knows no zero bytes, so that no question may have one."""
    if "\0" in unquote(str(request.url)):
        problem = HTTPException(HTTPStatus.BAD_REQUEST, "The address: expected text, found a zero byte; mend it.")
        response: Response = await _refuse(request, problem)
    else:
        response = await answer(request)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _refuse(request: Request, error: Exception) -> HTMLResponse:
    """No fact of the deployment stands on a page for people who did not log in."""
    status, why = _reason(error)
    login = request.app.state.login(request) if status == HTTPStatus.UNAUTHORIZED else ""
    title = _TITLES.get(status, "This did not work")
    return render(request, "refused", status, title=title, why=why, status=status, login=login)


def _reason(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail)
    if isinstance(error, RequestValidationError):
        problems = (f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}" for problem in error.errors())
        return HTTPStatus.BAD_REQUEST, "; ".join(problems)
    status = next((code for family, code in _STATUS.items() if isinstance(error, family)), 500)
    return status, str(error)
