"""``repo resolve``: which member of a virtual repository answers for an image."""

from __future__ import annotations

import json

from tests.cli.conftest import Run


def test_who_answers_is_told_with_what_became_of_each_member(run: Run) -> None:
    run("init")
    run("repo", "set", "docker-remote", "offline=true")
    told = run("repo", "resolve", "docker/team/app:1.0").stdout.splitlines()
    assert told == [
        "Nobody answers for docker/team/app:1.0.",
        "  - docker-local (local) absent: manifest unknown",
        "  - docker-remote-cache (cache) absent: manifest unknown",
        "  - docker-remote (remote) absent: manifest unknown",
    ]
    found = json.loads(run("repo", "resolve", "docker/team/app:1.0", "--json").stdout)
    assert found["answeredBy"] is None
    assert [one["outcome"] for one in found["members"]] == ["absent"] * 3


def test_what_names_no_manifest_is_refused(run: Run) -> None:
    run("init")
    run("repo", "resolve", "docker/team/app", code=1)
    run("repo", "resolve", "none/team/app:1.0", code=1)
