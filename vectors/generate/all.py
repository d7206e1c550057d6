"""Writes every vector file again. Exit code 1 when a file changed."""
import json
import pathlib
import sys

sys.dont_write_bytecode = True

import canonical_cases
import chains
import merkle
import proofs
import records
import tlog

FILES = {
    "canonical-json.json": canonical_cases.build_canonical,
    "canonical-json-rejects.json": canonical_cases.build_rejects,
    "merkle-roots.json": merkle.build,
    "merkle-proofs.json": proofs.build,
    "tlog.json": tlog.build,
    "records.json": records.build,
    "chains.json": chains.build,
}


def main():
    folder = pathlib.Path(__file__).resolve().parent.parent
    changed = 0
    for name, build in FILES.items():
        # ASCII only, so that no editor or checkout can alter a vector unseen.
        text = json.dumps(build(), indent=1, ensure_ascii=True) + "\n"
        path = folder / name
        same = path.exists() and path.read_text(encoding="ascii") == text
        if not same:
            path.write_text(text, encoding="ascii")
            changed += 1
        print(f"{name}: {'unchanged' if same else 'written'}")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
