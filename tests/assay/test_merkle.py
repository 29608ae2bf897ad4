"""RFC 6962's own test vectors and laws."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from assay.merkle import (
    Frontier,
    Leaves,
    Node,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    perfect_nodes,
    prove,
    root_hash,
    verify_consistency,
    verify_inclusion,
)

# The eight leaves of the Certificate Transparency reference tests, and their roots.
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                            "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
leaf_lists = st.lists(st.binary(max_size=4), min_size=1, max_size=40).map(lambda data: [leaf_hash(d) for d in data])


def kept(leaves):
    """Every perfect subtree's root, as appends leave them."""
    nodes, frontier = {}, Frontier()
    for leaf in leaves:
        nodes |= {Node(frontier.size + 1, level): root for level, root in enumerate(frontier.completed(leaf))}
        frontier = frontier.append(leaf)
    return nodes


def test_roots_equal_the_reference_vectors():
    hashes = [leaf_hash(leaf) for leaf in LEAVES]
    assert [root_hash(hashes[:size]).hex() for size in range(1, 9)] == ROOTS
    assert root_hash([]) == hashlib.sha256(b"").digest()


@given(leaf_lists, st.data())
def test_every_leaf_proves_its_inclusion_and_no_other_place(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = prove(inclusion_path(index, len(leaves)), kept(leaves)), root_hash(leaves)
    assert verify_inclusion(leaves[index], index, len(leaves), proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, len(leaves), proof, root)
    assert not verify_inclusion(leaves[index], index, len(leaves), [*proof, b"x" * 32], root)
    assert not verify_inclusion(leaves[index], len(leaves), len(leaves), proof, root)


@given(leaf_lists, st.data())
def test_every_prefix_is_consistent_and_a_changed_one_is_not(leaves, data):
    old = data.draw(st.integers(1, len(leaves)))
    proof, root = prove(consistency_path(old, len(leaves)), kept(leaves)), root_hash(leaves)
    assert verify_consistency(old, root_hash(leaves[:old]), len(leaves), root, proof)
    forged = root_hash([leaf_hash(b"forged"), *leaves[1:old]])
    if forged != root_hash(leaves[:old]):
        assert not verify_consistency(old, forged, len(leaves), root, proof)


@given(leaf_lists)
def test_growing_by_the_right_edge_gives_the_recursive_definition(leaves):
    def definition(part):
        if len(part) == 1:
            return part[0]
        split = 1 << (len(part) - 1).bit_length() - 1
        return node_hash(definition(part[:split]), definition(part[split:]))

    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    assert frontier.root() == definition(leaves)
    assert len(frontier.nodes) == bin(len(leaves)).count("1")


@given(st.integers(1, 1 << 40), st.data())
def test_a_proof_takes_a_logarithm_of_the_leaves(size, data):
    steps = inclusion_path(data.draw(st.integers(0, size - 1)), size)
    nodes = [node for step in steps for node in perfect_nodes(step)]
    assert len(nodes) <= 2 * size.bit_length()
    assert len(steps) <= size.bit_length()


@given(leaf_lists)
def test_every_perfect_subtree_is_kept_once(leaves):
    nodes = kept(leaves)
    assert nodes == {
        Node(end, level): root_hash(leaves[end - (1 << level) : end])
        for end in range(1, len(leaves) + 1)
        for level in range((end & -end).bit_length())
    }
    assert [nodes[node] for node in perfect_nodes(Leaves(0, len(leaves)))]
