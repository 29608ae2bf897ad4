"""What a person may write to name a version, and which nodes of the graph it means.

Names mean what is signed before what is claimed, and the newest of what is left.
"""

import re
from datetime import datetime

from assay.errors import SpecError
from assay.lineage.database import Connection
from assay.lineage.seen import source_name
from assay.lineage.served import Served, serving_at

UNDERSTOOD = (
    "a digest (8 digits or more), dataset/NAME[@DIGEST], model/NAME[:VERSION|@ALIAS|@DIGEST], "
    "deployment/NAME[@DIGEST], row/DATASET/ROW_ID, source/URI, user/NAME or drift/DIGEST"
)
_CHAMPION = "champion"
_AFTER_SLASH = "0"  # the next letter: everything that begins with a prefix sorts before it
_AFTER_HEX = "g"  # every longer digest sorts before it
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_SOURCE = re.compile(r"source/(?P<uri>\S.*)")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # no name holds them, and PostgreSQL takes none of them
_LONGEST = 1_000
# What is signed before what is claimed, what was made before what was read: of each the newest.
_NEWEST = """
    SELECT told.id FROM (VALUES (1, true, 'output'), (2, true, 'input'), (3, false, 'output'), (4, false, 'input'))
        AS kind (rank, signed, role)
    CROSS JOIN LATERAL (
        SELECT id FROM assay_lineage.run_versions
        WHERE name = %(name)s AND signed = kind.signed AND role = kind.role
          AND at <= coalesce(%(until)s::timestamptz, 'infinity')
        ORDER BY at DESC, id LIMIT 1) told
    ORDER BY kind.rank LIMIT 1
"""
_NAMED = re.compile(
    r"(?P<name>(?P<type>dataset|model|deployment|user|drift|schedule)/[^@:\s]+)(?P<mark>[@:])?(?P<which>\S+)?"
)


def resolve(connection: Connection, reference: str, until: datetime | None) -> tuple[str, ...]:
    """The node ids that `reference` means at `until` (None: now). Raises SpecError when there is not just one."""
    check_writable(reference)
    if source := _SOURCE.fullmatch(reference):
        return _source(connection, source["uri"], until)
    return (_one(connection, reference, until),)


def _one(connection: Connection, reference: str, until: datetime | None) -> str:
    if is_digest(reference):
        return _by_digest(connection, reference, None)
    match = understood(reference)
    name, which = match["name"], match["which"]
    if match["type"] in ("user", "drift", "schedule"):
        return _actor(connection, reference)
    if match["mark"] == "@" and _DIGEST.fullmatch(which):
        return _by_digest(connection, which, name)
    if match["type"] == "model" and which:
        return _registered(connection, name, match["mark"], which, until)
    if which:
        raise SpecError(f"{reference!r}: expected {name}@DIGEST, found {which!r}; give a digest of 8 digits or more")
    if match["type"] == "deployment":
        return _served(connection, name, until)
    return _newest(connection, name, until)


def check_writable(text: str) -> None:
    """Raises SpecError for what no name can be: control characters, half characters, more than 1,000 of them."""
    if len(text) > _LONGEST or _UNWRITABLE.search(text):
        raise SpecError(f"{text[:60]!a}: expected at most {_LONGEST} printable characters; mend it")


def is_source(reference: str) -> bool:
    """Whether `reference` is source/URI."""
    return _SOURCE.fullmatch(reference) is not None


def understood(reference: str) -> re.Match[str]:
    """The parts of a reference by name. Raises SpecError when it has another form."""
    match = _NAMED.fullmatch(reference)
    if match is None or bool(match["mark"]) != bool(match["which"]):
        raise SpecError(f"{reference!r}: expected {UNDERSTOOD}; mend the reference")
    return match


def is_model(reference: str) -> bool:
    """Whether `reference` has the form model/NAME[:VERSION|@ALIAS|@DIGEST]."""
    match = _NAMED.fullmatch(reference)
    return match is not None and match["type"] == "model" and bool(match["mark"]) == bool(match["which"])


def is_digest(reference: str) -> bool:
    """Whether `reference` is (the beginning of) a digest."""
    return _DIGEST.fullmatch(reference) is not None


def _by_digest(connection: Connection, prefix: str, name: str | None) -> str:
    rows = connection.execute(
        "SELECT DISTINCT id, digest FROM assay_lineage.versions"
        " WHERE digest ~>=~ %s AND digest ~<~ %s AND (%s::text IS NULL OR name = %s) LIMIT 5",
        (prefix, prefix + _AFTER_HEX, name, name),
    ).fetchall()
    called = f"{name}@{prefix}" if name else prefix
    if not rows:
        raise SpecError(
            f"{called}: expected a known version, found none; `assay lineage up dataset/NAME` lists digests"
        )
    if len({digest for _, digest in rows}) > 1:
        found = ", ".join(sorted(digest[:16] for _, digest in rows))
        raise SpecError(f"{called}: expected one version, found {found}…; give more digits")
    return str(rows[0][0])


def _source(connection: Connection, uri: str, until: datetime | None) -> tuple[str, ...]:
    """Whatever bytes were ever fetched from there."""
    rows = connection.execute(
        "SELECT id FROM assay_lineage.versions WHERE name = %s AND type = 'source'"
        " AND at <= coalesce(%s::timestamptz, 'infinity') GROUP BY id ORDER BY min(at), id",
        (source_name(uri), until),
    ).fetchall()
    if not rows:
        raise SpecError(
            f"source/{uri}: expected an address that data came from, found none; {_known_sources(connection)}"
        )
    return tuple(row[0] for row in rows)


def _known_sources(connection: Connection) -> str:
    rows = connection.execute(
        "SELECT DISTINCT name FROM assay_lineage.versions WHERE type = 'source' ORDER BY name LIMIT 8"
    ).fetchall()
    return "known: " + (", ".join(f"source/{row[0]}" for row in rows) or "none yet")


def _actor(connection: Connection, name: str) -> str:
    row = connection.execute(
        "SELECT id FROM assay_lineage.versions WHERE id = %s AND type = 'actor'", (name,)
    ).fetchone()
    if row is None:
        raise SpecError(f"{name}: expected someone who set a run off, found none; check the name")
    return str(row[0])


def _registered(connection: Connection, name: str, mark: str, which: str, until: datetime | None) -> str:
    """By version, or by alias: `champion` is what serves; any other alias is lost once its model serves."""
    serving = serving_at(connection, name.removeprefix("model/"), until)
    if mark == "@" and which == _CHAMPION and serving is not None:
        return serving.model
    column = "version" if mark == ":" else "alias"
    row = connection.execute(
        f"SELECT model FROM assay_lineage.registrations WHERE name = %s AND {column} = %s"  # noqa: S608  # one of two words
        " AND at <= coalesce(%s::timestamptz, 'infinity') ORDER BY seq DESC LIMIT 1",
        (name, which, until),
    ).fetchone()
    crowned = mark == "@" and row is not None and serving is not None and row[0] == serving.model
    if row is None or crowned:
        known = _known_registrations(connection, name, serving, until) or _known(connection, name)
        raise SpecError(f"{name}{mark}{which}: expected a registered {column}, found none; {known}")
    return str(row[0])


def _known_registrations(connection: Connection, name: str, serving: Served | None, until: datetime | None) -> str:
    """The newest versions of `name`, and the aliases that mean one; "" where nothing is registered."""
    rows = connection.execute(
        "SELECT version, alias, model FROM assay_lineage.registrations WHERE name = %s"
        " AND at <= coalesce(%s::timestamptz, 'infinity') ORDER BY seq DESC LIMIT 8",
        (name, until),
    ).fetchall()
    newest: dict[str, str] = {}
    for _, alias, model in rows:
        newest.setdefault(alias, model)
    aliases = [_CHAMPION] * (serving is not None)
    aliases += [alias for alias, model in newest.items() if alias and (serving is None or model != serving.model)]
    named = [f"{name}:{version}" for version, _, _ in rows] + [f"{name}@{alias}" for alias in aliases]
    return f"known: {', '.join(dict.fromkeys(named))}" if rows else ""


def _served(connection: Connection, name: str, until: datetime | None) -> str:
    serving = serving_at(connection, name.removeprefix("deployment/"), until)
    if serving is None:
        raise SpecError(f"{name}: expected something in service, found nothing; deploy it or give another --at")
    return serving.deployment


def _newest(connection: Connection, name: str, until: datetime | None) -> str:
    row = connection.execute(_NEWEST, {"name": name, "until": until}).fetchone()
    if row is None:
        raise SpecError(f"{name}: expected a known name, found none; {_known(connection, name)}")
    return str(row[0])


def _known(connection: Connection, name: str) -> str:
    prefix = name.partition("/")[0] + "/"
    rows = connection.execute(
        "SELECT DISTINCT ON (name) name FROM assay_lineage.versions WHERE name ~>=~ %s AND name ~<~ %s"
        " ORDER BY name USING ~<~ LIMIT 8",
        (prefix, prefix[:-1] + _AFTER_SLASH),
    ).fetchall()
    return "known: " + (", ".join(row[0] for row in rows) or "none yet")
