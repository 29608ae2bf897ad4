"""What the looks into one file share: how deep they are, what is left to unpack, and where the file lies."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, BinaryIO, cast

from tasks.scanning.finding import Judged, unreadable
from tasks.scanning.limits import MAX_DEPTH, MAX_MEMBERS, MAX_RATIO, MAX_UNPACKED, RATIO_FROM
from tasks.scanning.region import Region


@dataclass
class Budget:
    """Used up by one file of `size` bytes, at all depths together."""

    size: int
    members: int = MAX_MEMBERS
    unpacked: int = 0

    def take_member(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise unreadable(f"more than {MAX_MEMBERS} members", "archive-limit")

    def take(self, unpacked: int) -> None:
        self.unpacked += unpacked
        if self.unpacked > MAX_UNPACKED:
            raise unreadable(f"unpacks to more than {MAX_UNPACKED} bytes", "archive-limit")
        check_ratio(self.unpacked, MAX_DEPTH * self.size)


@dataclass(frozen=True)
class Look:
    """One look at one region. name: as its archive or folder has it. folder: of a file on disk; None inside others.

    inspect: judges what is inside by its content, as the file itself is judged. referenced: files that an ONNX graph
    keeps weights in; filled by the scan.
    """

    name: str
    folder: Path | None
    inspect: Callable[[Region, "Look"], Judged]
    budget: Budget
    depth: int = 0
    referenced: set[Path] = field(default_factory=set)

    def into(self, name: str, region: Region) -> Judged:
        """What is found in a member of this region."""
        if self.depth >= MAX_DEPTH:
            raise unreadable(f"archives nested more than {MAX_DEPTH} deep", "too-deep")
        return self.inspect(region, replace(self, name=name, folder=None, depth=self.depth + 1))

    @contextmanager
    def unpacked(self, blocks: Iterator[bytes], packed_bytes: int) -> Iterator[Region]:
        """The blocks as a region on disk, within the limits of size and ratio."""
        with tempfile.TemporaryFile() as file:
            size = 0
            for block in blocks:
                size += len(block)
                self.budget.take(len(block))
                check_ratio(size, packed_bytes)
                file.write(block)
            yield Region(cast("BinaryIO", cast("IO[bytes]", file)), 0, size)


def check_ratio(unpacked: int, packed: int) -> None:
    """Refuses what unpacks to far more than it is, as bombs do."""
    if unpacked > RATIO_FROM and unpacked > MAX_RATIO * max(packed, 1):
        raise unreadable(f"unpacks to more than {MAX_RATIO} times its {packed} bytes", "archive-limit")
