"""Archives that hide a pickle, lie about their members or lead out of their folder, by file name."""

import bz2
import gzip
import io
import json
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping

import joblib
import lz4.frame
import numpy as np
import torch
import zstandard

from tests.tasks.scanning.pickle_gadgets import GADGETS

SYSTEM = GADGETS["os_system.pkl"]


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(members: Mapping[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            change(header)
            archive.addfile(header, io.BytesIO(data))
    return made.getvalue()


def state_dict(*, is_zip: bool = True) -> bytes:
    made = io.BytesIO()
    torch.save({"w": torch.arange(6.0).reshape(2, 3)}, made, _use_new_zipfile_serialization=is_zip)
    return made.getvalue()


def repacked(change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A checkpoint of PyTorch with other members."""
    with zipfile.ZipFile(io.BytesIO(state_dict())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    return zipped(members)


def _with(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: data})


def _linked(kind: bytes, target: str) -> bytes:
    def change(header: tarfile.TarInfo) -> None:
        header.type, header.linkname = kind, target

    return tarred({"model.bin": b""}, change)


def _sized(header: tarfile.TarInfo) -> None:
    header.pax_headers["GNU.sparse.size"] = "9"


def _program(change: Callable[[str], str] = str, **members: bytes) -> bytes:
    """A program of one operator, its graph changed as text."""
    node = {"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": []}
    size = {"as_expr": {"expr_str": "Symbol('s0', positive=True, integer=True)"}}
    graph = {"graph_module": {"graph": {"nodes": [node], "sizes": [size]}}, "guards_code": ["L['x'].size()[0] >= 2"]}
    weights = {"config": {"w": {"path_name": "weight_0", "use_pickle": False, "tensor_meta": {}}}}
    return zipped(
        {
            "p/archive_format": b"pt2",
            "p/models/model.json": change(json.dumps(graph)).encode(),
            "p/data/weights/model_weights_config.json": json.dumps(weights).encode(),
            "p/data/weights/weight_0": bytes(range(8)),
            **members,
        }
    )


def _patched(data: bytes, signature: bytes, offset: int, new: bytes) -> bytes:
    """`data` with some bytes of its first record of that signature replaced."""
    at = data.index(signature) + offset
    return data[:at] + new + data[at + len(new) :]


def _link_in_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        entry = zipfile.ZipInfo("model.txt")
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return made.getvalue()


def _duplicate() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:  # its own check for names seen is led astray
        archive.writestr("a.txt", "first")
        archive.NameToInfo.clear()
        archive.filelist[0].filename = "b.txt"
        archive.writestr("a.txt", "second")
        archive.filelist[0].filename = "a.txt"
    return made.getvalue()


def _hidden_local_entry() -> bytes:
    """A member that only readers of local headers see, before the one the directory names."""
    hidden, shown = zipped({"a.pkl": SYSTEM}), zipped({"b.txt": b"fine"})
    local = hidden[: hidden.index(b"PK\x01\x02")]
    directory_at = shown.index(b"PK\x01\x02")
    data = bytearray(local + shown)
    struct.pack_into("<L", data, len(local) + directory_at + 42, len(local))
    struct.pack_into("<L", data, len(data) - 6, len(local) + directory_at)
    return bytes(data)


def _overlap() -> bytes:
    """Two names for the same bytes, as in bombs without nesting."""
    data = zipped({"a.txt": b"x" * 100})
    directory_at = data.index(b"PK\x01\x02")
    entry = data[directory_at:-22]
    both = entry + entry.replace(b"a.txt", b"b.txt")
    return data[:directory_at] + both + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(both), directory_at, 0)


def _bad_crc() -> bytes:
    data = bytearray(state_dict())
    at = bytes(data).index(struct.pack("<f", 5.0))
    data[at] ^= 0xFF
    return bytes(data)


def _nested(depth: int) -> bytes:
    data = SYSTEM
    for _ in range(depth):
        data = zipped({"inner.zip": data})
    return data


_CHECKED = zstandard.ZstdCompressor(write_checksum=True)
_SKIPPED = b"\x50\x2aM\x18" + struct.pack("<I", len(SYSTEM)) + SYSTEM


def _joblib(compress: str) -> bytes:
    made = io.BytesIO()
    packer = {"zlib": zlib.compress, "gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
              "lz4": lz4.frame.compress, "zst": zstandard.compress}[compress]  # fmt: skip
    joblib.dump({"a": np.arange(5)}, made)
    return packer(made.getvalue()[:-1] + SYSTEM[2:])


def _storage_size(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.endswith("data/0"))
    members[name] = members[name][:-4]


def _no_storage(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.endswith("data/0"))]


def _pickle(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.endswith("data.pkl"))
    members[name] = members[name][:2] + SYSTEM[2:-1] + b"0" + members[name][2:]


def _location(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.endswith("data.pkl"))
    members[name] = members[name].replace(b"\x03\x00\x00\x00cpu", b"\x07\x00\x00\x00/etc/no")


_STATE = state_dict()
_ROOT = zipfile.ZipFile(io.BytesIO(_STATE)).namelist()[0].split("/")[0]
_TEXT_ZIP = zipped({"a.txt": b"fine text", "b.txt": b"more text"})
_OBJECTS = b"\x93NUMPY\x01\x00\x3c\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }  \n" + SYSTEM
_BOMB = zlib.compress(bytes(64 << 20), 9)
ARCHIVES: Mapping[str, bytes] = {
    "torch_gadget.pt": repacked(_pickle),
    "torch_gadget_deflated.pt": zipped({"archive/data.pkl": SYSTEM, "archive/version": b"3\n"}, zipfile.ZIP_DEFLATED),
    "torch_script_code.pt": repacked(_with(f"{_ROOT}/code/__torch__.py", b"def forward(self): pass\n")),
    "torch_script_constants.pt": repacked(_with(f"{_ROOT}/constants.pkl", b"\x80\x02).")),
    "torch_second_pickle.pt": repacked(_with(f"{_ROOT}/extra/hook.pkl", SYSTEM)),
    "torch_beside_its_folder.pt": repacked(_with("evil.pkl", SYSTEM)),
    "torch_case_twin.pt": repacked(_with(f"{_ROOT}/DATA.PKL", SYSTEM)),
    "torch_short_storage.pt": repacked(_storage_size),
    "torch_missing_storage.pt": repacked(_no_storage),
    "torch_location.pt": repacked(_location),
    "torch_legacy_gadget.pt": state_dict(is_zip=False)[:35] + SYSTEM,
    "torch_legacy_magic_then_gadget.pt": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03." + SYSTEM,
    "torch_legacy_short.pt": state_dict(is_zip=False)[:-4],
    "torch_legacy_trailing.pt": state_dict(is_zip=False) + SYSTEM,
    "export_target.pt2": _program(lambda graph: graph.replace("torch.ops.aten.relu.default", "torch.hub.load")),
    "export_library.pt2": _program(lambda graph: graph.replace("aten.relu.default", "load_library")),
    "export_from_file.pt2": _program(lambda graph: graph.replace("aten.relu.default", "aten.from_file.default")),
    "export_size.pt2": _program(lambda graph: graph.replace("Symbol('s0', ", "eval('s0', ")),
    "export_size_by_attribute.pt2": _program(lambda graph: graph.replace("Symbol(", "().__class__(")),
    "export_guard.pt2": _program(lambda graph: graph.replace("L['x'].size()[0] >= 2", "__import__('os') or L")),
    "export_weight_pickle.pt2": _program(**{"p/data/weights/weight_1": SYSTEM}),
    "export_constant_pickle.pt2": _program(**{"p/data/constants/custom_obj_0": SYSTEM}),
    "export_sample_pickle.pt2": _program(**{"p/data/sample_inputs/model.pt": zipped({"a/data.pkl": SYSTEM})}),
    "export_beside.pt2": _program(**{"other.txt": b"fine"}),
    "bad_crc.pt": _bad_crc(),
    "encrypted_flag.pt": _patched(_patched(_STATE, b"PK\x03\x04", 6, b"\x09"), b"PK\x01\x02", 8, b"\x09"),
    "flag_in_one_header.pt": _patched(_STATE, b"PK\x01\x02", 8, b"\x09"),
    "truncated.pt": _STATE[:-40],
    "pickle_before_zip.pt": SYSTEM + _STATE,
    "text_before_zip.md": b"# Card\n" + _TEXT_ZIP,
    "zip_after_pickle.pkl": GADGETS["two_benign.pkl"][:22] + _TEXT_ZIP,
    "bytes_after_zip.zip": _TEXT_ZIP + b"\x00" * 10,
    "comment.zip": _TEXT_ZIP[:-2] + struct.pack("<H", len(SYSTEM)) + SYSTEM,
    "nested_gadget.zip": _nested(2),
    "nested_deep.zip": _nested(8),
    "gadget_by_no_name.zip": zipped({"weights": SYSTEM}),
    "gadget_deflated.zip": zipped({"a.txt": b"fine", "weights.bin": SYSTEM}, zipfile.ZIP_DEFLATED),
    "unknown_method.zip": zipped({"a.txt": b"fine" * 50}, zipfile.ZIP_LZMA),
    "parent_name.zip": zipped({"../../etc/cron.d/evil": b"fine"}),
    "absolute_name.zip": zipped({"/etc/evil": b"fine"}),
    "backslash_name.zip": zipped({"..\\evil.txt": b"fine"}),
    "link.zip": _link_in_zip(),
    "duplicate.zip": _duplicate(),
    "hidden_local_entry.zip": _hidden_local_entry(),
    "overlap.zip": _overlap(),
    "other_local_name.zip": _patched(_TEXT_ZIP, b"PK\x03\x04", 30, b"c.pkl"),
    "other_local_method.zip": _patched(_TEXT_ZIP, b"PK\x03\x04", 8, b"\x08"),
    "other_local_size.zip": _patched(_TEXT_ZIP, b"PK\x03\x04", 18, b"\x01\x00"),
    "script_inside.zip": zipped({"model/modeling.py": b"import os\n"}),
    "empty.zip": zipped({}),
    "bomb.zip": zipped({"zeros.txt": bytes(64 << 20)}, zipfile.ZIP_DEFLATED),
    "object_array.npz": zipped({"a.npy": _OBJECTS}),
    "gadget.tar": tarred({"model.pkl": SYSTEM}),
    "gadget.tar.gz": gzip.compress(tarred({"model/weights": SYSTEM})),
    "gadget.tar.bz2": bz2.compress(tarred({"model.pkl": SYSTEM})),
    "gadget.tar.xz": lzma.compress(tarred({"model.pkl": SYSTEM})),
    "tar_in_zip.zip": zipped({"a.tar": tarred({"b.zip": zipped({"c": SYSTEM})})}),
    "link.tar": _linked(tarfile.SYMTYPE, "/etc/passwd"),
    "hard_link.tar": _linked(tarfile.LNKTYPE, "../../etc/passwd"),
    "device.tar": _linked(tarfile.CHRTYPE, ""),
    "pipe.tar": _linked(tarfile.FIFOTYPE, ""),
    "parent_name.tar": tarred({"../evil.txt": b"fine"}),
    "absolute_name.tar": tarred({"/evil.txt": b"fine"}),
    "duplicate.tar": tarred({"a.txt": b"fine"})[:1024] + tarred({"a.txt": b"other"}),
    "after_the_end.tar": tarred({"a.txt": b"fine"}) + tarred({"b.pkl": SYSTEM}),
    "pickle_as_first_name.tar": tarred({GADGETS["os_protocol_0.pkl"].decode(): b"fine"}),
    "truncated.tar": tarred({"a.txt": b"x" * 2_000})[:1_500],
    "sized_by_extension.tar": tarred({"a.txt": b"fine"}, _sized),
    "gadget.pkl.gz": gzip.compress(SYSTEM),
    "gadget.pkl.bz2": bz2.compress(SYSTEM),
    "gadget.pkl.xz": lzma.compress(SYSTEM),
    "gadget.lzma": lzma.compress(SYSTEM, lzma.FORMAT_ALONE),
    "gadget_zlib.joblib": _joblib("zlib"),
    "gadget_gzip.joblib": _joblib("gzip"),
    "gadget_bz2.joblib": _joblib("bz2"),
    "gadget_xz.joblib": _joblib("xz"),
    "gadget_lz4.joblib": _joblib("lz4"),
    "gadget_zstandard.joblib": _joblib("zst"),
    "gadget.tar.lz4": lz4.frame.compress(tarred({"model/weights": SYSTEM})),
    "gadget.tar.zst": zstandard.compress(tarred({"model/weights": SYSTEM})),
    "lz4_truncated.lz4": lz4.frame.compress(b"fine text" * 100)[:-5],
    "zstandard_truncated.zst": zstandard.compress(b"fine text" * 100)[:-5],
    "zstandard_bad_checksum.zst": _CHECKED.compress(b"fine text")[:-4] + bytes(4),
    "lz4_then_rubbish.lz4": lz4.frame.compress(b"fine text") + SYSTEM,
    "zstandard_then_rubbish.zst": zstandard.compress(b"fine text") + SYSTEM,
    "lz4_second_frame.lz4": lz4.frame.compress(GADGETS["two_benign.pkl"][:22]) + lz4.frame.compress(SYSTEM),
    "zstandard_second_frame.zst": zstandard.compress(GADGETS["two_benign.pkl"][:22]) + zstandard.compress(SYSTEM),
    "lz4_skipped_frame.lz4": lz4.frame.compress(b"fine text") + _SKIPPED,
    "zstandard_skipped_frame.zst": zstandard.compress(b"fine text") + _SKIPPED,
    "bomb.lz4": lz4.frame.compress(bytes(16 << 20)),
    "bomb.zst": zstandard.compress(bytes(16 << 20)),
    "old_joblib.z": b"ZF0x1a                " + zlib.compress(SYSTEM),
    "lz4_frame.joblib": b"\x04\x22\x4d\x18\x64\x40\xa7" + SYSTEM,
    "zstd_frame.pkl": b"\x28\xb5\x2f\xfd\x24" + SYSTEM,
    "seven_zip.7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24),
    "rar.rar": b"Rar!\x1a\x07\x01\x00" + bytes(24),
    "gzip_twice.pkl.gz.gz": gzip.compress(gzip.compress(SYSTEM)),
    "gzip_then_rubbish.gz": gzip.compress(b"fine text") + SYSTEM,
    "gzip_truncated.gz": gzip.compress(b"fine text" * 100)[:-9],
    "gzip_bad_crc.gz": gzip.compress(b"fine text")[:-8] + bytes(8),
    "second_member.gz": gzip.compress(GADGETS["two_benign.pkl"][:22]) + gzip.compress(SYSTEM),
    "bomb.z": _BOMB,
    "nothing.gz": gzip.compress(b""),
}  # fmt: skip
