"""Judges the identity of a running service with programs that others wrote: `cargo xtask interop identity`.

    identity.py hashes FILE        accounts to import, with Argon2 hashes by argon2-cffi
    identity.py http BASE          signs in as those; codes by pyotp; access tokens by pyseto

pip install pyotp==2.12.1 pyseto==1.10.0 argon2-cffi==25.1.0 requests==2.34.2

Each line of output is JSON: what was verified, and how often. Whatever does not fit is an exception: exit code 1. So is a
changed token, a replayed code or a wrong password that is not refused.
"""

import base64
import json
import sys
import time

import argon2
import pyotp
import pyseto
import requests

# Type, memory in KiB, passes, lanes, bytes of tag and salt: what libraries and guides have had for defaults.
SHAPES = [
    (argon2.Type.ID, 65536, 3, 4, 32, 16),
    (argon2.Type.ID, 19456, 2, 1, 32, 16),
    (argon2.Type.ID, 47104, 1, 1, 32, 16),
    (argon2.Type.ID, 12288, 3, 1, 16, 8),
    (argon2.Type.I, 65536, 4, 1, 32, 16),
    (argon2.Type.I, 102400, 2, 8, 64, 32),
]
PERIOD = 30


def password(nth):
    return f"seven quiet lanterns, number {nth}, over the harbour"


def tell(verified, count):
    print(json.dumps({"verified": verified, "count": count}))


def must(fits, problem):
    if not fits:
        raise SystemExit(f"does not fit: {problem}")


def hashes(path):
    with open(path, "w", encoding="utf-8") as file:
        for nth, (kind, memory, passes, lanes, tag, salt) in enumerate(SHAPES):
            hasher = argon2.PasswordHasher(passes, memory, lanes, tag, salt, type=kind)
            user = {"username": f"moved{nth}", "email": f"moved{nth}@example.org", "password_hash": hasher.hash(password(nth))}
            file.write(json.dumps(user) + "\n")


class Site:
    def __init__(self, base):
        self.base, self.http = base, requests.Session()

    def ask(self, method, path, status, token=None, body=None):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(method, self.base + path, headers=headers, json=body, timeout=30)
        must(answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def login(self, nth, status=200, secret=None):
        return self.ask("POST", "/api/v1/auth/login", status, body={"username": f"moved{nth}", "password": secret or password(nth)})


def moved(site):
    for nth in range(len(SHAPES)):
        site.login(nth, 401, password(nth) + ".")
        # The first sign-in verifies the foreign hash, the second one the hash that took its place.
        site.login(nth)
        site.login(nth)
    tell("argon2-cffi: passwords by hashes of its making", len(SHAPES))


def flipped(token, at):
    other = "A" if token[at] != "A" else "B"
    return token[:at] + other + token[at + 1 :]


def refused(keys, token, assertion):
    try:
        pyseto.decode(keys, token, implicit_assertion=assertion)
    except (pyseto.DecryptError, pyseto.VerifyError, ValueError):
        return
    raise SystemExit("does not fit: pyseto accepts what was changed")


def tokens(site):
    published = site.ask("GET", "/.well-known/paseto-keys", 200)["keys"]
    keys = [pyseto.Key.from_paserk(key["key"]) for key in published]
    for key, entry in zip(keys, published):
        must(key.to_paserk_id() == entry["kid"], f"the key id {entry['kid']}")
    tell("pyseto: PASERK ids of published keys", len(keys))
    count = 0
    for nth in range(len(SHAPES)):
        answer = site.login(nth)
        token = answer["access_token"]
        claims = claims_of(token)
        assertion = f"{claims['iss']}|{claims['aud']}".encode()
        opened = pyseto.decode(keys, token, implicit_assertion=assertion, deserializer=json)
        must(opened.payload == claims, "the claims")
        must(opened.payload["sid"] == answer["session_id"], "the session")
        kid = json.loads(opened.footer)["kid"] if isinstance(opened.footer, bytes) else opened.footer["kid"]
        must(kid in [entry["kid"] for entry in published], "the footer's kid")
        body = token.rindex(".") // 2
        for at in (len("v4.public.") + 3, body, body + 7):
            refused(keys, flipped(token, at), assertion)
        refused(keys, token, assertion + b"x")
        refused(keys, token, b"")
        count += 1
    tell("pyseto: access tokens, claims and footers", count)
    tell("pyseto: changed tokens and other audiences refused", count * 5)


def claims_of(token):
    payload = token.split(".")[2]
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return json.loads(raw[:-64])


def codes(site):
    accepted = replayed = 0
    for nth in range(3):
        token = site.login(nth)["access_token"]
        made = site.ask("POST", "/api/v1/me/mfa/totp", 201, token)
        totp = pyotp.parse_uri(made["otpauth_uri"])
        must(totp.secret == made["secret"], "the otpauth URI")
        must(totp.interval == PERIOD and totp.digits == 6, "period or digits")
        begin_of_a_step()
        now = time.time()
        site.ask("POST", "/api/v1/me/mfa/totp/confirm", 200, token, {"code": totp.at(now)})
        challenge = site.login(nth)["challenge"]
        factor = {"challenge": challenge, "method": "totp"}
        # The enrolment used its step up; the next one is within the window.
        site.ask("POST", "/api/v1/auth/mfa/verify", 401, body=factor | {"code": totp.at(now)})
        replayed += 1
        challenge = site.login(nth)["challenge"]
        factor = {"challenge": challenge, "method": "totp"}
        answer = site.ask("POST", "/api/v1/auth/mfa/verify", 200, body=factor | {"code": totp.at(now + PERIOD)})
        must("access_token" in answer, "no session")
        accepted += 2
    tell("pyotp: codes accepted", accepted)
    tell("pyotp: used codes refused", replayed)


def begin_of_a_step():
    """Not across the end of a step: a code of the step before and the next one are then two apart."""
    left = PERIOD - time.time() % PERIOD
    if left < 10:
        time.sleep(left + 0.1)


def main(what, *arguments):
    if what == "hashes":
        hashes(*arguments)
        return
    site = Site(*arguments)
    moved(site)
    tokens(site)
    codes(site)


if __name__ == "__main__":
    main(*sys.argv[1:])
