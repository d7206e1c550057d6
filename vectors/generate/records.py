"""records.json: one record for every feature of the format, with its bytes and hashes; and texts that are no record."""
import copy

from canonical import canonical
from hashing import chain_hash, key_check, leaf_hash, line, sha256

ZERO = "0" * 64
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECRET = bytes(range(32))
SECOND_SECRET = bytes(range(100, 148))
RECORD_BYTES_MAX = 65535

MINIMAL = {
    "action": "secret.set",
    "actor": {"id": "ci", "type": "api-token"},
    "correlation_id": TRACE,
    "id": "019a9f3c-5d6e-7000-8000-000000000001",
    "ledger": "acme.example/prod",
    "outcome": "ok",
    "prev_hash": ZERO,
    "recorded_at": "2026-11-21T02:14:00.123Z",
    "seq": 1,
    "v": 1,
}


def with_(**members):
    record = copy.deepcopy(MINIMAL)
    record.update(members)
    return record


def delegated(depth):
    actor = {"id": "person-0", "type": "user"}
    for level in range(depth):
        actor = {"id": f"agent-{level + 1}", "on_behalf_of": actor, "type": "agent"}
    return actor


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def config(keys):
    return {
        "format": 1,
        "hash": "hmac-sha-256" if keys else "sha-256",
        "keys": [{"check": key_check(key_id, secret), "key_id": key_id} for key_id, secret in keys],
        "ledger": "acme.example/prod",
    }


def own(action, seq, data, keys):
    """A record by the ledger itself."""
    return with_(
        action=action,
        actor={"id": "indelible", "type": "service"},
        data=data,
        resource={"id": "acme.example/prod", "type": "ledger"},
        seq=seq,
        **({"key_id": keys[0][0]} if keys else {}),
    )


def genesis(keys):
    return own("ledger.created", 0, {"config": config(keys)}, keys)


def largest():
    record = with_(data="")
    record["data"] = "x" * (RECORD_BYTES_MAX - len(canonical(record).encode()))
    return record


def attachment(text):
    body = text.encode()
    return {"digest": "sha-256:" + sha256(body), "media_type": "application/json", "size": len(body)}


EVENT = {"action": "order.placed", "data": {"total": 12.5}, "idempotency_key": "order-1001"}

RECORDS = [
    ("minimal", MINIMAL, None),
    ("record 0 of a plain ledger", genesis([]), None),
    ("record 0 of a keyed ledger", genesis([("main-1", SECRET)]), SECRET),
    (
        "key rotation, sealed with the old key",
        own("ledger.key_rotated", 6, {"config": config([("main-1", SECRET), ("main-2", SECOND_SECRET)])}, [("main-1", SECRET)]),
        SECRET,
    ),
    (
        "sanctioned truncation",
        own("ledger.truncated", 900, {"config": config([]), "evicted": {"first_seq": 0, "last_seq": 499},
                                      "keep_from": 500, "prev_hash": "cd" * 32}, []),
        None,
    ),
    ("keyed", with_(key_id="main-1", prev_hash="ab" * 32), SECRET),
    ("keyed, after a rotation", with_(key_id="main-2", seq=7), SECOND_SECRET),
    (
        "every member",
        with_(
            actor={
                "id": "agent-7",
                "name": "Release agent",
                "on_behalf_of": {"id": "ana@acme.example", "name": "Ana", "type": "user"},
                "type": "agent",
            },
            cost_usd=0.0375,
            data={"after": {"version": 2}, "before": None, "list": [1, "two", True]},
            event_type="deploy.step",
            idempotency={"digest": sha256(canonical(EVENT).encode()), "key": "order-1001"},
            input_ref="s3://bucket/in.json",
            key_id="main-1",
            latency_ms=1250,
            message="Deployed.\nSecond line.",
            occurred_at="2026-11-21T02:13:59.9Z",
            outcome="error",
            output_ref="s3://bucket/out.json",
            params_hash=sha256(b"secret parameters"),
            related_resources=[{"id": "db/other", "type": "secret"}, {"id": "eu-1", "name": "Europe", "type": "region"}],
            resource={"id": "db/password", "name": "Database password", "type": "secret"},
            session={"agent_id": "a-1", "agent_type": "planner", "id": "s-1", "lineage": ["s-0", "s-root"]},
            source="ci",
            span_id="00f067aa0ba902b7",
        ),
        SECRET,
    ),
    ("non-ASCII text", with_(actor={"id": "j\u00fcrgen", "name": "J\u00fcrgen \u014ctani \U0001f600", "type": "user"},
                             message="\u65e5\u672c\u8a9e \u2028 e\u0301 \ufeff \u0080"), None),
    ("non-ASCII member names in data", with_(data={"\uff01": 1, "\U0001f600": 2, "\u00f6": 3, "": 4, "\r": 5, "Z": 6, "a": 7}), None),
    ("escapes", with_(message="quote \" backslash \\ slash / tab \t newline \n bell \u0007 delete \u007f"), None),
    ("delegation, 8 deep", with_(actor=delegated(8)), None),
    ("idempotency key", with_(action=EVENT["action"], data=EVENT["data"],
                              idempotency={"digest": sha256(canonical(EVENT).encode()), "key": EVENT["idempotency_key"]}), None),
    ("numbers at the edges", with_(
        cost_usd=5e-324, latency_ms=0,
        data=[0, -1, 0.1, 1e-6, 1e-7, 1e20, 1e21, 1.7976931348623157e308, 9007199254740991, -9007199254740991,
              0.30000000000000004, 333333333.3333333, 2.5e-10]), None),
    ("largest sequence number", with_(seq=9007199254740991), None),
    ("data that is null, false, zero, empty", with_(data=[None, False, 0, "", [], {}]), None),
    ("data null", with_(data=None), None),
    ("data nested as deep as a record allows", with_(data=nested(63)), None),
    ("denied, unauthenticated", with_(actor={"id": "-", "type": "unauthenticated"}, outcome="denied"), None),
    ("pending", with_(outcome="pending"), None),
    ("a record inside a record", with_(data={"hash": ZERO, "record": MINIMAL}), None),
    ("largest record: 65,535 bytes", largest(), None),
    ("two-byte characters, keyed", with_(data="\u00e9" * 1000, key_id="k"), SECRET),
    ("attachment: 70,002 bytes of JSON in place of data", with_(attachment=attachment(canonical("x" * 70000))), None),
    ("attachment, keyed", with_(attachment=attachment(canonical({"rows": ["\u00e9" * 40000]})), key_id="k"), SECRET),
    ("attachment of another media type, of the largest size", with_(attachment={
        "digest": "sha-256:" + sha256(b""), "media_type": "application/vnd.example+json", "size": 67108864}), None),
    ("data with a member named attachment", with_(data={"a": 1, "attachment": attachment("{}")}), None),
]

I, C = "RECORD_INVALID", "JSON_NOT_CANONICAL"


def without(member):
    record = copy.deepcopy(MINIMAL)
    del record[member]
    return record


def too_large():
    record = largest()
    record["data"] += "x"
    return record


REJECTS = [
    *[(f"without {member}", without(member), I) for member in MINIMAL],
    ("an unknown member", with_(hash=ZERO), I),
    ("version 2", with_(v=2), I),
    ("version as text", with_(v="1"), I),
    ("negative seq", with_(seq=-1), I),
    ("seq as text", with_(seq="1"), I),
    ("fractional seq", with_(seq=1.5), I),
    ("seq beyond 2^53 - 1", with_(seq=9007199254740992), I),
    ("short prev_hash", with_(prev_hash="0" * 63), I),
    ("upper-case prev_hash", with_(prev_hash="AB" * 32), I),
    ("id of another UUID version", with_(id="019a9f3c-5d6e-4000-8000-000000000001"), I),
    ("upper-case id", with_(id="019A9F3C-5D6E-7000-8000-000000000001"), I),
    ("all-zero correlation id", with_(correlation_id="0" * 32), I),
    ("upper-case correlation id", with_(correlation_id=TRACE.upper()), I),
    ("all-zero span id", with_(span_id="0" * 16), I),
    ("recorded_at without milliseconds", with_(recorded_at="2026-11-21T02:14:00Z"), I),
    ("recorded_at with an offset", with_(recorded_at="2026-11-21T03:14:00.123+01:00"), I),
    ("occurred_at on February 30th", with_(occurred_at="2026-02-30T00:00:00Z"), I),
    ("unknown outcome", with_(outcome="success"), I),
    ("actor as text", with_(actor="ci"), I),
    ("actor without id", with_(actor={"type": "user"}), I),
    ("actor with an unknown member", with_(actor={"id": "ci", "role": "admin", "type": "user"}), I),
    ("actor id of two lines", with_(actor={"id": "ci\nroot", "type": "user"}), I),
    ("empty action", with_(action=""), I),
    ("action over 200 characters", with_(action="a" * 201), I),
    ("delegation 9 deep", with_(actor=delegated(9)), I),
    ("negative latency", with_(latency_ms=-1), I),
    ("33 related resources", with_(related_resources=[{"id": "r", "type": "t"}] * 33), I),
    ("ledger name with a space", with_(ledger="acme prod"), I),
    ("key id with a slash", with_(key_id="a/b"), I),
    ("idempotency without digest", with_(idempotency={"key": "k"}), I),
    ("65,536 bytes", too_large(), I),
    ("attachment beside data", with_(attachment=attachment("{}"), data={}), I),
    ("attachment beside data null", with_(attachment=attachment("{}"), data=None), I),
    ("attachment without size", with_(attachment={k: v for k, v in attachment("{}").items() if k != "size"}), I),
    ("attachment with an unknown member", with_(attachment={**attachment("{}"), "name": "a"}), I),
    ("attachment digest without its algorithm", with_(attachment={**attachment("{}"), "digest": "00" * 32}), I),
    ("upper-case attachment digest", with_(attachment={**attachment("{}"), "digest": "sha-256:" + "AB" * 32}), I),
    ("attachment larger than any may be", with_(attachment={**attachment("{}"), "size": 67108865}), I),
    ("media type with a parameter", with_(attachment={**attachment("{}"), "media_type": "text/plain;charset=utf-8"}), I),
]


def build():
    records = []
    for name, record, secret in RECORDS:
        text = canonical(record)
        body = text.encode()
        assert len(body) <= RECORD_BYTES_MAX, name
        digest = chain_hash(body, secret)
        entry = {"name": name, "body": text, "bytes": len(body), "hash": digest, "leaf_hash": leaf_hash(body)}
        if secret is not None:
            entry["secret_hex"] = secret.hex()
        entry["line_sha256"] = sha256(line(body, digest))
        records.append(entry)
    minimal = canonical(MINIMAL)
    rejects = [{"name": name, "body": canonical(record), "error": error} for name, record, error in REJECTS]
    rejects += [
        {"name": "members out of order", "body": '{"v":1,' + minimal[1:].replace(',"v":1}', "}"), "error": C},
        {"name": "a space", "body": minimal.replace(",", ", ", 1), "error": C},
        {"name": "a duplicate member", "body": minimal.replace('"v":1}', '"v":1,"v":1}'), "error": C},
        {"name": "seq written as 1.0", "body": minimal.replace('"seq":1', '"seq":1.0'), "error": C},
        {"name": "no object", "body": "[]", "error": I},
        {"name": "cut", "body": minimal[:-1], "error": "JSON_INVALID"},
    ]
    return {
        "about": "Records of version 1. `body` is the canonical text whose UTF-8 bytes are stored and hashed. hash = SHA-256(0x00 || body), with `secret_hex` HMAC-SHA-256(secret, 0x00 || body). leaf_hash = SHA-256(0x00 || body), always. line_sha256 is over the JSON Lines form with its newline.",
        "source": "docs/format/record.md",
        "records": records,
        "rejects": rejects,
        "key_checks": [
            {"key_id": key_id, "secret_hex": secret.hex(), "check": key_check(key_id, secret)}
            for key_id, secret in [("main-1", SECRET), ("main-2", SECOND_SECRET), ("k", b"\xff" * 64)]
        ],
        "idempotency_digests": [
            {"event": event, "digest": sha256(canonical(event).encode())}
            for event in [EVENT, {"action": "a", "idempotency_key": "\u00e9", "resource": {"id": "2", "type": "t"}}]
        ],
        "line": {"body": minimal, "hash": leaf_hash(minimal.encode()),
                 "line": line(minimal.encode(), leaf_hash(minimal.encode())).decode()},
    }
