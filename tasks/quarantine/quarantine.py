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
        with self.lineage.database.transaction() as connection:
            bad = what_is_meant(connection, self.bench.ledger, reference, rows)
        return self._say(Word(bad, reason))

    def release(self, reference: str, reason: str) -> Quarantined:
        """It is bad no longer. Raises SpecError unless the reference begins the name of just one in quarantine."""
        in_force = declarations_in_force(self.bench.ledger)
        meant = [one for one in in_force if one == reference] or [one for one in in_force if one.startswith(reference)]
        if len(meant) != 1:
            found = f"{len(meant)} that begin so" if meant else "none"
            hint = suggestion(reference, in_force) if in_force else "nothing is in quarantine"
            raise SpecError(f"{reference}: expected one thing in quarantine, found {found}; {hint}")
        return self._say(Word(in_force[meant[0]].bad, reason, is_release=True))

    def _say(self, word: Word) -> Quarantined:
        spread = spread_of(self.lineage, self.bench.ledger, self.bench.store, word.bad)
        entry = declare(word, spread, self.context, self.bench)
        mark_repository(sorted({model.name.removeprefix("model/") for model in spread.models}), self.bench)
        return Quarantined(word.bad, entry, spread)
