"""merkle-proofs.json: inclusion and consistency proofs, by the recursive definitions of RFC 6962."""
from functools import lru_cache

from hashing import Tree, sha256
from merkle import CT_LEAVES

LISTED = [1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 256, 257, 300]
SIZE_MAX = 300


def split(size):
    left = 1
    while left * 2 < size:
        left *= 2
    return left


class Proofs:
    def __init__(self, tree):
        self.tree = tree
        self.path = lru_cache(maxsize=None)(self._path)

    def _path(self, index, start, size):
        """PATH(m, D[n]) of section 2.1.1, over the leaves from start on."""
        if size == 1:
            return ()
        k = split(size)
        if index < k:
            return self.path(index, start, k) + (self.tree.root_of(start + k, size - k).hex(),)
        return self.path(index - k, start + k, size - k) + (self.tree.root_of(start, k).hex(),)

    def subproof(self, m, start, size, complete):
        """SUBPROOF(m, D[n], b) of section 2.1.2, over the leaves from start on."""
        if m == size:
            return () if complete else (self.tree.root_of(start, size).hex(),)
        k = split(size)
        if m <= k:
            return self.subproof(m, start, k, complete) + (self.tree.root_of(start + k, size - k).hex(),)
        return self.subproof(m - k, start + k, size - k, False) + (self.tree.root_of(start, k).hex(),)

    def inclusion(self, index, size):
        return list(self.path(index, 0, size))

    def consistency(self, old, new):
        return list(self.subproof(old, 0, new, True))


def some(size):
    return range(size) if size < 10 else sorted({0, 1, size // 2, size - 2, size - 1})


def digest(proof_of, sizes):
    text = "".join(
        f"{a} {size} {','.join(proof_of(a, size))}\n" for size in range(1, SIZE_MAX + 1) for a in sizes(size)
    )
    return {
        "about": "SHA-256 over a line for each proof: number, size and the hashes joined by commas, sizes ascending.",
        "size_max": SIZE_MAX,
        "sha256": sha256(text.encode()),
    }


def build():
    tree = Tree(lambda i: str(i).encode())
    proofs = Proofs(tree)
    reference_tree = Tree(lambda i: bytes.fromhex(CT_LEAVES[i]))
    reference = Proofs(reference_tree)
    return {
        "about": "Merkle proofs. Hashes run from the leaf's side up to the root's.",
        "source": "RFC 6962 sections 2.1.1 and 2.1.2",
        "reference": {
            "about": "Every proof in the certificate transparency reference tree; leaves and roots are in merkle-roots.json.",
            "inclusion": [
                {"index": i, "size": n, "proof": reference.inclusion(i, n)} for n in range(1, 9) for i in range(n)
            ],
            "consistency": [
                {"from": m, "to": n, "proof": reference.consistency(m, n)} for n in range(1, 9) for m in range(1, n + 1)
            ],
        },
        "decimal": {
            "about": "Leaf i is the decimal text of i in ASCII, as in merkle-roots.json.",
            "inclusion": [
                {"index": i, "size": n, "leaf": tree.root_of(i, 1).hex(), "root": tree.root(n), "proof": proofs.inclusion(i, n)}
                for n in LISTED
                for i in some(n)
            ],
            "consistency": [
                {"from": m, "from_root": tree.root(m), "to": n, "to_root": tree.root(n), "proof": proofs.consistency(m, n)}
                for n in LISTED
                for m in (x + 1 for x in some(n))
            ],
            "inclusion_accumulated": digest(proofs.inclusion, lambda n: range(n)),
            "consistency_accumulated": digest(proofs.consistency, lambda n: range(1, n + 1)),
        },
    }
