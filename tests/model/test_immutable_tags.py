from __future__ import annotations

import datetime

import pytest

from registry.model.digests import Digest
from registry.model.errors import FieldInvalid
from registry.model.immutable_tags import ImmutableTags
from registry.model.names import ImageName, Reference, Tag
from registry.model.repository_values import checked, parse_field
from registry.model.retention import Policy, TagState, decide

APP = ImageName("team/app")
HEX = Digest.of(b"").encoded

ROWS: list[tuple[list[str], str, str | None]] = [
    ([], "v1", None),
    (["v*"], "v1", "v*"),
    (["v*"], "1.v", None),
    (["v?", "*"], "v1", "v?"),
    (["v?", "*"], "v10", "*"),
    (["v*", "!v*-rc*"], "v1-rc1", None),
    (["!v*-rc*", "v*"], "v1-rc1", None),
    (["!v*-rc*", "v*"], "v1", "v*"),
    (["!*"], "v1", None),
    (["*", "!latest"], "latest", None),
    (["*", "!latest"], "Latest", "*"),
    (["team/**"], "v1", "team/**"),
    (["team/*/v*"], "v1", "team/*/v*"),
    (["team/v*"], "v1", None),
    (["other/**"], "v1", None),
    (["*", "!team/**"], "v1", None),
    (["**"], "v1", "**"),
    ([f"sha256-{HEX}"], f"sha256-{HEX}", None),
    (["*", "**/*"], f"sha256-{HEX}.sig", None),
    (["*"], f"sha256-{HEX}.att", None),
    (["*"], f"sha256-{HEX}.sbom", None),
    (["*"], "sha256-abc.sig", "*"),
]


@pytest.mark.parametrize(("patterns", "tag", "rule"), ROWS)
def test_a_pattern_keeps_a_tag_unless_an_exception_frees_it(
    patterns: list[str], tag: str, rule: str | None
) -> None:
    assert ImmutableTags(patterns).rule_for(APP, Tag(tag)) == rule


def test_manifests_without_a_tag_are_free() -> None:
    reference: Reference = Digest.of(b"")
    assert ImmutableTags(["*", "**"]).rule_for(APP, reference) is None


@pytest.mark.parametrize("value", [[], ["v*", "!v*-rc*"], ["team/**/1.?"]])
def test_patterns_are_a_field_of_local_repositories(value: list[str]) -> None:
    assert checked("local", {"immutableTags": value}) == {"immutableTags": value}
    assert parse_field(f"immutableTags={','.join(value)}") == ("immutableTags", value)
    assert checked("remote", {"immutableTags": value}) == {}


@pytest.mark.parametrize(
    "value", [[""], ["!"], ["a b"], ["a\n"], ["x" * 513], ["a"] * 101, "v*", [1], {"a": 1}]
)
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(FieldInvalid, match="immutableTags"):
        checked("local", {"immutableTags": value})


def test_they_take_no_place_where_tags_are_counted() -> None:
    now = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)
    tags = [
        TagState(APP, Tag(name), Digest.of(name.encode()), now - datetime.timedelta(days=age))
        for age, name in enumerate(["v3", "a", "v2", "b", "v1"])
    ]
    policy = Policy(most=1, immutable=ImmutableTags(["v*"]))
    decided = decide(policy, tags, lambda state: None, now)
    assert [(str(one.state.tag), one.goes, one.rule) for one in decided] == [
        ("v3", False, "immutableTags=v*"),
        ("a", False, "no rule"),
        ("v2", False, "immutableTags=v*"),
        ("b", True, "maxUniqueTags=1"),
        ("v1", False, "immutableTags=v*"),
    ]
