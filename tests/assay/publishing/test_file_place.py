"""The file beside the keys never goes back, and any changed byte of it is refused."""

import pytest

from assay.checkpoint import Checkpoint
from assay.errors import EngineUnavailable, IntegrityError
from assay.publishing.file_place import FilePlace


def test_file_never_goes_back(keys, tmp_path):
    place = FilePlace(tmp_path / "checkpoint", keys)
    large, small = Checkpoint(5, b"a" * 32), Checkpoint(4, b"b" * 32)
    for state in (large, small):
        assert place.publish(state.signed(keys))
    assert place.newest(0) == large


def test_file_with_any_flipped_byte_is_rejected(keys, tmp_path):
    place = FilePlace(tmp_path / "checkpoint", keys)
    assert place.newest(0) is None
    place.publish(Checkpoint(5, b"a" * 32).signed(keys))
    whole = place.path.read_bytes()
    for number in range(len(whole)):
        place.path.write_bytes(whole[:number] + bytes([whole[number] ^ 0x80]) + whole[number + 1 :])
        with pytest.raises(IntegrityError, match=str(place.path)):
            place.newest(0)


def test_full_or_missing_disk_is_the_places_problem(keys, tmp_path):
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(EngineUnavailable, match="checkpoint"):
        FilePlace(tmp_path / "checkpoint", keys).publish(Checkpoint(5, b"a" * 32).signed(keys))
