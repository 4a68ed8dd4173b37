"""Recomputes an exported audit log with nothing but Python: `violentutf-api audit export | python3 docs/guides/verify_export.py`.

Give the chain hash that you noted before the first line (`--after HEX`) when the export does not begin at 0, and the head that it
must lead to (`--head SEQ:CHAIN`) when you noted one. Exit code 1 when something does not fit.
"""

import argparse
import hashlib
import json
import sys

GENESIS = hashlib.sha256(b"vutf/chain/v1/genesis").digest()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--after", metavar="HEX", help="the chain hash before the first line")
    arguments.add_argument("--head", metavar="SEQ:CHAIN", help="a head that was noted before")
    given = arguments.parse_args()
    chain = bytes.fromhex(given.after) if given.after else GENESIS
    noted = given.head.split(":") if given.head else None
    expected, pruned = None, 0
    for line in sys.stdin.buffer:
        line = line.rstrip(b"\n")
        entry = json.loads(line)
        seq = entry["seq"]
        if expected is None and seq == 0 and given.after is None:
            expected = 0
        if expected is None and given.after is None:
            return refuse(seq, "the export does not begin at 0: say what was before it with --after")
        if expected is not None and seq != expected:
            return refuse(expected, "an entry is missing")
        # The leaf hash is over these very bytes: they are taken as they stand, not written anew.
        body = line[line.index(b',"body":') + len(b',"body":') : -1]
        if body == b"null":
            # Pruned: only its hash is left, and the chain goes over it.
            leaf = bytes.fromhex(entry["leaf_hash"])
            pruned += 1
        else:
            leaf = hashlib.sha256(b"\x00" + body).digest()
        if leaf.hex() != entry["leaf_hash"]:
            return refuse(seq, "the body is not the one that was hashed")
        if chain.hex() != entry["previous"]:
            return refuse(seq, "it does not follow from what was before it")
        chain = hashlib.sha256(b"vutf/chain/v1" + chain + leaf).digest()
        if noted and int(noted[0]) == seq and noted[1] != chain.hex():
            return refuse(seq, "this is not the log whose head was noted")
        expected = seq + 1
    last = -1 if expected is None else expected - 1
    if noted and last < int(noted[0]):
        return refuse(last + 1, "the log ends before the head that was noted")
    print(f"ok: head seq {last}, chain {chain.hex()}" + (f", {pruned} pruned" if pruned else ""))
    return 0


def refuse(seq, problem):
    print(f"seq {seq}: {problem}")
    return 1


sys.exit(main())
