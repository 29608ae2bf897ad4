"""Every append is published; a place that fails is told, one that was rolled back is named."""

import json
import logging

import pytest
from pydantic import SecretStr

from assay.audit.findings import Kind
from assay.errors import SpecError
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.publishing.open_places import open_places
from assay.settings import Settings
from tests.assay.cli.test_audit import audit
from tests.assay.publishing.conftest import KEY, SECRET
from tests.assay.tampering.attacker import Attacker
from tests.assay.test_ledger import envelope, fill, report

__all__ = ["audit"]  # the fixture


@pytest.fixture
def settings(settings, tmp_path, webhook, plain_s3, request):
    """Of a ledger that publishes to a file, S3 and a webhook."""
    (tmp_path / "far").mkdir()
    places = f"{(tmp_path / 'far' / 'checkpoint').as_uri()} s3://notes/{request.node.name[:40]} {webhook.url}"
    return settings.model_copy(
        update={
            "checkpoint_publish": places,
            "checkpoint_secret": SecretStr(SECRET),
            "s3_endpoint_url": plain_s3,
            "s3_access_key": SecretStr(KEY),
            "s3_secret_key": SecretStr(SECRET),
        }
    )


def named(ledger):
    return [(one.kind, one.seq) for one in verify_ledger(ledger, ledger.keys).broken]


def test_every_append_is_published_everywhere(ledger, keys, webhook):
    fill(ledger, keys, 3)
    found = verify_ledger(ledger, keys)
    assert (found.broken, [(one.size, one.behind, one.is_read) for one in found.published]) == (
        (), [(3, 0, True), (3, 0, True), (3, 0, True), (3, 0, False)])  # fmt: skip
    assert len(webhook.posted) == 3
    assert webhook.posted[-1] == (ledger.checkpoint(), True)
    assert "hidden" not in str(found.published)


def test_place_that_fails_is_told_and_caught_up_by_command(ledger, keys, webhook, tmp_path, caplog, audit, settings,
                                                           monkeypatch):  # fmt: skip
    fill(ledger, keys, 1)
    webhook.answer = 500
    with caplog.at_level(logging.WARNING):
        fill(ledger, keys, 3)
    assert "expected an answer of 2xx, found 500" in caplog.text
    assert [one.behind for one in verify_ledger(ledger, keys).published] == [0, 0, 0, 2]
    for name in ("checkpoint_publish", "s3_endpoint_url"):
        monkeypatch.setenv(f"ASSAY_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("ASSAY_S3_ACCESS_KEY", KEY)
    monkeypatch.setenv("ASSAY_S3_SECRET_KEY", SECRET)
    assert audit("publish")[0] == 1
    webhook.answer = 200
    code, out = audit("publish", "--json")
    assert (code, [(one["size"], one["problem"]) for one in json.loads(out)["published"]]) == (0, [(3, "")] * 4)
    assert [one.behind for one in verify_ledger(ledger, keys).published] == [0, 0, 0, 0]


def test_older_checkpoint_in_the_file_is_a_rollback(ledger, keys, tmp_path):
    fill(ledger, keys, 2)
    old = ledger.mirror.path.read_bytes()
    fill(ledger, keys, 4)
    for path in (ledger.mirror.path, tmp_path / "far" / "checkpoint"):
        newest = path.read_bytes()
        path.write_bytes(old)
        assert named(ledger) == [(Kind.CHECKPOINT_ROLLED_BACK, 1)]
        path.unlink()
        assert named(ledger) == [(Kind.CHECKPOINT_ROLLED_BACK, 0)]
        path.write_bytes(newest)
    assert named(ledger) == []


def test_checkpoint_deleted_from_s3_without_lock_is_a_rollback(ledger, keys):
    fill(ledger, keys, 3)
    place = ledger.places[2]
    place._client.delete_object(Bucket=place._bucket, Key=place._key(3))
    assert named(ledger) == [(Kind.CHECKPOINT_ROLLED_BACK, 1)]


def test_tail_dropped_with_the_file_beside_the_keys_is_named_by_the_other_places(ledger, keys):
    fill(ledger, keys, 4)
    Attacker(ledger).truncate(2)
    ledger.mirror.path.write_text(ledger.checkpoint())
    ledger.connection.execute("ALTER TABLE assay_ledger.publications DISABLE TRIGGER ALL")
    ledger.connection.execute("DELETE FROM assay_ledger.publications WHERE size > 2")
    assert named(ledger) == [(Kind.TAIL_DROPPED, 2)]
    assert [one.size for one in verify_ledger(ledger, keys).published] == [2, 4, 4, 2]


def test_place_that_does_not_answer_is_not_taken_for_verified(ledger, keys, audit):
    fill(ledger, keys, 2)
    ledger.places[2]._bucket = "nowhere"
    found = verify_ledger(ledger, keys)
    assert found.ok
    assert "nowhere" in found.unread[0].problem or "NoSuchBucket" in found.unread[0].problem


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "checkpoint", "s3:///prefix", "s3://b/p?lock_days=0", "s3://b/p?lock_days=x", "s3://b?days=3",
            "file:///", "https://"],
)  # fmt: skip
def test_url_that_names_no_place_is_refused(url, keys):
    with pytest.raises(SpecError, match="ASSAY_CHECKPOINT_PUBLISH"):
        open_places(Settings(checkpoint_publish=url), keys, lambda: None)


def test_log_appends_although_no_place_answers(settings, keys, webhook):
    silent = settings.model_copy(
        update={"checkpoint_publish": "s3://notes/x http://127.0.0.1:9/", "s3_endpoint_url": "http://127.0.0.1:9"}
    )
    ledger = Ledger.open(silent)
    ledger.append(envelope(keys, report(1)))
    assert ledger.size() == 1
    ledger.close()
