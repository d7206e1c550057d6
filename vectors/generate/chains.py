"""chains.json: small whole logs, clean and damaged, with the verdict that a verifier must reach."""
import copy

from canonical import canonical
from hashing import chain_hash, key_check

ZERO = "0" * 64
LEDGER = "acme.example/prod"
FIRST = ("main-1", bytes(range(32)))
SECOND = ("main-2", bytes(range(100, 148)))


def config(keys):
    return {
        "format": 1,
        "hash": "hmac-sha-256" if keys else "sha-256",
        "keys": [{"check": key_check(*key), "key_id": key[0]} for key in keys],
        "ledger": LEDGER,
    }


def time(seq):
    return f"2026-11-21T02:14:{seq:02d}.000Z"


def plain_record(seq, action="order.placed"):
    return {
        "action": action,
        "actor": {"id": "shop", "type": "service"},
        "correlation_id": f"{seq + 1:032x}",
        "data": {"order": 1000 + seq},
        "id": f"019a9f3c-0000-7000-8000-{seq:012x}",
        "ledger": LEDGER,
        "outcome": "ok",
        "recorded_at": time(seq),
        "seq": seq,
        "v": 1,
    }


def own_record(seq, action, data):
    record = plain_record(seq, action)
    record["actor"] = {"id": "indelible", "type": "service"}
    record["resource"] = {"id": LEDGER, "type": "ledger"}
    record["data"] = data
    return record


class Log:
    """Records in order; sealing gives each its link and key id."""

    def __init__(self, size=10, key=None):
        self.key = key
        keys = [key] if key else []
        self.records = [own_record(0, "ledger.created", {"config": config(keys)})]
        self.records += [plain_record(seq) for seq in range(1, size)]

    def seal(self):
        """Bodies (text) and hashes of the chain."""
        key, prev_hash, sealed = self.key, ZERO, []
        for record in self.records:
            record = copy.deepcopy(record)
            record["prev_hash"] = prev_hash
            if key:
                record["key_id"] = key[0]
            body = canonical(record)
            prev_hash = chain_hash(body.encode(), key[1] if key else None)
            sealed.append((body, prev_hash))
            if record["action"] == "ledger.key_rotated":
                key = SECOND
        return sealed

    def lines(self):
        return [line(*pair) for pair in self.seal()]


def line(body, digest):
    return '{"hash":"' + digest + '","record":' + body + "}"


def rehash(body, key):
    return line(body, chain_hash(body.encode(), key[1] if key else None))


def body_of(text):
    return text[84:-1]


def hash_of(text):
    return text[9:73]


def forged(seq, prev_hash, key, **members):
    """A record with a correct hash of its own, at any place."""
    record = plain_record(seq, "order.cancelled")
    record["prev_hash"] = prev_hash
    if key:
        record["key_id"] = key[0]
    record.update(members)
    return rehash(canonical(record), key)


def relinked_from(lines, first, key):
    """The chain from `first` on, sealed again upon the line before it."""
    import json
    for i in range(first, len(lines)):
        record = json.loads(body_of(lines[i]))
        record["prev_hash"] = hash_of(lines[i - 1]) if i else ZERO
        lines[i] = rehash(canonical(record), key)
    return lines


def foreign(key):
    """Records 7 to 9 of another log of the same ledger: linked among themselves, not to what stands before."""
    other = Log(key=key)
    other.records[6]["data"] = {"order": 6666}
    return other.lines()[7:]


def damages(key):
    """Name, lines, damage, first bad seq, and what is in the way of a better answer."""
    clean = Log(key=key).lines()

    def change(edit):
        lines = list(clean)
        edit(lines)
        return lines

    def at(i, old, new):
        def edit(lines):
            assert old in lines[i], (old, lines[i])
            lines[i] = lines[i].replace(old, new, 1)
        return change(edit)

    def rewritten(i, **members):
        """Record i altered and everything behind it sealed again: consistent in itself but for the member."""
        import json
        lines = list(clean)
        record = json.loads(body_of(lines[i]))
        record.update(members)
        lines[i] = rehash(canonical(record), key)
        return relinked_from(lines, i + 1, key)

    yield "one byte of the data changed", at(4, '"order":1004', '"order":1005'), "mutated", 4
    yield "one byte of record 0 changed", at(0, '"format":1', '"format":2'), "mutated", 0
    yield "one byte of the last record changed", at(9, '"order":1009', '"order":1008'), "mutated", 9
    yield "one byte of the stored hash changed", change(
        lambda l: l.__setitem__(4, line(body_of(l[4]), ("0" if hash_of(l[4])[0] != "0" else "1") + hash_of(l[4])[1:]))
    ), "mutated", 4
    yield "time changed", at(4, ":04.000Z", ":04.001Z"), "mutated", 4
    yield "pitfall 7: id changed", at(4, "-000000000004", "-0000000000ff"), "mutated", 4
    yield "pitfall 7: seq changed", at(4, '"seq":4', '"seq":40'), "mutated", 4
    yield "prev_hash changed", change(
        lambda l: l.__setitem__(4, l[4].replace('"prev_hash":"' + hash_of(l[3]), '"prev_hash":"' + hash_of(l[2])))
    ), "mutated", 4
    yield "a record deleted", change(lambda l: l.pop(4)), "missing", 4
    yield "three records deleted", change(lambda l: l.__delitem__(slice(4, 7))), "missing", 4
    yield "pitfall 17: two records deleted, apart", change(lambda l: (l.pop(7), l.pop(4))), "missing", 4
    yield "record 0 deleted", change(lambda l: l.pop(0)), "head_missing", 0
    yield "the first five records deleted", change(lambda l: l.__delitem__(slice(0, 5))), "head_missing", 0
    yield "a record duplicated in place", change(lambda l: l.insert(5, l[4])), "duplicated", 4
    yield "a record duplicated further on", change(lambda l: l.insert(8, l[4])), "duplicated", 4
    yield "two neighbours swapped", change(lambda l: l.__setitem__(slice(4, 6), [l[5], l[4]])), "reordered", 4
    yield "a forged record of the same number, linked to the same predecessor", change(
        lambda l: l.insert(5, forged(4, hash_of(l[3]), key))
    ), "forked", 4
    yield "a line that is no record", change(lambda l: l.__setitem__(4, "x" * 300)), "unreadable", 4
    yield "a line cut short", change(lambda l: l.__setitem__(4, l[4][:200])), "unreadable", 4
    yield "spaces put in, hash recomputed, rest sealed again", relinked_from(
        change(lambda l: l.__setitem__(4, rehash(body_of(l[4]).replace(",", ", ", 1), key))), 5, key
    # Bytes that cannot be read do not say which key sealed them, so that in a keyed ledger no hash can be right.
    ), "mutated" if key else "not_canonical", 4
    yield "a record of another ledger, rest sealed again", rewritten(4, ledger="other.example/prod"), "wrong_ledger", 4
    yield "time set back, rest sealed again", rewritten(4, recorded_at=time(1)), "time_reversed", 4
    yield "a record rewritten with its hash recomputed, rest left", change(
        lambda l: l.__setitem__(4, rehash(body_of(l[4]).replace('"order":1004', '"order":9999'), key))
    ), "mutated", 4
    yield "the last record but one rewritten so: nothing behind tells which of the two is false", change(
        lambda l: l.__setitem__(8, rehash(body_of(l[8]).replace('"order":1008', '"order":9999'), key))
    ), "relinked", 9
    yield "a chain of one's own behind record 6", change(lambda l: l.__setitem__(slice(7, 10), foreign(key))), "mutated", 6
    yield "a forged record put between two, its number free", change(
        lambda l: l.insert(5, forged(50, hash_of(l[4]), key))
    ), "inserted", 5


def key_damages():
    clean = Log(key=FIRST).lines()

    def at(i, old, new):
        assert old in clean[i]
        return [*clean[:i], clean[i].replace(old, new, 1), *clean[i + 1:]]

    yield "pitfall 20: key id changed to one that nobody has", at(4, '"key_id":"main-1"', '"key_id":"main-9"'), "mutated", 4
    yield "pitfall 20: key id changed to another known one", at(4, '"key_id":"main-1"', '"key_id":"main-2"'), "mutated", 4
    yield "pitfall 20: key id removed", at(4, '"key_id":"main-1",', ""), "mutated", 4
    out_of_turn = Log(key=FIRST)
    lines = out_of_turn.lines()
    lines[9] = rehash(body_of(lines[9]).replace('"key_id":"main-1"', '"key_id":"main-2"'), SECOND)
    yield "last record sealed with a key that was never announced", lines, "key_out_of_turn", 9


def consistent():
    for key in (None, FIRST):
        name = "keyed" if key else "plain"
        yield f"{name}: clean", Log(key=key).lines(), key
        yield f"{name}: one record", Log(1, key).lines(), key
        yield f"{name}: tail cut (cannot be seen without an anchor)", Log(key=key).lines()[:7], key
        whole = Log(key=key)
        whole.records[4]["data"] = {"order": 9999}
        yield f"{name}: rewritten as a whole (cannot be seen without an anchor)", whole.lines(), key
    rotated = Log(key=FIRST)
    rotated.records[5] = own_record(5, "ledger.key_rotated", {"config": config([FIRST, SECOND])})
    yield "keyed: key rotated at 5", rotated.lines(), FIRST
    lines = Log(12).lines()
    truncated = Log(12)
    truncated.records[9] = own_record(9, "ledger.truncated", {
        "config": config([]), "evicted": {"first_seq": 0, "last_seq": 3}, "keep_from": 4, "prev_hash": hash_of(lines[3]),
    })
    yield "plain: sanctioned truncation, recorded at 9, records 0 to 3 gone", truncated.lines()[4:], None
    yield "plain: sanctioned truncation recorded, nothing dropped yet", truncated.lines(), None


def keys_of(key):
    return [{"key_id": name, "secret_hex": secret.hex()} for name, secret in ([FIRST, SECOND] if key else [])]


def build():
    logs = [
        {"name": name, "keys": keys_of(key), "lines": lines, "ok": True, "damage": None, "first_bad_seq": None}
        for name, lines, key in consistent()
    ]
    for key in (None, FIRST):
        for name, lines, damage, seq in damages(key):
            label = "keyed" if key else "plain"
            logs.append({"name": f"{label}: {name}", "keys": keys_of(key), "lines": lines, "ok": False,
                         "damage": damage, "first_bad_seq": seq})
    for name, lines, damage, seq in key_damages():
        logs.append({"name": f"keyed: {name}", "keys": keys_of(FIRST), "lines": lines, "ok": False,
                     "damage": damage, "first_bad_seq": seq})
    for name, damage, seq, edit in TRUNCATION_DAMAGES:
        truncated = Log(12)
        clean = Log(12).lines()
        keep_from, prev_hash = edit(clean)
        truncated.records[9] = own_record(9, "ledger.truncated", {
            "config": config([]), "evicted": {"first_seq": 0, "last_seq": 3}, "keep_from": keep_from, "prev_hash": prev_hash,
        })
        logs.append({"name": f"plain: {name}", "keys": [], "lines": truncated.lines()[4:], "ok": False,
                     "damage": damage, "first_bad_seq": seq})
    return {
        "about": "Whole logs as lines (without their newlines). ok: a verifier finds nothing. Otherwise `damage` is the kind and `first_bad_seq` the first record concerned, in the order of the log.",
        "source": "docs/format/record.md",
        "ledger": LEDGER,
        "logs": logs,
    }


TRUNCATION_DAMAGES = [
    ("records dropped below a truncation that sanctions fewer", "head_missing", 0, lambda clean: (3, hash_of(clean[2]))),
    ("records dropped, truncation names another link", "head_missing", 0, lambda clean: (4, hash_of(clean[2]))),
]
