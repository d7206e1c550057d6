"""tlog.json: tiles, entry bundles, verifier keys, signed notes, checkpoints, cosignatures and proof files."""
import base64
import hashlib
import json
import pathlib

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


def witness_key(number, kind=4):
    """A key that signs nothing here: a policy is judged by names."""
    seed = bytes([number]) * 32
    return vkey(f"witness{number}.example", kind, public_key(seed))


def policies(log_key):
    """Policy, names that cosigned, whether it is met, and who else would help."""
    witnesses = "".join(f"witness {name} {witness_key(i)}\n" for i, name in enumerate(["X1", "X2", "X3", "Y1", "Y2", "Y3"], 1))
    groups = "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\ngroup X-and-Y all X-witnesses Y-witnesses\n"
    example = f"log {log_key}\n{witnesses}{groups}quorum X-and-Y\n"
    yield "the example of the specification, nobody", example, [], False, ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    yield "the example, two X and no Y", example, ["X1", "X3"], False, ["Y1", "Y2", "Y3"]
    yield "the example, one X and one Y", example, ["X2", "Y2"], False, ["X1", "X3"]
    yield "the example, just enough", example, ["X1", "X2", "Y3"], True, []
    yield "a name that is no witness", example, ["X1", "X2", "Y4", "Y-witnesses"], False, ["Y1", "Y2", "Y3"]
    yield "none", f"log {log_key}\nquorum none\n", [], True, []
    yield "nothing but none", "quorum none\n", [], True, []
    one = f"witness w {witness_key(1)} https://witness.example/\n"
    yield "one witness", one + "quorum w\n", ["w"], True, []
    yield "one witness, missing", one + "quorum w\n", [], False, ["w"]
    yield "a group of one", one + "group g all w\nquorum g\n", ["w"], True, []
    yield "the quorum before other lines", "quorum none\n" + one, [], True, []
    spaced = f"# a comment\n\n \t# another\n\t witness\t w   {witness_key(1)}  \n\nquorum \tw\t\n"
    yield "white space and comments", spaced, ["w"], True, []
    yield "a quorum that asks for less than is known", one + f"witness v {witness_key(2)}\nquorum v\n", ["w"], False, ["v"]
    yield "a name that is a word of the format", one.replace(" w ", " any ") + "group all any any\nquorum all\n", ["any"], True, []
    yield "a name beyond ASCII", one.replace(" w ", " Zeuge-\u00e4 ") + "quorum Zeuge-\u00e4\n", ["Zeuge-\u00e4"], True, []


def policy_rejects():
    one = f"witness w {witness_key(1)}\n"
    two = one + f"witness v {witness_key(2)}\n"
    log = f"log {vkey(LOG, 1, public_key(LOG_SEED))}\n"
    yield "empty", ""
    yield "no quorum", one
    yield "two quorums", one + "quorum w\nquorum none\n"
    yield "no newline at the end", one + "quorum w"
    yield "a quorum that is defined later", "quorum w\n" + one
    yield "a quorum that is not defined", one + "quorum v\n"
    yield "a member that is defined later", one + "group g any w v\n" + f"witness v {witness_key(2)}\nquorum g\n"
    yield "a group in itself", one + "group g any w g\nquorum g\n"
    yield "a member twice in a group", one + "group g any w w\nquorum g\n"
    yield "a member in two groups", two + "group g any w\ngroup h any v w\nquorum g\n"
    yield "none as a member", one + "group g any w none\nquorum g\n"
    yield "none as a name of a witness", one.replace(" w ", " none ") + "quorum none\n"
    yield "none as a name of a group", one + "group none any w\nquorum none\n"
    yield "a name twice", one + f"witness w {witness_key(2)}\nquorum w\n"
    yield "a group named as a witness", one + "group w any w\nquorum w\n"
    yield "a key twice", one + f"witness v {witness_key(1)}\nquorum w\n"
    same = vkey("other.example", 4, public_key(bytes([1]) * 32))
    yield "a key twice under another name", one + f"witness v {same}\nquorum w\n"
    yield "a log twice", log + log + "quorum none\n"
    yield "a witness with a key that signs notes", f"witness w {witness_key(1, 1)}\nquorum w\n"
    yield "a group without members", one + "group g any\nquorum w\n"
    yield "a group without a threshold", one + "group g\nquorum w\n"
    yield "a threshold of zero", one + "group g 0 w\nquorum g\n"
    yield "a threshold above the members", one + "group g 2 w\nquorum g\n"
    yield "a threshold with a leading zero", one + "group g 01 w\nquorum g\n"
    yield "a threshold in words", one + "group g most w\nquorum g\n"
    yield "an unknown keyword", one + "quorum w\nmonitor m\n"
    yield "a keyword in capitals", one + "Quorum w\n"
    yield "a witness without a key", "witness w\nquorum none\n"
    yield "a witness with too much", one.replace("\n", " https://a https://b\n") + "quorum w\n"
    yield "a log with too much", log.replace("\n", " https://a https://b\n") + "quorum none\n"
    yield "a quorum with too much", two + "quorum w v\n"
    yield "a quorum of nothing", one + "quorum\n"
    yield "a key with another id", f"log {LOG}+00000000+{vkey(LOG, 1, public_key(LOG_SEED)).split('+', 2)[2]}\nquorum none\n"
    yield "a carriage return", one + "quorum w\r\n"
    yield "a form feed between items", one + "quorum\x0cw\n"
    yield "a delete character in a comment", "# \x7f\nquorum none\n"
    yield "a comment behind an item", one + "quorum w # really\n"


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
    ml_dsa = json.loads((pathlib.Path(__file__).parent / "ml_dsa_44.json").read_text(encoding="ascii"))
    ml_dsa_key = bytes.fromhex(ml_dsa["public_key"])
    # The signature is a literal: should the message ever change, it would no longer be over it.
    assert ml_dsa["message"] == ml_dsa_message.hex()
    ml_dsa_line = line(WITNESS, 6, ml_dsa_key, TIME.to_bytes(8, "big") + bytes.fromhex(ml_dsa["signature"]))
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
        "ml_dsa_44": {
            "about": "The same checkpoint, cosigned also with this key: made by OpenSSL 3.5, as the specification has no vector.",
            "vkey": vkey(WITNESS, 6, ml_dsa_key),
            "note": checkpoint + ml_dsa_line,
        },
        "policies": [
            {"about": about, "text": text_of, "cosigned": cosigned_by, "met": met, "missing": missing}
            for about, text_of, cosigned_by, met, missing in policies(vkey(LOG, 1, log_key))
        ],
        "policy_rejects": [{"about": about, "text": text_of} for about, text_of in policy_rejects()],
        "add_checkpoint": {
            "about": "From size 42 to the checkpoint, as the specification writes it.",
            "old_size": 42,
            "old_root": tree.root(42),
            "body": "old 42\n" + "".join(b64(bytes.fromhex(h)) + "\n" for h in Proofs(tree).consistency(42, SIZE)) + "\n" + checkpoint,
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
