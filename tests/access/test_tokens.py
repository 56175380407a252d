from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer

from registry.access import tokens as module
from registry.access.keys import SigningKeys
from registry.access.principals import Access, Action
from registry.access.tokens import LEEWAY, TOKEN_LIMIT, Tokens
from registry.model.errors import TokenInvalid

ACCESS: Access = {
    "docker-local/team/app": frozenset({Action.READ, Action.WRITE}),
    "docker-local/x": frozenset(),
}
OPTIONS = {"key_derivation": "hmac", "digest_method": hashlib.sha256}


@pytest.fixture
def tokens(keys: SigningKeys) -> Tokens:
    return Tokens(keys)


@pytest.fixture
def token(tokens: Tokens) -> str:
    return tokens.issue("alice", "credential", ACCESS, 3600)


def forged(keys: SigningKeys, claims: Any, **options: Any) -> str:
    """Return ``claims`` signed with the real key, in the real way unless told otherwise."""
    given = {"salt": module._SALT, "signer_kwargs": OPTIONS} | options
    return str(URLSafeSerializer(keys.current(), **given).dumps(claims))


GOOD = {"u": "alice", "c": "c", "e": int(time.time()) + 3600, "a": {}}


def test_a_token_says_what_it_was_issued_for(tokens: Tokens, token: str) -> None:
    for _ in range(2):
        claims = tokens.verify(token)
        assert (claims.user, claims.credential, claims.access) == ("alice", "credential", ACCESS)


def test_the_test_can_sign(tokens: Tokens, keys: SigningKeys) -> None:
    assert tokens.verify(forged(keys, GOOD)).user == "alice"


def test_a13_a_flipped_bit_anywhere_is_refused(tokens: Tokens, token: str) -> None:
    """Base64 leaves spare bits in its last character, so other spellings of it are the same bytes.

    Such a spelling may be taken, but never says anything else.
    """
    body, _, signature = token.rpartition(".")
    same = base64.urlsafe_b64decode(signature + "=")
    raw = token.encode()
    respelled = 0
    for place in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            text = flipped.decode("latin-1")
            try:
                claims = tokens.verify(text)
            except TokenInvalid:
                continue
            respelled += 1
            assert place == len(raw) - 1
            assert text.rpartition(".")[0] == body
            assert base64.urlsafe_b64decode(text.rpartition(".")[2] + "=") == same
            assert claims == tokens.verify(token)
    assert respelled < 4


@pytest.mark.parametrize("cut", [1, 2, 10, 43, 44, 60])
def test_a_shortened_or_lengthened_token_is_refused(tokens: Tokens, token: str, cut: int) -> None:
    for text in (token[:-cut], token[cut:], token + "A" * cut, "A" * cut + token, token * 2):
        with pytest.raises(TokenInvalid):
            tokens.verify(text)


@pytest.mark.parametrize("remembered", [False, True])
def test_a13_a_token_ends_exactly_at_its_limit(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    moment = [1_000_000.25]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    token = tokens.issue("alice", "c", {}, 100)
    if remembered:
        tokens.verify(token)
    moment[0] = 1_000_100 + LEEWAY
    assert tokens.verify(token).expires == 1_000_100
    moment[0] += 0.001
    with pytest.raises(TokenInvalid, match="expired"):
        tokens.verify(token)


def test_a13_a_token_with_another_salt_or_way_of_signing_is_refused(
    tokens: Tokens, keys: SigningKeys
) -> None:
    for options in (
        {"salt": "another"},
        {"salt": b"itsdangerous"},
        {"signer_kwargs": OPTIONS | {"digest_method": hashlib.sha1}},
        {"signer_kwargs": OPTIONS | {"key_derivation": "none"}},
        {"signer_kwargs": OPTIONS | {"key_derivation": "django-concat"}},
    ):
        with pytest.raises(TokenInvalid):
            tokens.verify(forged(keys, GOOD, **options))
    timed = URLSafeTimedSerializer(keys.current(), salt=module._SALT, signer_kwargs=OPTIONS)
    with pytest.raises(TokenInvalid):
        tokens.verify(str(timed.dumps(GOOD)))


def jwt(header: dict[str, Any], signature: bytes) -> str:
    parts = [json.dumps(header).encode(), json.dumps(GOOD).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS256", "ES256", ""])
def test_a_token_does_not_choose_how_it_is_verified(tokens: Tokens, algorithm: str) -> None:
    header = {"alg": algorithm, "typ": "JWT", "jwk": {"kty": "oct", "k": "AA"}, "kid": "/dev/null"}
    for signature in (b"", b"x" * 32):
        with pytest.raises(TokenInvalid):
            tokens.verify(jwt(header, signature))


@pytest.mark.parametrize(
    "claims",
    [
        None, 1, "x", [], {}, {"u": "alice"}, GOOD | {"a": None}, GOOD | {"a": []},
        GOOD | {"a": {"x": "read"}}, GOOD | {"a": {"x": ["all"]}}, GOOD | {"a": {"x": None}},
        {k: v for k, v in GOOD.items() if k != "e"}, {k: v for k, v in GOOD.items() if k != "c"},
    ],
)  # fmt: skip
def test_other_claims_are_refused_even_if_they_are_signed(
    tokens: Tokens, keys: SigningKeys, claims: Any
) -> None:
    with pytest.raises(TokenInvalid):
        tokens.verify(forged(keys, claims))


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b", "\0", "ä", "\ud800", "\udcff.x", "null", "A" * TOKEN_LIMIT,
     "A" * (TOKEN_LIMIT + 1), "A." * 100_000, "." * 1_000_000, ".eJwrSS0uAQAEXQHB." + "A" * 43],
)  # fmt: skip
def test_what_is_no_token_is_refused(tokens: Tokens, text: str) -> None:
    for _ in range(2):
        with pytest.raises(TokenInvalid):
            tokens.verify(text)


def test_an_oversize_token_is_neither_issued_nor_taken(tokens: Tokens, keys: SigningKeys) -> None:
    # Hashes, because a serializer may compress what repeats.
    names = [hashlib.sha512(bytes([n])).hexdigest() for n in range(60)]
    with pytest.raises(TokenInvalid, match="fewer scopes"):
        tokens.issue("alice", "c", {name: frozenset(Action) for name in names}, 60)
    large = forged(keys, GOOD | {"a": {name: ["read"] for name in names}})
    assert len(large) > TOKEN_LIMIT
    with pytest.raises(TokenInvalid):
        tokens.verify(large)


def test_the_memory_is_bounded(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    for n in range(10):
        tokens.verify(tokens.issue(f"u{n}", "c", {}, 60))
        assert len(tokens._verified) <= 3
