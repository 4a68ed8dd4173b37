"""Verifies an audit log with tlog-scales 0.0.3 (`pip install tlog-scales`), which we did not write: `cargo xtask interop audit`.

    audit.py http BASE TOKEN       the log of a running service, as a caller with `audit:read`
    audit.py bundle DIR VKEY       what `violentutf-api audit bundle DIR` wrote
    audit.py write DIR NEW         the entries of a bundle, written anew by tlog-scales under a key of its own

Each line of output is JSON: what was verified, and how often. Whatever does not fit is an exception: exit code 1. So is a
change of one byte that is not noticed.
"""

import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tlog_scales import tiles
from tlog_scales.backend import HttpBackend, LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import PlainEd25519Signer, Vkey
from tlog_scales.tlog import (
    Checkpoint,
    ConsistencyProof,
    ConsistencyProofInvalid,
    InclusionProof,
    InclusionProofInvalid,
)
from tlog_scales.utils import b64dec
from tlog_scales.writer import TilesWriter

# Every 37th entry: coprime to the width of a tile, so that all places within one come up.
STEP = 37


class Flipped:
    """A backend that changes one bit of each file whose path begins so."""

    def __init__(self, backend, *prefix):
        self.backend, self.prefix = backend, prefix

    def get(self, *path):
        data = self.backend.get(*path)
        if data is None or path[: len(self.prefix)] != self.prefix:
            return data
        return flipped(data)


def flipped(data, at=5):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def tell(verified, count):
    print(json.dumps({"verified": verified, "count": count}))


def must(fits, problem):
    if not fits:
        raise SystemExit(f"does not fit: {problem}")


def refused(what, check):
    """One changed byte must not pass."""
    try:
        check()
    except (InclusionProofInvalid, ConsistencyProofInvalid, InvalidSignature, SystemExit):
        tell(f"refused: {what}", 1)
        return
    raise SystemExit(f"not noticed: {what}")


def check_root(backend, checkpoint):
    reader = TilesReader(backend)
    reader.set_size(checkpoint.size)
    must(reader.calculate_root_hash() == checkpoint.root_hash, f"the root of {checkpoint.size} entries")
    return reader


def forged(checkpoint, vkey):
    text = checkpoint.serialize()
    lines = text.split("\n")
    lines[1] = str(int(lines[1]) + 1)
    Checkpoint.from_text("\n".join(lines)).verify(vkey)


def over_http(base, token):
    backend = HttpBackend(base + "/api/v1/audit/log")
    session = backend.session
    session.headers["Authorization"] = f"Bearer {token}"

    def ask(path, **query):
        answer = session.get(base + "/api/v1/audit" + path, params=query)
        must(answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    vkeys = [Vkey.from_string(line) for line in backend.get("keys").decode().splitlines()]
    vkey = vkeys[-1]
    earlier = TilesReader(backend).get_checkpoint()
    earlier.verify(vkey)
    check_root(backend, earlier)

    events, cursor = [], None
    while True:
        page = ask("/events", limit=100, **({"cursor": cursor} if cursor else {}))
        events += [event for event in page["items"] if event["seq"] is not None]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    chosen = [event for event in events if event["seq"] % STEP == 0]
    must(len(events) > 600 and len(chosen) > 15, f"{len(events)} events are too few")

    checkpoints = [earlier]
    reader = None
    for event in chosen:
        proof = ask(f"/events/{event['id']}/proof")
        leaf = tiles.leaf_hash(proof["entry"].encode())
        index, hashes, checkpoint = parse_proof(proof["proof"])
        must(index == event["seq"] == proof["seq"], f"the place of {event['id']}")
        checkpoint.verify(vkey)
        InclusionProof(index, checkpoint.size, hashes).check(leaf, checkpoint.root_hash)
        # The same from the tiles, by tlog-scales' own prover, under the checkpoint that is the newest now.
        reader = TilesReader(backend)
        newest = reader.get_checkpoint()
        newest.verify(vkey)
        reader.get_inclusion_proof(index, newest.size).check(leaf, newest.root_hash)
        checkpoints.append(newest)
    later = checkpoints[-1]
    check_root(backend, later)

    pairs = 0
    for old, new in zip(checkpoints, checkpoints[1:] + [later]):
        reader.get_consistency_proof(old.size, new.size).check(old.root_hash, new.root_hash)
        pairs += 1
    served = ask("/log/consistency", **{"from": earlier.size, "to": later.size})
    hashes = [b64dec(text) for text in served["hashes"]]
    ConsistencyProof(earlier.size, later.size, hashes).check(earlier.root_hash, later.root_hash)
    must(earlier.size < later.size, "the log did not grow")

    tell("HTTP: signatures of checkpoints", len(checkpoints))
    tell("HTTP: roots recomputed from tiles", 2)
    tell("HTTP: inclusion by .tlog-proof", len(chosen))
    tell("HTTP: inclusion from tiles, by its own prover", len(chosen))
    tell("HTTP: consistency from tiles, by its own prover", pairs)
    tell("HTTP: consistency as served", 1)

    proof = ask(f"/events/{chosen[0]['id']}/proof")
    entry = proof["entry"].encode()
    index, hashes, checkpoint = parse_proof(proof["proof"])
    included = InclusionProof(index, checkpoint.size, hashes)
    refused("HTTP: checkpoint of another size", lambda: forged(later, vkey))
    # The root comes from the level above; the hashes of a full tile of leaves are needed for what lies within it.
    refused("HTTP: tile of level 1, one bit", lambda: check_root(Flipped(backend, "tile", "1"), later))
    within = next(event for event in chosen if 256 < event["seq"] < 512)
    leaf = tiles.leaf_hash(ask(f"/events/{within['id']}/proof")["entry"].encode())

    def included_by(backend):
        reader = TilesReader(backend)
        reader.set_size(later.size)
        reader.get_inclusion_proof(within["seq"], later.size).check(leaf, later.root_hash)

    included_by(backend)
    refused("HTTP: tile of level 0, one bit", lambda: included_by(Flipped(backend, "tile", "0", "001")))
    refused("HTTP: entry, one bit", lambda: included.check(tiles.leaf_hash(flipped(entry)), checkpoint.root_hash))
    bent = [flipped(hashes[0])] + hashes[1:]
    refused(
        "HTTP: .tlog-proof, one bit",
        lambda: InclusionProof(index, checkpoint.size, bent).check(tiles.leaf_hash(entry), checkpoint.root_hash),
    )
    consistent = reader.get_consistency_proof(earlier.size, later.size)
    refused(
        "HTTP: consistency, one bit", lambda: consistent.check(flipped(earlier.root_hash), later.root_hash)
    )


def parse_proof(text):
    """C2SP tlog-proof: a header, the index, hashes, an empty line, the checkpoint."""
    head, checkpoint = text.split("\n\n", maxsplit=1)
    magic, index, *hashes = head.split("\n")
    must(magic == "c2sp.org/tlog-proof@v1" and index.startswith("index "), "the head of a .tlog-proof")
    return int(index.removeprefix("index ")), [b64dec(line) for line in hashes], Checkpoint.from_text(checkpoint)


def over_bundle(directory, key):
    backend, vkey = LocalBackend(Path(directory)), Vkey.from_string(key)
    checkpoint = TilesReader(backend).get_checkpoint()
    checkpoint.verify(vkey)
    reader = check_root(backend, checkpoint)
    for index in range(checkpoint.size):
        leaf = tiles.leaf_hash(reader.get_entry(index))
        must(leaf == reader.mth(index, index + 1), f"the leaf hash of entry {index}")
    chosen = range(0, checkpoint.size, STEP)
    for index in chosen:
        leaf = tiles.leaf_hash(reader.get_entry(index))
        reader.get_inclusion_proof(index, checkpoint.size).check(leaf, checkpoint.root_hash)
    tell("bundle: signature of the checkpoint", 1)
    tell("bundle: root recomputed from tiles", 1)
    tell("bundle: entries have the hashes in the tiles", checkpoint.size)
    tell("bundle: inclusion from tiles", len(chosen))

    def changed_entry():
        reader = TilesReader(Flipped(backend, "tile", "entries"))
        reader.set_size(checkpoint.size)
        leaf = tiles.leaf_hash(reader.get_entry(0))
        reader.get_inclusion_proof(0, checkpoint.size).check(leaf, checkpoint.root_hash)

    refused("bundle: entry, one bit", changed_entry)
    refused("bundle: tile, one bit", lambda: check_root(Flipped(backend, "tile", "0"), checkpoint))
    refused("bundle: checkpoint of another size", lambda: forged(checkpoint, vkey))


def write_anew(directory, new):
    reader = TilesReader(LocalBackend(Path(directory)))
    size = reader.get_checkpoint().size
    signer = PlainEd25519Signer("example.org/theirs", Ed25519PrivateKey.generate())
    writer = TilesWriter.create(Path(new), "example.org/theirs")
    # In several commits, so that partial tiles grow.
    for index in range(size):
        writer.add_leaf(reader.get_entry(index))
        if index % 300 == 299:
            writer.commit([signer])
    writer.commit([signer])
    # What a bundle has beside the files of the specification.
    Path(new, "keys").write_text(signer.vkey.serialize() + "\n")
    Path(new, "checkpoints").write_bytes(b"")
    print(json.dumps({"vkey": signer.vkey.serialize()}))


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    {"http": over_http, "bundle": over_bundle, "write": write_anew}[task](*arguments)
