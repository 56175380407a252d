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


def test_repositories_of_every_kind_are_created_with_their_fields(run: Run) -> None:
    run("repo", "create", "mine", "maxUniqueTags=5", "includesPattern=team/**,base/**")
    upstream = ("url=https://registry.example.com", "username=u", "password=geheim")
    run("repo", "create", "hub", "--class", "remote", *upstream)
    members = ("repositories=mine,hub", "defaultDeploymentRepo=mine")
    assert "virtual" in run("repo", "create", "all", "--class", "virtual", *members).stdout
    assert run("repo", "list").stdout == "all\tvirtual\nhub\tremote\nmine\tlocal\n"
    assert "repositories = mine,hub\n" in run("repo", "show", "all").stdout
    assert "includesPattern = team/**,base/**\n" in run("repo", "show", "mine").stdout
    run("repo", "set", "all", "repositories=mine,")
    assert "repositories = mine\n" in run("repo", "show", "all").stdout
    for output in (("show", "hub"), ("show", "hub", "--json"), ("list", "--json")):
        assert "geheim" not in run("repo", *output).stdout
    run("repo", "remove", "mine")
    assert "repositories = \n" in run("repo", "show", "all").stdout


def test_what_is_shown_can_be_set(run: Run) -> None:
    """The password is shown as a mask, which changes nothing."""
    run("repo", "create", "hub", "--class", "remote", "url=https://registry.example.com")
    before = run("repo", "show", "hub").stdout
    shown = [line.replace(" = ", "=", 1) for line in before.splitlines()[3:]]
    run("repo", "set", "hub", *shown)
    assert run("repo", "show", "hub").stdout == before


def test_the_help_names_what_has_an_effect(run: Run) -> None:
    page = run("repo", "set", "--help").stdout
    for name in ("includesPattern", "blackedOut", "url", "defaultDeploymentRepo"):
        assert f"  {name}: " in page
    assert "yumRootDepth" not in page


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("create", "other", "maxUniqueTags=x"), "whole number"),
        (("create", "other", "url=https://registry.example.com"), "not a field of a local"),
        (("create", "other", "--class", "remote"), "needs a 'url'"),
        (("create", "other", "--class", "virtual", "repositories=none"), "no repository 'none'"),
        (("set", "mine", "repositories=mine"), "not a field of a local"),
        (("create", "null"), "reserved"),
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
