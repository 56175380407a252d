"""The fields of repositories: the table itself, and what is taken as a value."""

from __future__ import annotations

from typing import Any

import pytest

from registry.model.errors import FieldInvalid
from registry.model.repository_fields import (
    FIELDS,
    FIELDS_OF,
    KINDS,
    LOCAL,
    MASKED,
    REMOTE,
    VIRTUAL,
)
from registry.model.repository_values import MASK, checked, parse_field, wrong_fields

URL = "https://registry.example.com"


def test_every_field_is_described_and_means_the_same_for_each_kind() -> None:
    assert [name for name, field in FIELDS.items() if len(field.description) < 10] == []
    for kind in KINDS:
        for name, field in FIELDS_OF[kind].items():
            assert field == FIELDS[name], name


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_are_values_that_are_taken(kind: str) -> None:
    """The address of the upstream registry has none."""
    defaults = {name: field.default for name, field in FIELDS_OF[kind].items() if name != "url"}
    assert checked(kind, defaults) == defaults


def test_which_kind_has_which_fields() -> None:
    for kind in KINDS:
        assert "dockerApiVersion" in FIELDS_OF[kind]
        remote_only = {"enableTokenAuthentication", "listRemoteFolderItems", MASKED, "url"}
        assert bool(remote_only & FIELDS_OF[kind].keys()) is (kind == REMOTE)
    assert {"maxUniqueTags", "dockerTagRetention"}.isdisjoint(FIELDS_OF[REMOTE])
    assert "repositories" not in FIELDS_OF[LOCAL]


TAKEN: list[tuple[str, str, object, object]] = [
    (LOCAL, "description", "a\nb", "a\nb"),
    (LOCAL, "blackedOut", "true", True),
    (LOCAL, "blackedOut", "False", False),
    (REMOTE, "fetchJarsEagerly", 0, False),
    (REMOTE, "fetchSourcesEagerly", 1, True),
    (LOCAL, "maxUniqueTags", "5", 5),
    (LOCAL, "untaggedRetentionDays", -1, -1),
    (LOCAL, "propertySets", ["artifactory"], ["artifactory"]),
    (LOCAL, "includesPattern", "", "**/*"),
    (LOCAL, "repoLayoutRef", "", "simple-default"),
    (LOCAL, "repoLayoutRef", "maven-2-default", "maven-2-default"),
    (LOCAL, "dockerApiVersion", "V1", "V1"),
    (LOCAL, "checksumPolicyType", "server-generated-checksums", "server-generated-checksums"),
    (REMOTE, "url", f"{URL}:5000/x/", f"{URL}:5000/x/"),
    (REMOTE, "url", "http://[::1]:5000", "http://[::1]:5000"),
    (REMOTE, "proxy", "http://proxy.example.com:3128", "http://proxy.example.com:3128"),
    (REMOTE, "proxy", "corporate", "corporate"),
    (REMOTE, MASKED, "geheim*", "geheim*"),
    (REMOTE, "externalDependenciesPatterns", ["**/a/**"], ["**/a/**"]),
]


@pytest.mark.parametrize(("kind", "name", "given", "expected"), TAKEN)
def test_a_value_is_taken(kind: str, name: str, given: object, expected: object) -> None:
    value = checked(kind, {name: given})[name]
    assert (value, type(value)) == (expected, type(expected))


REFUSED: list[tuple[str, str, object, str]] = [
    (LOCAL, "description", 1, "is a text"),
    (LOCAL, "description", True, "is a text"),
    (LOCAL, "description", ["x"], "is a text"),
    (LOCAL, "blackedOut", "yes", "'true' or 'false'"),
    (LOCAL, "blackedOut", 2, "'true' or 'false'"),
    (LOCAL, "blackedOut", [], "'true' or 'false'"),
    (LOCAL, "maxUniqueTags", True, "whole number"),
    (LOCAL, "maxUniqueTags", 1.5, "whole number"),
    (LOCAL, "maxUniqueTags", "x", "whole number"),
    (LOCAL, "maxUniqueTags", "１", "whole number"),
    (LOCAL, "maxUniqueTags", -1, "at least 0"),
    (LOCAL, "maxUniqueTags", 2**31, "at most"),
    (LOCAL, "maxUniqueTags", 10**4000, "whole number"),
    (LOCAL, "dockerTagRetention", 0, "at least 1"),
    (LOCAL, "untaggedRetentionDays", -2, "at least -1"),
    (LOCAL, "registryPort", 65536, "at most 65535"),
    (LOCAL, "retention", "nonsense", "nonsense"),
    (LOCAL, "propertySets", "artifactory", "list of texts"),
    (LOCAL, "propertySets", [1], "list of texts"),
    (LOCAL, "dockerApiVersion", "V3", "one of V1, V2"),
    (LOCAL, "snapshotVersionBehavior", "x", "one of unique"),
    (LOCAL, "key", "x", "cannot be changed"),
    (LOCAL, "rclass", "x", "cannot be changed"),
    (REMOTE, "storeArtifactsLocally", False, "true for Docker"),
    (REMOTE, "contentSynchronisation", "x", "is an object"),
    (REMOTE, "contentSynchronisation", {"enabled": "x"}, "contentSynchronisation.enabled"),
    (REMOTE, "proxy", "http://user:word@proxy.example.com", "no user name"),
    (REMOTE, "proxy", "socks5://proxy.example.com", "address such as"),
    (REMOTE, "url", "", "address such as"),
    (REMOTE, "url", "registry.example.com", "address such as"),
    (REMOTE, "url", "ftp://registry.example.com", "address such as"),
    (REMOTE, "url", "https://", "address such as"),
    (REMOTE, "url", "https://registry.example.com:x", "address such as"),
    (REMOTE, "url", "https://[registry", "address such as"),
    (REMOTE, "url", "https://registry.example.com/a b", "address such as"),
    (REMOTE, "url", "https://registry.example.com/\n", "address such as"),
    (REMOTE, "url", "https://registry.example.com?x", "address such as"),
    (REMOTE, "url", "https://user:secret@registry.example.com", "no user name and password"),
]


@pytest.mark.parametrize(("kind", "name", "given", "said"), REFUSED)
def test_a_value_is_refused(kind: str, name: str, given: object, said: str) -> None:
    with pytest.raises(FieldInvalid, match=said) as caught:
        checked(kind, {name: given})
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("given", [None, MASK, "***", "*"])
def test_null_and_masks_are_as_if_nothing_had_been_given(given: str | None) -> None:
    assert checked(REMOTE, {MASKED: given}) == {}


def test_an_object_is_completed() -> None:
    given = {"enabled": True, "source": {"originAbsenceDetection": True}, "statistics": None}
    assert checked(REMOTE, {"contentSynchronisation": given | {"new": 1}}) == {
        "contentSynchronisation": {
            "enabled": True,
            "statistics": {"enabled": False},
            "properties": {"enabled": False},
            "source": {"originAbsenceDetection": True},
        }
    }


DEEP: Any = []
for _ in range(50):
    DEEP = [DEEP]
LEFTOVERS: dict[str, Any] = {
    "vcsType": "GIT", "terraformType": "MODULE", "enableNpmSupport": False, "a": {"b": [1, 2.5]},
}  # fmt: skip
DROPPED: dict[str, Any] = {
    "authToken": "x", "gpgPassphrase": "x", "clientSecret": "x", "deep": DEEP, "": "x", "a b": "x",
    "x" * 100: "x", "none": None, "repositories": ["x"], "url": URL, MASKED: "x",
}  # fmt: skip


def test_of_what_is_no_field_the_harmless_is_kept() -> None:
    assert checked(LOCAL, LEFTOVERS | DROPPED) == LEFTOVERS


SPELLED: list[tuple[str, str, tuple[str, object]]] = [
    (LOCAL, "description=a=b", ("description", "a=b")),
    (LOCAL, "notes=", ("notes", "")),
    (LOCAL, "allowSparseIndexes=true", ("allowSparseIndexes", True)),
    (LOCAL, "blockPushingSchema1=false", ("blockPushingSchema1", False)),
    (LOCAL, "maxUniqueTags=7", ("maxUniqueTags", 7)),
    (LOCAL, "includesPattern=", ("includesPattern", "**/*")),
    (VIRTUAL, "repositories=a, b,", ("repositories", ["a", "b"])),
    (VIRTUAL, "repositories=", ("repositories", [])),
    (REMOTE, f"url={URL}", ("url", URL)),
]


@pytest.mark.parametrize(("kind", "text", "expected"), SPELLED)
def test_a_field_is_read_from_a_text(kind: str, text: str, expected: tuple[str, object]) -> None:
    assert parse_field(text, kind) == expected


def test_an_object_is_read_from_a_text() -> None:
    _, value = parse_field('contentSynchronisation={"enabled":true}', REMOTE)
    assert isinstance(value, dict)
    assert (value["enabled"], value["source"]) == (True, {"originAbsenceDetection": False})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (LOCAL, ""), (LOCAL, "="), (LOCAL, "description"), (LOCAL, "nonsense=1"), (LOCAL, "key=x"),
        (LOCAL, "allowSparseIndexes=yes"), (LOCAL, "allowSparseIndexes="), (LOCAL, "Description=x"),
        (LOCAL, "url=https://x.example"), (LOCAL, "maxUniqueTags="),
        (REMOTE, "repositories=a"), (REMOTE, "contentSynchronisation={"), (VIRTUAL, "url=x"),
    ],
)  # fmt: skip
def test_any_other_text_is_refused(kind: str, text: str) -> None:
    with pytest.raises(FieldInvalid):
        parse_field(text, kind)


def test_wrong_values_of_a_stored_definition_are_found() -> None:
    assert wrong_fields({"rclass": LOCAL, "maxUniqueTags": 3, "anything": 1}) == []
    assert wrong_fields({"rclass": LOCAL, "maxUniqueTags": "3", "blackedOut": 1}) == [
        "blackedOut",
        "maxUniqueTags",
    ]
    assert wrong_fields({"rclass": REMOTE, "url": None}) == ["url"]
    assert wrong_fields({"rclass": "other"}) == wrong_fields({}) == ["rclass"]
