"""Every refusal in one shape: the family of the error and words that say what was expected and found."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from assay.api.body import BodyTooLarge
from assay.errors import AssayError, EngineUnavailable, IntegrityError, PolicyViolation, SpecError
from assay.lineage.refs import check_writable

_STATUS: dict[type[AssayError], int] = {
    BodyTooLarge: 413,
    SpecError: 400,
    IntegrityError: 409,
    PolicyViolation: 403,
    EngineUnavailable: 503,
}
_MOST_FAULTS = 8


def refuse_in_one_shape(app: FastAPI) -> None:
    """Answer every error on purpose, every malformed request, unknown address and failure as `{error, message}`."""
    app.add_exception_handler(AssayError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_malformed)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(Exception, _refuse_unexpected)


async def check_parameters(request: Request) -> None:
    """Raises SpecError when a parameter of the address holds what no name can: NUL, half characters, a novel."""
    for value in (*request.query_params.values(), *map(str, request.path_params.values())):
        check_writable(value)


def refusal(family: str, words: str, status: int) -> JSONResponse:
    """`{error, message}`: the family of the error, and words."""
    # What a caller sent may come back in the words, and half characters are no UTF-8.
    readable = words.encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": family, "message": readable}, status_code=status)


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    status = next((code for family, code in _STATUS.items() if isinstance(error, family)), 500)
    return refusal(type(error).__name__, str(error), status)


async def _refuse_unexpected(_: Request, error: Exception) -> JSONResponse:
    """What nobody foresaw: the server logs it, the caller learns no more than its name."""
    return refusal(type(error).__name__, "Assay failed on this request; its log tells where, report it", 500)


async def _refuse_malformed(_: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    told = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults[:_MOST_FAULTS]]
    told += [f"and {len(faults) - _MOST_FAULTS} more"] * (len(faults) > _MOST_FAULTS)
    return refusal("MalformedRequest", "; ".join(told) or "the request does not conform to /openapi.json", 422)


async def _refuse_http(_: Request, error: Exception) -> JSONResponse:
    status, words, headers = 500, "", None
    if isinstance(error, HTTPException):
        status, words, headers = error.status_code, str(error.detail), error.headers
    answer = refusal("Refused", words, status)
    answer.headers.update(headers or {})
    return answer
