from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.digests import Digest
from registry.model.errors import (
    DigestInvalid,
    NameInvalid,
    RegistryError,
    RepositoryKeyInvalid,
    TagInvalid,
)
from registry.model.names import (
    KEY_LIMIT,
    NAME_LIMIT,
    TAG_LIMIT,
    ImageName,
    RepositoryKey,
    Tag,
    parse_reference,
)

GOOD_IMAGES = [
    "a", "0", "team/app", "a/b/c/d/e", "a.b", "a_b", "a__b", "a-b", "a---b",
    "library/alpine", "0a/1b", "v2/manifests", "blobs/uploads", "a" * NAME_LIMIT,
    "/".join(["a"] * 128),
]  # fmt: skip
BAD_IMAGES = [
    "", "/", "a/", "/a", "a//b", "A", "a/B", ".a", "a.", "_a", "a_", "-a", "a-", "a..b", "a___b",
    "a._b", "a.-b", "a b", "a\n", "\na", "a\0b", "../a", "a/../b", "a/./b", "ä", "ſ", "a\u212a",
    "a%2fb", "a:b", "a@b", "a\\b", "１", "a" * (NAME_LIMIT + 1),
]  # fmt: skip
GOOD_TAGS = ["a", "A", "1", "_", "__", "latest", "1.0-rc.1_x", "a..b", "_.", "x" * TAG_LIMIT]
BAD_TAGS = [
    "", ".", "..", ".a", "-a", "a/b", "a:b", "a b", "a\n", "a\0", "ä", "%41", "a+b", "a@b", "\n",
    "x" * (TAG_LIMIT + 1), "１", "../../etc/passwd",
]  # fmt: skip
TAKEN_KEYS = [
    "v2", "v1", "api", "artifactory", "access", "ui", "webapp", "null", "healthz", "readyz",
    "configurations", "existence", "batch", "docker-cache", "a-cache",
]  # fmt: skip
GOOD_KEYS = ["a", "docker-local", "a.b", "a_b", "a__b", "a--b", "a1", "v22", "x" * KEY_LIMIT]
BAD_KEYS = [
    "", "1a", "A", "a/b", "a-", "-a", ".a", "a..b", "a b", "a\n", "ä", "..", "x" * (KEY_LIMIT + 1),
    "a\\b", "a:b", "a|b", "a?b", 'a"b', "a<b", "a>b", "a*b", "Docker-Local", "_catalog",
]  # fmt: skip

component = st.from_regex(r"[a-z0-9]+(?:(?:\.|__|_|-{1,3})[a-z0-9]+){0,3}", fullmatch=True)
images = st.lists(component, min_size=1, max_size=5).map("/".join).filter(lambda x: len(x) < 256)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)


@pytest.mark.parametrize("text", GOOD_IMAGES)
def test_an_image_name_of_the_grammar_is_taken(text: str) -> None:
    assert ImageName.parse(text) == text


@pytest.mark.parametrize("text", BAD_IMAGES)
def test_any_other_image_name_is_refused(text: str) -> None:
    with pytest.raises(NameInvalid):
        ImageName.parse(text)


@pytest.mark.parametrize("text", GOOD_TAGS)
def test_a_tag_of_the_grammar_is_taken(text: str) -> None:
    assert Tag.parse(text) == text


@pytest.mark.parametrize("text", BAD_TAGS)
def test_any_other_tag_is_refused(text: str) -> None:
    with pytest.raises(TagInvalid):
        Tag.parse(text)


@pytest.mark.parametrize("text", GOOD_KEYS)
def test_a_repository_key_of_the_grammar_is_taken(text: str) -> None:
    assert RepositoryKey.parse(text) == text
    assert RepositoryKey.parse_new(text) == text


@pytest.mark.parametrize("text", BAD_KEYS)
def test_any_other_repository_key_is_refused(text: str) -> None:
    for parse in (RepositoryKey.parse, RepositoryKey.parse_new):
        with pytest.raises(RepositoryKeyInvalid):
            parse(text)


@pytest.mark.parametrize("text", TAKEN_KEYS)
def test_a_key_that_stands_for_something_else_is_given_to_no_new_repository(text: str) -> None:
    assert RepositoryKey.parse(text) == text
    with pytest.raises(RepositoryKeyInvalid):
        RepositoryKey.parse_new(text)


def test_a_long_bad_name_is_cut_in_the_error() -> None:
    with pytest.raises(NameInvalid) as caught:
        ImageName.parse("A" * 100_000)
    assert len(str(caught.value.details)) < 300


@pytest.mark.parametrize("parse", [ImageName.parse, Tag.parse, RepositoryKey.parse, Digest.parse])
@given(text=st.text(max_size=300) | st.text(alphabet="aA0._-/:@%\n\0", max_size=300))
def test_no_text_crashes_a_parser_and_what_is_taken_stays_as_it_is(
    parse: Callable[[str], str], text: str
) -> None:
    try:
        value = parse(text)
    except RegistryError:
        return
    assert value == text
    assert value.isascii()
    assert not {"\n", "\0", "%", " "} & set(value)


@given(images)
def test_every_generated_image_name_is_parsed_to_itself(text: str) -> None:
    assert ImageName.parse(str(ImageName.parse(text))) == text


@given(tags)
def test_every_generated_tag_is_parsed_to_itself(text: str) -> None:
    value = parse_reference(text)
    assert isinstance(value, Tag)
    assert str(value) == text


@given(st.binary(max_size=50), st.sampled_from(["sha256", "sha512"]))
def test_a_reference_with_a_colon_is_a_digest(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)
    value = parse_reference(str(digest))
    assert isinstance(value, Digest)
    assert value == digest


@pytest.mark.parametrize("text", ["a:", ":", "sha256:", "sha256:..", "tag:1.0"])
def test_a_colon_never_makes_a_tag(text: str) -> None:
    with pytest.raises(DigestInvalid):
        parse_reference(text)
