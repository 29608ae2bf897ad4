"""`assay audit keys`, `rotate-key`, `revoke-key`: which keys sign, and how they change hands."""

from datetime import UTC, datetime, timedelta

import click

from assay.cli.open_ledger import open_ledger
from assay.cli.output import json_option, print_json
from assay.errors import SpecError

_ROLES = click.Choice(["producer", "gate", "approver", "ledger"])


@click.command()
@json_option
def keys(as_json: bool) -> None:
    """List the keys: role, id, state, and from when until when they may sign."""
    from assay.key_list import list_keys

    with open_ledger() as ledger:
        listed = list_keys(ledger, datetime.now(UTC))
    if as_json:
        print_json({"keys": [one.to_json() for one in listed]})
        return
    for one in listed:
        term = one.term
        until = f" until {term.valid_until:%Y-%m-%d %H:%M}" if term.valid_until else ""
        why = f" by entry {term.revoked_seq}: {term.reason}" if term.revoked_seq is not None else ""
        click.echo(f"{one.key.role.value:<9} {one.key.keyid[:16]}  {one.state.value}{until}{why}")


@click.command("rotate-key")
@click.argument("role", type=_ROLES)
@click.option("--overlap", type=click.FloatRange(min=0), default=7.0, help="Days for which the old key may still sign.")
@click.option("--reason", default="rotation", show_default=True)
@json_option
def rotate(role: str, overlap: float, reason: str, as_json: bool) -> None:
    """Put a new key of ROLE in use; the old one may sign for --overlap days more and stays trusted for its past.

    The change is a statement in the ledger. Running processes sign with the new key from their next statement on.
    """
    from assay.key_files import KeyRole
    from assay.key_rotation import Request, rotate_key
    from assay.manual_run import login_name
    from assay.settings import load_settings

    request = Request(login_name(), datetime.now(UTC), reason)
    with open_ledger() as ledger:
        done = rotate_key(ledger, load_settings().keys, KeyRole(role), timedelta(days=overlap), request)
    if as_json:
        until = done.until.isoformat()
        print_json({"role": role, "old": done.old, "new": done.new, "valid_until": until, "entry": done.seq})
    else:
        click.echo(f"{role}: {done.new[:16]} signs; {done.old[:16]} may until {done.until:%Y-%m-%d %H:%M} UTC")
        click.echo(f"entry {done.seq} says so. Give auditors the file {role}-{done.new[:16]}.pub")


@click.command("revoke-key")
@click.argument("keyid")
@click.option("--reason", required=True, help="Why; stands in the ledger for good.")
@click.option("--since", help="From when on it may have been in other hands (ISO 8601).")
@json_option
def revoke(keyid: str, reason: str, since: str | None, as_json: bool) -> None:
    """Trust nothing that KEYID signs from now on; a key in use is replaced first.

    With --since, `assay audit verify` names as suspect what it signed after that time.
    """
    from assay.key_rotation import Request, revoke_key
    from assay.manual_run import login_name
    from assay.settings import load_settings

    request = Request(login_name(), datetime.now(UTC), reason)
    with open_ledger() as ledger:
        entry = revoke_key(ledger, load_settings().keys, keyid, _moment(since), request)
    revoked = entry.report.inputs["key"].sha256
    if as_json:
        print_json({"keyid": revoked, "entry": entry.seq, "since": since})
    else:
        click.echo(f"{revoked[:16]} is revoked by entry {entry.seq}; `assay audit verify` names what it signed since")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecError(f"--since: expected a time such as 2026-03-03T12:00:00Z, found {text!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
