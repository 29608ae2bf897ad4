"""The two words a person can say of something, from reference to signed entry to the server's list."""

from collections.abc import Collection
from dataclasses import dataclass

from assay.errors import SpecError
from assay.ledger import LedgerEntry
from assay.lineage.store import LineageStore
from assay.near_miss import suggestion
from assay.quarantine.declaration import Bad, declarations_in_force
from assay.records import RunContext
from assay.workbench import Workbench
from tasks.quarantine.declare import Word, declare
from tasks.quarantine.meant import what_is_meant
from tasks.quarantine.serving_marks import mark_repository
from tasks.quarantine.spread import Spread, spread_of


@dataclass(frozen=True)
class Quarantined:
    """What was said of `bad`, the entry that holds it, and how far it has spread."""

    bad: Bad
    entry: LedgerEntry
    spread: Spread


@dataclass(frozen=True)
class Quarantine:
    """Where words are said. context: who says them."""

    bench: Workbench
    lineage: LineageStore
    context: RunContext

    def declare(self, reference: str, reason: str, rows: Collection[str] = ()) -> Quarantined:
        """Something is bad. Raises SpecError when the reference is unknown, ambiguous or of no known form."""
        return self._say(Word(self._meant(reference, rows), reason))

    def release(self, reference: str, reason: str, rows: Collection[str] = ()) -> Quarantined:
        """It is bad no longer. Raises SpecError unless just that is in quarantine, by whatever name of it."""
        in_force = declarations_in_force(self.bench.ledger)
        named = reference if reference in in_force and not rows else self._meant(reference, rows).reference
        if named not in in_force:
            hint = suggestion(named, in_force) if in_force else "nothing is in quarantine"
            raise SpecError(f"{reference}: expected what is in quarantine, found that it is not; {hint}")
        return self._say(Word(in_force[named].bad, reason, is_release=True))

    def _meant(self, reference: str, rows: Collection[str] = ()) -> Bad:
        with self.lineage.database.transaction() as connection:
            return what_is_meant(connection, self.bench.ledger, reference, rows)

    def _say(self, word: Word) -> Quarantined:
        spread = spread_of(self.lineage, self.bench.ledger, self.bench.store, word.bad)
        entry = declare(word, spread, self.context, self.bench)
        mark_repository(sorted({model.name.removeprefix("model/") for model in spread.models}), self.bench)
        return Quarantined(word.bad, entry, spread)
