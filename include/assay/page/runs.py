"""GET /run: from Airflow's own pages to the statements of a DAG, a run or a task."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from assay.page.entries import entries_of_run
from assay.page.reader import Reader, reader_of
from assay.page.rendering import render

router = APIRouter()
_MOST = 200
_Id = Annotated[str, Query(max_length=300)]


@router.get("/run", response_model=None)
def run(
    request: Request, reader: Annotated[Reader, Depends(reader_of)],
    dag_id: Annotated[str, Query(min_length=1, max_length=300)], run_id: _Id = "", task_id: _Id = "",
) -> HTMLResponse | RedirectResponse:  # fmt: skip
    """Without a run: the timeline of the DAG's pipeline."""
    pipeline = dag_id.rpartition(".")[0] or dag_id
    reader.require(pipeline)
    if not run_id:
        return RedirectResponse(f"{request.scope.get('root_path', '')}/model/{pipeline}")
    with request.app.state.engines.ledger() as ledger:
        told = entries_of_run(ledger, pipeline, run_id, _MOST)
    entries = [entry for entry in told if entry.context.task_id == task_id] if task_id else told
    return render(
        request, "run", title=f"Run {run_id}", entries=entries, dag_id=dag_id, run_id=run_id, task_id=task_id,
        model=pipeline if "." not in pipeline else "",
    )  # fmt: skip
