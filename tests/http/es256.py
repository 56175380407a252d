"""Signing schema 1 manifests as old docker engines did: ES256 in plain Python.

Written from FIPS 186-4, section 6.4, and the "pretty JWS" of the Docker image manifest V2 schema 1;
it shares no line with the registry, so that a mistake there is not repeated here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SECRET = 0x1D3F5A7C9E2B4D6F8091A3B5C7D9EBFD0F21436587A9CBED1F3153759799BBDD
NONCE = 0x2E4D6C8BAAC9E80726456483A2C1E0FF1E3D5C7B9AB9D8F71635547392B1D0EF

Point = tuple[int, int]


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def double(p: Point) -> Point:
    slope = (3 * p[0] ** 2 - 3) * pow(2 * p[1], PRIME - 2, PRIME) % PRIME
    x = (slope**2 - 2 * p[0]) % PRIME
    return x, (slope * (p[0] - x) - p[1]) % PRIME


def add(p: Point, q: Point) -> Point:
    slope = (q[1] - p[1]) * pow(q[0] - p[0], PRIME - 2, PRIME) % PRIME
    x = (slope**2 - p[0] - q[0]) % PRIME
    return x, (slope * (p[0] - x) - p[1]) % PRIME


def multiply(factor: int, point: Point = BASE) -> Point:
    """Return ``factor`` times a point, from the highest bit on."""
    result = point
    for bit in bin(factor)[3:]:
        result = double(result)
        if bit == "1":
            result = add(result, point)
    return result


def raw(number: int) -> bytes:
    return number.to_bytes(32, "big")


def sign(message: bytes, secret: int = SECRET) -> bytes:
    """Return r and s. The nonce is fixed, which would give the key away; here it is public."""
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    r = multiply(NONCE)[0] % ORDER
    return raw(r) + raw(pow(NONCE, -1, ORDER) * (digest + r * secret) % ORDER)


def public_key(secret: int = SECRET) -> dict[str, str]:
    x, y = multiply(secret)
    return {"crv": "P-256", "kid": "TEST", "kty": "EC", "x": encode(raw(x)), "y": encode(raw(y))}


def schema1(name: str, tag: str, layers: list[str]) -> bytes:
    """Return an unsigned manifest, formatted as docker did: the payload of a signed one."""
    document: dict[str, Any] = {
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": digest} for digest in layers],
        "history": [{"v1Compatibility": json.dumps({"id": str(n)})} for n in range(len(layers))],
    }
    return json.dumps(document, indent=3).encode()


def protected_part(payload: bytes, length: int) -> str:
    facts = {"formatLength": length, "formatTail": encode(payload[length:])}
    return encode(json.dumps({**facts, "time": "2015-01-01T00:00:00Z"}).encode())


def signature(payload: bytes, length: int, secret: int = SECRET) -> dict[str, Any]:
    """Return one entry of ``signatures``: everything up to ``length`` stands in the document."""
    protected = protected_part(payload, length)
    message = f"{protected}.{encode(payload)}".encode()
    return {
        "header": {"jwk": public_key(secret), "alg": "ES256"},
        "signature": encode(sign(message, secret)),
        "protected": protected,
    }


def signed(payload: bytes, signatures: list[dict[str, Any]] | None = None) -> bytes:
    """Return the document that is served: the payload with its signatures before the last brace."""
    length = len(payload[:-1].rstrip())
    entries = [signature(payload, length)] if signatures is None else signatures
    text = json.dumps(entries, indent=3).encode()
    return payload[:length] + b',\n   "signatures": ' + text + b"\n}"
