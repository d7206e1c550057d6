"""merkle-roots.json: RFC 6962 roots for every size from 0 to 300, and the certificate transparency reference tree."""
from hashing import Tree, sha256

CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
# As published with the certificate transparency reference code; checked below, not computed.
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def build():
    reference = Tree(lambda i: bytes.fromhex(CT_LEAVES[i]))
    assert [reference.root(size) for size in range(9)] == CT_ROOTS
    tree = Tree(lambda i: str(i).encode())
    many = "".join(tree.root(size) + "\n" for size in range(4001))
    return {
        "about": "Merkle tree hashes. A leaf hash is SHA-256(0x00 || leaf), a node hash SHA-256(0x01 || left || right).",
        "source": "RFC 6962 section 2.1",
        "reference": {
            "about": "The certificate transparency reference tree: leaves as hex, roots by size.",
            "leaves_hex": CT_LEAVES,
            "roots": CT_ROOTS,
        },
        "decimal": {
            "about": "Leaf i is the decimal text of i in ASCII: leaf 0 is '0', leaf 12 is '12'. roots[n] is the root over the first n leaves.",
            "roots": [tree.root(size) for size in range(301)],
            "accumulated": {
                "about": "SHA-256 over the roots of all sizes from 0 to size_max, each as 64 hex digits and a newline.",
                "size_max": 4000,
                "sha256": sha256(many.encode()),
            },
        },
    }
