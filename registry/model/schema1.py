"""Signed schema 1 manifests: their payload, and whether a signature over it fits.

The digest of such a manifest is that of its payload, not of the served bytes. Signatures are
ECDSA on P-256 ("ES256") with the public key in the document, as docker engines before 1.10 and
registries of that time wrote them. The key is the document's own: a signature proves that the
document was not altered, not who wrote it.

Sources: Docker image manifest V2 schema 1, "Signed Manifests"; FIPS 186-4, section 6.4.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from registry.model.errors import ManifestUnverified

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_A: Final = -3
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int] | None
"""A point of the curve; None is the point at infinity."""

SIGNATURES_LIMIT: Final = 16
"""Signatures looked at in one manifest; each check costs milliseconds."""


def signed_payload(document: Mapping[str, Any], body: bytes) -> bytes:
    """Return the payload that all signatures of ``document``, parsed from ``body``, cover.

    Raises:
        ManifestUnverified: a signature is missing, broken, or does not fit the payload.
    """
    signatures = document.get("signatures")
    if not isinstance(signatures, list) or not 0 < len(signatures) <= SIGNATURES_LIMIT:
        raise ManifestUnverified("a signed schema 1 manifest needs 1 to 16 signatures")
    try:
        payloads = {_verified_payload(signature, body) for signature in signatures}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, binascii.Error):
        raise ManifestUnverified("a signature of the manifest is malformed") from None
    if len(payloads) != 1:
        raise ManifestUnverified("the signatures of the manifest cover different payloads")
    return payloads.pop()


def _verified_payload(signature: Mapping[str, Any], body: bytes) -> bytes:
    header, protected = signature["header"], signature["protected"]
    facts = json.loads(_unbase64(protected))
    length = facts["formatLength"]
    if not isinstance(length, int) or not 0 < length <= len(body):
        raise ValueError("formatLength")
    payload = body[:length] + _unbase64(facts["formatTail"])
    if header.get("alg") != "ES256" or "jwk" not in header:
        raise ManifestUnverified("only ES256 signatures with their key ('jwk') can be checked")
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    message = protected.encode("ascii") + b"." + encoded
    if not _fits(header["jwk"], message, _unbase64(signature["signature"])):
        raise ManifestUnverified("a signature does not fit the manifest")
    return payload


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _fits(key: Mapping[str, Any], message: bytes, signature: bytes) -> bool:
    """Return whether ``signature`` (r and s, 32 bytes each) was made with ``key``."""
    if key["kty"] != "EC" or key["crv"] != "P-256" or len(signature) != 64:
        return False
    public = (_number(_unbase64(key["x"])), _number(_unbase64(key["y"])))
    r, s = _number(signature[:32]), _number(signature[32:])
    if not _on_curve(public) or not 0 < r < _N or not 0 < s < _N:
        return False
    e = _number(hashlib.sha256(message).digest())
    w = pow(s, -1, _N)
    point = _add(_multiply(e * w % _N, _G), _multiply(r * w % _N, public))
    return point is not None and point[0] % _N == r


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _on_curve(point: tuple[int, int]) -> bool:
    x, y = point
    return 0 <= x < _P and 0 <= y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


def _add(p: Point, q: Point) -> Point:
    if p is None:
        return q
    if q is None:
        return p
    if p[0] == q[0]:
        if (p[1] + q[1]) % _P == 0:
            return None
        slope = (3 * p[0] * p[0] + _A) * pow(2 * p[1], -1, _P) % _P
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, _P) % _P
    x = (slope * slope - p[0] - q[0]) % _P
    return x, (slope * (p[0] - x) - p[1]) % _P


def _multiply(factor: int, point: Point) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total
