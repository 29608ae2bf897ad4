"""From what a person writes to what exactly is meant: digests, rows, a package or a key."""

import hashlib
from collections.abc import Collection

from assay.errors import SpecError
from assay.ledger import Ledger
from assay.lineage.database import Connection
from assay.lineage.refs import UNDERSTOOD, resolve
from assay.lineage.rows import ROW_REFERENCE
from assay.near_miss import suggestion
from assay.quarantine.declaration import Bad, Kind
from tasks.quarantine.row_ids import whole_dataset

FORMS = f"{UNDERSTOOD}, source/URI, dependency/REQUIREMENT such as dependency/numpy<2, or key/KEYID"
_LEAST_KEYID = 8


def what_is_meant(connection: Connection, ledger: Ledger, reference: str, rows: Collection[str] = ()) -> Bad:
    """`rows`: ids, with the reference dataset/NAME. Raises SpecError when the reference is unknown or ambiguous."""
    kind, _, rest = reference.partition("/")
    if rows:
        return _row_set(reference, rows)
    if match := ROW_REFERENCE.fullmatch(reference):
        return Bad(Kind.ROWS, reference, name=whole_dataset(match["dataset"]), rows=frozenset({match["row_id"]}))
    if kind == "source" and rest:
        return _source(connection, rest)
    if kind == "dependency" and rest:
        return _dependency(rest)
    if kind == "key" and rest:
        return _key(ledger, rest)
    (digest,) = resolve(connection, reference, None)
    row = connection.execute("SELECT name FROM assay_lineage.versions WHERE id = %s LIMIT 1", (digest,)).fetchone()
    name = str(row[0]) if row else digest
    return Bad(Kind.VERSION, f"{name}@{digest}", frozenset({digest}), name)


def _row_set(reference: str, rows: Collection[str]) -> Bad:
    kind, _, dataset = reference.partition("/")
    if kind != "dataset" or not dataset or "@" in dataset:
        raise SpecError(f"--rows: expected the rows' dataset, such as dataset/mnist, found {reference!r}")
    whole_dataset(dataset)
    listed = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
    return Bad(Kind.ROWS, f"rows/{dataset}/{listed[:16]}", name=dataset, rows=frozenset(rows))


def _source(connection: Connection, uri: str) -> Bad:
    found = connection.execute(
        "SELECT DISTINCT id FROM assay_lineage.versions WHERE name = %s AND type = 'source'", (uri,)
    ).fetchall()
    if not found:
        known = connection.execute("SELECT DISTINCT name FROM assay_lineage.versions WHERE type = 'source' LIMIT 50")
        hint = suggestion(uri, (row[0] for row in known))
        raise SpecError(f"source/{uri}: expected an address that something was collected from, found none; {hint}")
    return Bad(Kind.SOURCE, f"source/{uri}", frozenset(row[0] for row in found), uri)


def _dependency(written: str) -> Bad:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(written)
    except InvalidRequirement as error:
        raise SpecError(
            f"dependency/{written}: expected a requirement such as numpy or numpy<2, found {error}"
        ) from error
    if requirement.url or requirement.marker or requirement.extras:
        raise SpecError(f"dependency/{written}: expected a name and versions only, such as numpy<2; leave out the rest")
    name = f"{canonicalize_name(requirement.name)}{requirement.specifier}"
    return Bad(Kind.DEPENDENCY, f"dependency/{name}", name=name)


def _key(ledger: Ledger, prefix: str) -> Bad:
    known = [keyid for keyid in ledger.keys.public_keys() if keyid.startswith(prefix)]
    if len(prefix) < _LEAST_KEYID or len(known) != 1:
        listed = ", ".join(sorted(keyid[:16] for keyid in ledger.keys.public_keys()))
        raise SpecError(
            f"key/{prefix}: expected {_LEAST_KEYID} digits or more of one keyid, found {len(known)} keys; "
            f"trusted are {listed}"
        )
    return Bad(Kind.KEY, f"key/{known[0]}", name=known[0])
