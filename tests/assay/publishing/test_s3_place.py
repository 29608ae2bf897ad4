"""Checkpoints in S3: each size an object of its own; with object lock nobody takes one back."""

import uuid
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from assay.checkpoint import Checkpoint
from assay.errors import EngineUnavailable, IntegrityError
from assay.publishing.s3_place import S3Place
from assay.s3 import s3_client
from assay.settings import Settings
from tests.assay.publishing.conftest import KEY, SECRET


def client_of(endpoint):
    settings = {"s3_endpoint_url": endpoint, "s3_access_key": KEY, "s3_secret_key": SECRET}
    return s3_client(Settings.model_validate(settings), attempts=1)


@pytest.fixture
def plain(plain_s3, keys):
    return S3Place(client_of(plain_s3), "notes", uuid.uuid4().hex, keys, lambda: datetime.now(UTC))


@pytest.fixture
def locked(locking_s3, keys):
    client, bucket = client_of(locking_s3), uuid.uuid4().hex
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return S3Place(client, bucket, "notes", keys, lambda: datetime.now(UTC), lock_days=30)


@pytest.fixture(params=["plain", "locked"])
def place(request):
    return request.getfixturevalue(request.param)


def note(keys, size, root=b"r"):
    return Checkpoint(size, root * 32).signed(keys)


def test_largest_checkpoint_is_the_newest_whatever_came_last(place, keys):
    assert place.newest(0) is None
    for size in (9, 10, 2):
        assert place.publish(note(keys, size))
    for known in (0, 9, 10, 11):
        assert place.newest(known).size == 10


def test_object_that_was_changed_is_refused(place, keys):
    place.publish(note(keys, 3))
    place._client.put_object(Bucket=place._bucket, Key=place._key(3), Body=note(keys, 3).replace("r", "s").encode())
    with pytest.raises(IntegrityError, match="checkpoint"):
        place.newest(0)


def test_older_checkpoint_under_a_newer_name_is_a_rollback(place, keys):
    place.publish(note(keys, 3))
    place._client.put_object(Bucket=place._bucket, Key=place._key(5), Body=note(keys, 3).encode())
    with pytest.raises(IntegrityError, match="of 3 entries") as caught:
        place.newest(0)
    assert caught.value.kind == "checkpoint_rolled_back"


def test_locked_checkpoint_is_not_deleted_and_a_marker_hides_nothing(locked, keys):
    locked.publish(note(keys, 3))
    locked.publish(note(keys, 4))
    kept = locked._client.head_object(Bucket=locked._bucket, Key=locked._key(4))
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert 29 <= (kept["ObjectLockRetainUntilDate"] - datetime.now(UTC)).days <= 30
    (version,) = locked._client.list_object_versions(Bucket=locked._bucket, Prefix=locked._key(4))["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        locked._client.delete_object(Bucket=locked._bucket, Key=locked._key(4), VersionId=version["VersionId"])
    locked._client.delete_object(Bucket=locked._bucket, Key=locked._key(4))
    assert "Contents" not in locked._client.list_objects_v2(Bucket=locked._bucket, Prefix=locked._key(4))
    assert locked.newest(0).size == 4


def test_second_history_put_over_a_locked_checkpoint_is_a_fork(locked, keys):
    locked.publish(note(keys, 3))
    locked.publish(note(keys, 3, b"s"))
    with pytest.raises(IntegrityError, match="two signed histories") as caught:
        locked.newest(3)
    assert caught.value.kind == "forked"


def test_server_without_object_lock_refuses_to_pretend(plain, keys):
    locking = S3Place(plain._client, "notes", "locked", keys, lambda: datetime.now(UTC), lock_days=30)
    locking.publish(note(keys, 3))
    with pytest.raises(EngineUnavailable):
        locking.newest(0)


def test_missing_bucket_or_server_is_unavailable(plain_s3, keys):
    gone = S3Place(client_of(plain_s3), "nowhere", "", keys, lambda: datetime.now(UTC))
    silent = S3Place(client_of("http://127.0.0.1:9"), "notes", "", keys, lambda: datetime.now(UTC))
    for place in (gone, silent):
        with pytest.raises(EngineUnavailable, match=place.url):
            place.newest(0)
