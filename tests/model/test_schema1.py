from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import ManifestInvalid, ManifestUnverified
from registry.model.manifests import parse_manifest
from registry.model.schema1 import SIGNATURES_LIMIT
from tests.model.documents import Document, schema1

# P-256, written down once more, in its plainest form, so that a mistake in the product's
# arithmetic does not sign what it verifies.
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
GY = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
SECRET = 0x1CEB00DA0FF1CE5EC0DE


def add(p: tuple[int, int] | None, q: tuple[int, int] | None) -> tuple[int, int] | None:
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P == 0:
        return None
    if p == q:
        slope = (3 * p[0] ** 2 - 3) * pow(2 * p[1], P - 2, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], P - 2, P)
    x = (slope**2 - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def times(k: int) -> tuple[int, int]:
    total: tuple[int, int] | None = None
    for bit in bin(k)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, (GX, GY))
    assert total is not None
    return total


def sign(message: bytes, secret: int) -> bytes:
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    k = int.from_bytes(hashlib.sha256(message + b"k").digest(), "big") % N
    r = times(k)[0] % N
    s = pow(k, N - 2, N) * (e + r * secret) % N
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature_of(payload: bytes, secret: int = SECRET, **facts: Any) -> Document:
    """Return a JSON web signature in the form that docker engines wrote."""
    cut = payload.rindex(b"\n}")
    protected = encoded(
        json.dumps(
            {"formatLength": cut, "formatTail": encoded(payload[cut:]), "time": "x"} | facts
        ).encode()
    )
    x, y = times(secret)
    key = {"crv": "P-256", "kty": "EC", "kid": "K", "x": encoded(x.to_bytes(32, "big")),
           "y": encoded(y.to_bytes(32, "big"))}  # fmt: skip
    message = f"{protected}.{encoded(payload)}".encode()
    return {
        "header": {"jwk": key, "alg": "ES256"},
        "signature": encoded(sign(message, secret)),
        "protected": protected,
    }


def signed(payload: bytes, *signatures: Document) -> bytes:
    """Return ``payload`` with signatures put in before its last brace."""
    cut = payload.rindex(b"\n}")
    return payload[:cut] + b',\n   "signatures": ' + json.dumps(signatures).encode() + b"\n}"


PAYLOAD = json.dumps(schema1(b"one", b"two"), indent=3).encode()


def test_a_signed_manifest_is_known_by_its_payload() -> None:
    body = signed(PAYLOAD, signature_of(PAYLOAD))
    manifest = parse_manifest(body, media_types.SCHEMA1_SIGNED)
    assert manifest.media_type == media_types.SCHEMA1_SIGNED
    assert manifest.identity(body, "sha256") == Digest.of(PAYLOAD)
    assert manifest.identity(body, "sha512") == Digest.of(PAYLOAD, "sha512")
    assert [blob.digest for blob in manifest.blobs] == [Digest.of(b"one"), Digest.of(b"two")]
    assert manifest.tag == "latest"


def test_several_signatures_of_one_payload_are_fine() -> None:
    body = signed(PAYLOAD, signature_of(PAYLOAD), signature_of(PAYLOAD, SECRET + 1))
    assert parse_manifest(body).identity(body, "sha256") == Digest.of(PAYLOAD)


@pytest.mark.parametrize("word", [b"latest", b"amd64", b"team/app", b"fsLayers"])
def test_an_altered_payload_is_refused(word: bytes) -> None:
    body = signed(PAYLOAD, signature_of(PAYLOAD))
    altered = body.replace(word, word[:-1] + b"X", 1)
    assert altered != body
    with pytest.raises((ManifestUnverified, ManifestInvalid)):
        parse_manifest(altered)


@pytest.mark.parametrize("byte", range(0, 64, 7))
def test_an_altered_signature_is_refused(byte: int) -> None:
    signature = signature_of(PAYLOAD)
    raw = bytearray(base64.urlsafe_b64decode(signature["signature"] + "=="))
    raw[byte] ^= 1
    with pytest.raises(ManifestUnverified):
        parse_manifest(signed(PAYLOAD, signature | {"signature": encoded(bytes(raw))}))


@pytest.mark.parametrize(
    "facts",
    [
        {"formatTail": encoded(b"\n} ")},
        {"formatTail": encoded(b"")},
        {"formatTail": 1},
        {"formatTail": None},
        {"formatLength": 5},
        {"formatLength": 0},
        {"formatLength": -1},
        {"formatLength": 10**9},
        {"formatLength": "5"},
        {"formatLength": None},
    ],
)
def test_an_altered_format_is_refused(facts: Document) -> None:
    """Signed or swapped in afterwards: the payload is no longer the one that was signed."""
    good = signature_of(PAYLOAD)
    for signature in (signature_of(PAYLOAD, **facts), good | _protected(facts)):
        with pytest.raises(ManifestUnverified):
            parse_manifest(signed(PAYLOAD, signature))


def _protected(facts: Document) -> Document:
    return {"protected": signature_of(PAYLOAD, **facts)["protected"]}


def test_the_key_of_somebody_else_is_refused() -> None:
    signature, other = signature_of(PAYLOAD), signature_of(PAYLOAD, SECRET + 1)
    with pytest.raises(ManifestUnverified):
        parse_manifest(signed(PAYLOAD, signature | {"header": other["header"]}))


def test_signatures_of_different_payloads_are_refused() -> None:
    other = PAYLOAD.replace(b"latest", b"newest")
    with pytest.raises(ManifestUnverified):
        parse_manifest(signed(PAYLOAD, signature_of(PAYLOAD), signature_of(other)))


def test_one_bad_signature_beside_a_good_one_is_refused() -> None:
    good = signature_of(PAYLOAD)
    bad = good | {"signature": encoded(b"\1" * 64)}
    with pytest.raises(ManifestUnverified):
        parse_manifest(signed(PAYLOAD, good, bad))


HEADER = signature_of(PAYLOAD)["header"]
KEY = HEADER["jwk"]
BROKEN: list[Any] = [
    {}, [], None, 1, "x", {"header": {}}, {"signature": 1}, {"signature": ""},
    {"signature": encoded(b"\0" * 64)}, {"signature": encoded(b"\xff" * 64)}, {"signature": "ä"},
    {"signature": "="}, {"signature": encoded(b"\1" * 63)}, {"protected": ""}, {"protected": 1},
    {"protected": "ä"}, {"protected": encoded(b"[]")}, {"protected": encoded(b"[" * 100_000)},
    {"protected": encoded(b"\xff")}, {"header": None}, {"header": "ES256 jwk"}, {"header": []},
    {"header": 1},
    {"header": HEADER | {"alg": "none"}}, {"header": HEADER | {"alg": "HS256"}},
    {"header": HEADER | {"alg": None}}, {"header": HEADER | {"jwk": None}},
    {"header": HEADER | {"jwk": "EC"}}, {"header": HEADER | {"jwk": []}},
    {"header": HEADER | {"jwk": KEY | {"crv": "P-384"}}},
    {"header": HEADER | {"jwk": KEY | {"kty": "RSA"}}},
    {"header": HEADER | {"jwk": KEY | {"x": encoded(b"\1" * 32)}}},
    {"header": HEADER | {"jwk": KEY | {"x": "", "y": ""}}},
    {"header": HEADER | {"jwk": KEY | {"x": 1}}},
    {"header": HEADER | {"jwk": KEY | {"x": encoded(b"\xff" * 5000)}}},
    {"header": {"alg": "ES256", "x5c": []}},
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_malformed_signature_is_refused(broken: Any) -> None:
    entry = signature_of(PAYLOAD) | broken if isinstance(broken, dict) and broken else broken
    with pytest.raises(ManifestUnverified):
        parse_manifest(signed(PAYLOAD, entry))


@pytest.mark.parametrize("signatures", [[], None, {}, "x", 1, "many"])
def test_the_number_of_signatures_is_bounded(signatures: Any) -> None:
    entries = (
        [signature_of(PAYLOAD)] * (SIGNATURES_LIMIT + 1) if signatures == "many" else signatures
    )
    document = json.loads(PAYLOAD) | {"signatures": entries}
    with pytest.raises(ManifestUnverified):
        parse_manifest(json.dumps(document, indent=3).encode())


def test_what_is_not_signed_is_not_read() -> None:
    """A field between the signed beginning and the signed end is nobody's word.

    Old clients read the payload; whoever reads the served document instead would see layers that
    no signature covers.
    """
    bare = {k: v for k, v in schema1(b"one").items() if k not in ("fsLayers", "history")}
    payload = json.dumps(bare, indent=3).encode()
    cut = payload.rindex(b"\n}")
    added = json.dumps({k: schema1(b"evil")[k] for k in ("fsLayers", "history")})[1:-1]
    body = (
        payload[:cut] + b"," + added.encode()
        + b',"signatures": ' + json.dumps([signature_of(payload)]).encode() + b"\n}"
    )  # fmt: skip
    with pytest.raises((ManifestInvalid, ManifestUnverified)):
        parse_manifest(body)
