"""Merkle tree hash, inclusion and consistency proofs after RFC 6962, section 2.1. Pure functions.

Laws: the root of equal leaf lists is equal, of different lists different (SHA-256 permitting); a proof
verifies against the root it was made for and no other; an append never changes what was proved before.

A proof is made of O(log n) roots of perfect subtrees. Those never change once their last leaf is there, so
whoever keeps them (`Frontier.completed`) proves without reading the leaves again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

_EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data): the prefix keeps leaves and nodes apart (section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Node(NamedTuple):
    """The perfect subtree of 2**level leaves whose last leaf is number `end` - 1."""

    end: int
    level: int


class Leaves(NamedTuple):
    """The leaves from `start` up to, not including, `end`: one step of a proof is their root."""

    start: int
    end: int


@dataclass(frozen=True)
class Frontier:
    """The right edge of a growing tree: roots of its maximal perfect subtrees, largest first; O(log n)."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Self:
        """The frontier after one more leaf hash."""
        completed = self.completed(leaf)
        kept = self.nodes[: len(self.nodes) - len(completed) + 1]
        return type(self)(self.size + 1, (*kept, completed[-1]))

    def completed(self, leaf: bytes) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees that end with one more leaf hash, by level, the leaf itself first."""
        found, size = [leaf], self.size
        for node in reversed(self.nodes):
            if not size & 1:
                break
            found.append(node_hash(node, found[-1]))
            size >>= 1
        return tuple(found)

    def root(self) -> bytes:
        """The tree's root; of an empty tree SHA-256 of nothing."""
        return _fold(self.nodes) if self.nodes else _EMPTY_ROOT


def root_hash(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root()


def perfect_nodes(leaves: Leaves) -> list[Node]:
    """The maximal perfect subtrees that `leaves` of one proof step are made of, largest first."""
    found, start = list[Node](), leaves.start
    while start < leaves.end:
        level = (leaves.end - start).bit_length() - 1
        start += 1 << level
        found.append(Node(start, level))
    return found


def inclusion_path(index: int, size: int) -> list[Leaves]:
    """PATH(index, D[size]), section 2.1.1: whose roots lead from a leaf to the root of `size` leaves."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of {size}")
    return _path(index, Leaves(0, size))


def _path(index: int, leaves: Leaves) -> list[Leaves]:
    if leaves.end - leaves.start == 1:
        return []
    left, right = _halves(leaves)
    return [*_path(index, left), right] if index < right.start else [*_path(index, right), left]


def consistency_path(old_size: int, size: int) -> list[Leaves]:
    """PROOF(old_size, D[size]), section 2.1.2: whose roots show that the first `old_size` leaves are a prefix."""
    if not 0 < old_size <= size:
        raise IndexError(f"old size {old_size} of {size}")
    return _subproof(old_size, Leaves(0, size), whole=True)


def _subproof(old_size: int, leaves: Leaves, *, whole: bool) -> list[Leaves]:
    if old_size == leaves.end:
        return [] if whole else [leaves]
    left, right = _halves(leaves)
    if old_size <= right.start:
        return [*_subproof(old_size, left, whole=whole), right]
    return [*_subproof(old_size, right, whole=False), left]


def prove(path: Sequence[Leaves], nodes: Mapping[Node, bytes]) -> list[bytes]:
    """The hashes of a proof, from the perfect subtrees its steps are made of. Raises KeyError where one is missing."""
    return [_fold([nodes[node] for node in perfect_nodes(step)]) for step in path]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is number `index` of the `size` leaves under `root` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(step, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, step)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `old_size` is a prefix of the tree of `size` (RFC 9162, section 2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    steps = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not steps:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_result = result = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_result, result = node_hash(step, old_result), node_hash(step, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, step)
        node, last = node >> 1, last >> 1
    return last == 0 and old_result == old_root and result == root


def _fold(nodes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, largest first."""
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


def _halves(leaves: Leaves) -> tuple[Leaves, Leaves]:
    """Split before the largest power of two smaller than their number."""
    split = leaves.start + (1 << (leaves.end - leaves.start - 1).bit_length() - 1)
    return Leaves(leaves.start, split), Leaves(split, leaves.end)
