"""tlog.json: tiles, entry bundles, verifier keys, signed notes, checkpoints, cosignatures and proof files."""
import base64
import hashlib

from ed25519 import public_key, sign
from hashing import Tree, sha256
from proofs import Proofs

LOG, WITNESS = "example.com/fancylog", "witness.example/w1"
LOG_SEED, WITNESS_SEED = bytes(range(32)), bytes(range(32, 64))
ML_DSA_KEY = (b"not a real ML-DSA-44 key " * 60)[:1312]
TIME = 1763683200
SIZE = 300
TILED_SIZE = 70_000


def b64(data):
    return base64.b64encode(data).decode()


def key_id(name, kind, key):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def vkey(name, kind, key):
    return f"{name}+{key_id(name, kind, key).hex()}+{b64(bytes([kind]) + key)}"


def line(name, kind, key, signature):
    return f"\u2014 {name} {b64(key_id(name, kind, key) + signature)}\n"


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == 256 else f".p/{width}")


def tiles_of(tree, size):
    """Path and digest of every hash tile of a log of this size."""
    level = 0
    while 256**level <= size:
        span = 256**level
        hashes = size // span
        for index in range((hashes + 255) // 256):
            first, last = index * 256, min(index * 256 + 256, hashes)
            data = b"".join(tree.root_of(i * span, span) for i in range(first, last))
            yield tile_path(level, index, last - first), sha256(data)
        level += 1


def bundle(entries):
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries).hex()


def build():
    tree = Tree(lambda i: str(i).encode())
    tiles = list(tiles_of(tree, TILED_SIZE))
    paths = [
        (level, index, width, tile_path(level, index, width))
        for level in [0, 1, 5, 63, "entries"]
        for index in [0, 1, 67, 999, 1000, 1234067, 1000000, 2**53 - 1]
        for width in [1, 9, 255, 256]
    ]
    log_key, witness_key = public_key(LOG_SEED), public_key(WITNESS_SEED)
    text = f"{LOG}\n{SIZE}\n{b64(bytes.fromhex(tree.root(SIZE)))}\n"
    cosigned = f"cosignature/v1\ntime {TIME}\n{text}".encode()
    log_line = line(LOG, 1, log_key, sign(LOG_SEED, text.encode()))
    cosignature = TIME.to_bytes(8, "big") + sign(WITNESS_SEED, cosigned)
    witness_line = line(WITNESS, 4, witness_key, cosignature)
    ml_dsa_message = b"".join(
        [
            b"subtree/v1\n\0",
            bytes([len(WITNESS)]),
            WITNESS.encode(),
            TIME.to_bytes(8, "big"),
            bytes([len(LOG)]),
            LOG.encode(),
            (0).to_bytes(8, "big"),
            SIZE.to_bytes(8, "big"),
            bytes.fromhex(tree.root(SIZE)),
        ]
    )
    hashes = "".join(b64(bytes.fromhex(hash)) + "\n" for hash in Proofs(tree).inclusion(42, SIZE))
    checkpoint = text + "\n" + log_line + witness_line
    return {
        "about": "Tiles and signed texts of a transparency log. Leaf i of the logs is the decimal text of i in ASCII.",
        "source": "c2sp.org/tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof; RFC 8032",
        "tile_paths": [dict(zip(("level", "index", "width", "path"), path)) for path in paths],
        "tiles": {
            "about": "Every hash tile of the log of this size, level by level. sha256 is over a line for each: path, space, SHA-256 of its bytes.",
            "size": TILED_SIZE,
            "count": len(tiles),
            "sha256": sha256("".join(f"{path} {digest}\n" for path, digest in tiles).encode()),
            "last": [dict(zip(("path", "sha256"), tile)) for tile in tiles[-4:]],
            "root": tree.root(TILED_SIZE),
        },
        "bundles": [
            {"entries_hex": [entry.hex() for entry in entries], "hex": bundle(entries)}
            for entries in ([b""], [b"a"], [b"0", b"", b"x" * 300], [str(i).encode() for i in range(256)])
        ],
        "verifier_keys": [
            {"name": LOG, "type": "ed25519", "public_key": log_key.hex(), "vkey": vkey(LOG, 1, log_key)},
            {"name": WITNESS, "type": "ed25519_cosignature", "public_key": witness_key.hex(), "vkey": vkey(WITNESS, 4, witness_key)},
            {"name": WITNESS, "type": "ml_dsa_44_cosignature", "public_key": ML_DSA_KEY.hex(), "vkey": vkey(WITNESS, 6, ML_DSA_KEY)},
        ],
        "checkpoint": {
            "about": "Signed by the log and cosigned by the witness at this time. Seeds are Ed25519 private keys.",
            "origin": LOG,
            "size": SIZE,
            "root": tree.root(SIZE),
            "time": TIME,
            "log_seed": LOG_SEED.hex(),
            "witness_seed": WITNESS_SEED.hex(),
            "text": text,
            "cosigned_message_ed25519": cosigned.hex(),
            "cosigned_message_ml_dsa_44": ml_dsa_message.hex(),
            "note": checkpoint,
        },
        "proofs": [
            {
                "about": about,
                "leaf": tree.root_of(42, 1).hex(),
                "index": 42,
                "extra_hex": extra and extra.hex(),
                "text": "c2sp.org/tlog-proof@v1\n" + (f"extra {b64(extra)}\n" if extra else "") + f"index 42\n{hashes}\n{checkpoint}",
            }
            for about, extra in (("without extra data", None), ("with extra data", b"any bytes \x00\xff"))
        ],
    }
