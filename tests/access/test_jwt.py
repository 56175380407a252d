"""Access tokens as JWT; the rows A13 and A14 of the reference are meant."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access import jwt

KEYS = ["old-key", "new-key"]
CLAIMS = {"sub": "jfac@x/users/alice", "scp": "applied-permissions/user", "jti": "the-id"}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_token_says_whose_document_it_is() -> None:
    token = jwt.sign(CLAIMS, KEYS)
    assert jwt.has_form(token)
    assert jwt.verify(token, KEYS) == "the-id"
    header, payload, _ = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "HS256"}
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == CLAIMS


@given(st.text())
def test_the_middle_part_reads_the_same_in_both_alphabets(text: str) -> None:
    """jf decodes it with the standard one, in which ``-`` and ``_`` mean nothing."""
    payload = jwt.sign(CLAIMS | {"scp": text + "~?>"}, KEYS).split(".")[1]
    assert not set(payload) & set("-_")
    padded = payload + "=" * (-len(payload) % 4)
    assert json.loads(base64.b64decode(padded, validate=True))["scp"] == text + "~?>"


def test_a13_a_flipped_bit_anywhere_is_refused() -> None:
    raw = jwt.sign(CLAIMS, KEYS).encode()
    for place in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            assert jwt.verify(flipped.decode("latin-1"), KEYS) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS512", "RS256", ""])
def test_a13_a_token_does_not_choose_how_it_is_verified(algorithm: str) -> None:
    header = encoded(json.dumps({"typ": "JWT", "alg": algorithm}).encode())
    payload = encoded(json.dumps(CLAIMS).encode())
    for signature in ("", encoded(b"x" * 32)):
        assert jwt.verify(f"{header}.{payload}.{signature}", KEYS) is None


def test_a13_the_plain_key_signs_nothing() -> None:
    """Another purpose has another key, so what is signed elsewhere is worth nothing here."""
    message = jwt.sign(CLAIMS, KEYS).rpartition(".")[0]
    for key in KEYS:
        signature = encoded(hmac.digest(key.encode(), message.encode(), hashlib.sha256))
        assert jwt.verify(f"{message}.{signature}", KEYS) is None


def test_d7_a_new_token_verifies_with_the_new_key_only() -> None:
    token = jwt.sign(CLAIMS, KEYS)
    assert jwt.verify(token, KEYS[1:]) == "the-id"
    assert jwt.verify(token, KEYS[:1]) is None
    assert jwt.verify(jwt.sign(CLAIMS, KEYS[:1]), KEYS) == "the-id"


@pytest.mark.parametrize("claims", [[], 1, None, "x", {}, {"jti": None}, {"jti": 7}, {"jti": []}])
def test_what_names_no_document_is_refused_even_if_it_is_signed(claims: Any) -> None:
    assert jwt.verify(jwt.sign(claims, KEYS), KEYS) is None


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_a14_different_claims_are_never_the_same_text(one: Any, other: Any) -> None:
    first, second = jwt.sign(one, KEYS), jwt.sign(other, KEYS)
    assert (first.split(".")[1] == second.split(".")[1]) == (json.dumps(one) == json.dumps(other))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "\0", "ä.ö.ü", "\ud800", "x" * 5000, "." * 100_000]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    start = jwt.sign(CLAIMS, KEYS).partition(".")[0]
    for token in (text, f"{start}.{text}", f"{start}.{text}.{text}"):
        assert jwt.verify(token, KEYS) is None
