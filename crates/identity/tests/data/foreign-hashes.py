"""Makes foreign-hashes.json: hashes by programs of others, with small costs so that tests are quick.

pip install argon2-cffi==25.1.0 bcrypt==5.0.0 passlib==1.7.4 Django==5.2.19 && python3 foreign-hashes.py > foreign-hashes.json
"""

import base64
import hashlib
import json
import os
import unicodedata

import argon2
import bcrypt
from django.conf import settings
from passlib.hash import pbkdf2_sha256, pbkdf2_sha512
from passlib.hash import scrypt as passlib_scrypt

settings.configure()
from django.contrib.auth import hashers  # noqa: E402 - needs the settings

PLAIN = "correct horse battery staple"
UNICODE = unicodedata.normalize("NFC", "na\u00efve caf\u00e9, \U0001d11e and \u4e2d\u6587")
DECOMPOSED = unicodedata.normalize("NFD", UNICODE)
LONG = "seven quiet copper lanterns hang over the harbour and nobody counts them twice, ever"
LONG_STEM = LONG.encode()[:72].decode()

cases = []


def add(made_by, scheme, password, text):
    cases.append({"made_by": made_by, "scheme": scheme, "password": password, "hash": text})


def b64(raw):
    return base64.b64encode(raw).decode().rstrip("=")


def django(name, password, **cost):
    hasher = type("Cheap", (getattr(hashers, name),), cost)()
    return hasher.encode(password, hasher.salt())


for password in (PLAIN, UNICODE, DECOMPOSED):
    for kind, scheme in ((argon2.Type.ID, "argon2id"), (argon2.Type.I, "argon2i")):
        made = argon2.PasswordHasher(time_cost=2, memory_cost=256, parallelism=2, hash_len=24, salt_len=12, type=kind)
        add("argon2-cffi", scheme, password, made.hash(password))
    old = argon2.low_level.hash_secret(password.encode(), os.urandom(16), 2, 128, 1, 32, argon2.Type.ID, version=16)
    add("argon2-cffi, version 1.0", "argon2id", password, old.decode())
    for prefix in (b"2a", b"2b"):
        add("bcrypt", "bcrypt", password, bcrypt.hashpw(password.encode(), bcrypt.gensalt(5, prefix)).decode())
    # PHP's name for the same algorithm.
    same = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
    add("bcrypt, renamed as PHP does", "bcrypt", password, same)
    add("passlib", "pbkdf2-sha256", password, pbkdf2_sha256.using(rounds=1000).hash(password))
    add("passlib", "pbkdf2-sha512", password, pbkdf2_sha512.using(rounds=1000).hash(password))
    salt = os.urandom(16)
    for name in ("sha256", "sha512"):
        tag = hashlib.pbkdf2_hmac(name, password.encode(), salt, 1500, 32)
        add("hashlib", f"pbkdf2-{name}", password, f"$pbkdf2-{name}$i=1500,l=32${b64(salt)}${b64(tag)}")
    tag = hashlib.scrypt(password.encode(), salt=salt, n=1 << 10, r=8, p=2, dklen=32)
    add("hashlib", "scrypt", password, f"$scrypt$ln=10,r=8,p=2${b64(salt)}${b64(tag)}")
    add("passlib", "scrypt", password, passlib_scrypt.using(rounds=9).hash(password))
    add("Django", "pbkdf2-sha256", password, django("PBKDF2PasswordHasher", password, iterations=1200))
    add("Django", "argon2id", password, django("Argon2PasswordHasher", password, time_cost=2, memory_cost=256, parallelism=1))
    add("Django", "bcrypt-sha256", password, django("BCryptSHA256PasswordHasher", password, rounds=4))
    add("Django", "bcrypt", password, django("BCryptPasswordHasher", password, rounds=4))
    add("Django", "scrypt", password, django("ScryptPasswordHasher", password, work_factor=1 << 10, parallelism=2))

# What bcrypt does with what is longer than it looks at: bcrypt 5 refuses it, others cut it.
add("bcrypt, of the first 72 bytes", "bcrypt", LONG, bcrypt.hashpw(LONG_STEM.encode(), bcrypt.gensalt(4)).decode())
add("Django", "bcrypt-sha256", LONG, django("BCryptSHA256PasswordHasher", LONG, rounds=4))
add("argon2-cffi, its defaults", "argon2id", PLAIN, argon2.PasswordHasher().hash(PLAIN))

print(json.dumps({"cases": cases}, ensure_ascii=True, indent=1))
