"""The daily proof that nobody edited the ledger; a broken entry fails loudly and is named."""

import contextlib
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context


class VerifyLedgerOperator(BaseOperator):
    """Verifies every signature, digest and proof of the ledger.

    XCom: number of entries and the checkpoint. Raises AirflowFailException naming the first broken entry.
    """

    ui_color = "#fbe9e7"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Verify the whole ledger with the public keys of this deployment."""
        del context
        return self._verify()

    def _verify(self) -> dict[str, Any]:
        from assay.audit.told import to_lines
        from assay.ledger import Ledger
        from assay.ledger_verification import verify_ledger
        from assay.settings import load_settings
        from assay.signing import KeyRing

        settings = load_settings()
        with contextlib.closing(Ledger.open(settings)) as ledger:
            found = verify_ledger(ledger, KeyRing.open(settings.keys))
        if not found.ok:
            first = found.broken[0]
            raise AirflowFailException(
                f"ledger: expected {found.entries} intact entries, found {len(found.broken)} broken; "
                f"first: entry {first.seq} ({first.subject}): {first.kind.value}: {first.reason}; "
                "treat it as tampering: keep the database as it is and open an incident"
            )
        for line in to_lines(found):
            self.log.info(line)
        return {"entries": found.entries, "checkpoint": found.checkpoint}
