from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run


def keys(run: Run) -> list[str]:
    return [repo["key"] for repo in json.loads(run("repo", "list", "--json").stdout)]


def test_a_repository_comes_changes_and_goes(run: Run) -> None:
    run("repo", "create", "mine")
    run("repo", "create", "other", "--type", "local")
    run("repo", "set", "mine", "description=a = b", "allowSparseIndexes=true")
    shown = json.loads(run("repo", "show", "mine", "--json").stdout)
    assert (shown["description"], shown["allowSparseIndexes"]) == ("a = b", True)
    assert "allowSparseIndexes = true\n" in run("repo", "show", "mine").stdout
    assert "mine\tlocal\ta = b\n" in run("repo", "list").stdout
    assert keys(run) == ["mine", "other"]
    run("repo", "remove", "mine")
    assert keys(run) == ["other"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("create", "mine"), "exists"),
        (("create", "v2"), "reserved"),
        (("create", "Mine"), "lower-case"),
        (("create", "../x"), "lower-case"),
        (("create", "mine-cache"), "-cache"),
        (("set", "mine", "nonsense=1"), "nonsense"),
        (("set", "mine", "description"), "FIELD=VALUE"),
        (("set", "mine", "allowSparseIndexes=yes"), "'true' or 'false'"),
        (("set", "mine", "key=x"), "cannot be changed"),
        (("set", "none", "notes=x"), "'none'"),
        (("show", "none"), "'none'"),
        (("show", "../users/admin"), "lower-case"),
        (("remove", "none"), "'none'"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: tuple[str, ...], word: str) -> None:
    run("repo", "create", "mine")
    assert word in run("repo", *arguments, code=1).stderr
    assert keys(run) == ["mine"]


def test_a_wrong_field_among_good_ones_changes_nothing(run: Run) -> None:
    run("repo", "create", "mine")
    run("repo", "set", "mine", "notes=x", "nonsense=1", code=1)
    assert json.loads(run("repo", "show", "mine", "--json").stdout)["notes"] == ""


@pytest.mark.parametrize(
    "arguments", [("create",), ("set", "mine"), ("create", "x", "--type", "npm"), ("nonsense",)]
)
def test_a_wrong_call_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert "Usage:" in run("repo", *arguments, code=2).stderr
