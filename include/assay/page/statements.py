"""GET /statement/N: one signed statement, who signed it, its checks, and the proof that it is in the log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from assay.audit.proof_file import InclusionProof
from assay.checkpoint import Checkpoint
from assay.ledger_proofs import find_entry, prove_inclusion
from assay.page.reader import Reader, reader_of
from assay.page.rendering import links_of, render
from assay.records import Step

router = APIRouter()


@router.get("/statement/{name}", response_model=None)
def statement(
    request: Request, name: str, reader: Annotated[Reader, Depends(reader_of)]
) -> HTMLResponse | RedirectResponse:
    """name: its number, or the digest of its envelope, or of a subject of this statement alone.

    Signature, role, inclusion and checkpoint are verified before anything is shown.
    """
    engines = request.app.state.engines
    with engines.ledger() as ledger:
        seq = find_entry(ledger, name)
        if name != str(seq):
            return RedirectResponse(f"{request.scope.get('root_path', '')}/statement/{seq}")
        proof = prove_inclusion(ledger, seq)
        entry, checkpoint = proof.verify(ledger.keys)
        ledger.key_history().check(entry.keyid, entry.seq, entry.at)
        signed_by = Checkpoint.verified_by(proof.note, ledger.keys)[1]
    reader.require_entry(entry)
    version = str(entry.report.facts.get("version") or "") if entry.report.step is Step.REGISTER else ""
    return render(
        request,
        "statement",
        title=f"Entry {entry.seq}: {entry.report.step.value} of {entry.report.pipeline}",
        entry=entry,
        proof=proof,
        checkpoint=checkpoint,
        checkpoint_key=signed_by,
        file=_file_name(seq),
        task=links_of(request).task_run(entry.context),
        mlflow=links_of(request).model_version(entry.report.pipeline, version),
        model=entry.report.pipeline if "." not in entry.report.pipeline else "",
    )


@router.get("/statement/{seq}/proof")
def proof(request: Request, seq: int, reader: Annotated[Reader, Depends(reader_of)]) -> PlainTextResponse:
    """The inclusion proof as a file for `assay audit check-proof`."""
    with request.app.state.engines.ledger() as ledger:
        made: InclusionProof = prove_inclusion(ledger, seq)
        entry, _ = made.verify(ledger.keys)
    reader.require_entry(entry)
    named = {"Content-Disposition": f'attachment; filename="{_file_name(seq)}"'}
    return PlainTextResponse(made.to_text(), headers=named)


def _file_name(seq: int) -> str:
    return f"entry-{seq}.tlog-proof"
