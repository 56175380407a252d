from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.digests import HEX_LENGTHS, Digest, parse_algorithm
from registry.model.errors import DigestInvalid

HEX = "0123456789abcdef" * 4

BAD = [
    "", ":", "sha256", "sha256:", HEX, f"sha256{HEX}", f"sha256:{HEX[:-1]}", f"sha256:{HEX}0",
    f"sha256:{HEX.upper()}", f"sha256:{HEX[:-1]}g", f"SHA256:{HEX}", f"sha512:{HEX}",
    f"sha256:{HEX}{HEX}", f"md5:{HEX[:32]}", f"sha1:{HEX[:40]}", f"sha384:{HEX}{HEX[:32]}",
    f" sha256:{HEX}", f"sha256:{HEX}\n", f"sha256:{HEX[:-1]}\n", f"sha256::{HEX[:-1]}",
    f"sha256:{HEX[:-1]}１", f"sha256:../{HEX[:-3]}", f"sha256__{HEX}", f"sha256+b:{HEX}",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(DigestInvalid):
        Digest.parse(text)


@pytest.mark.parametrize("algorithm", HEX_LENGTHS)
@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_a_digest_is_the_hash_of_the_bytes_however_they_arrive(
    algorithm: str, data: bytes, cut: int
) -> None:
    hasher = hashlib.new(algorithm)
    hasher.update(data[:cut])
    hasher.update(data[cut:])
    digest = Digest.of(data, algorithm)
    assert digest == f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    assert Digest.from_hasher(algorithm, hasher) == digest
    assert Digest.parse(digest) == digest
    assert (digest.algorithm, digest.encoded) == tuple(digest.split(":"))
    assert len(digest.encoded) == HEX_LENGTHS[algorithm]


def test_sha256_is_the_default() -> None:
    assert Digest.of(b"").encoded.startswith("e3b0c442")


@pytest.mark.parametrize("text", ["", "sha1", "md5", "SHA256", "sha256 ", "blake3", "x" * 10_000])
def test_an_unknown_algorithm_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(DigestInvalid, match=r"sha256, sha512") as caught:
        parse_algorithm(text)
    assert len(str(caught.value.details)) < 200


@pytest.mark.parametrize("text", ["sha256", "sha512"])
def test_a_known_algorithm_is_taken(text: str) -> None:
    assert parse_algorithm(text) == text
