"""Promotion from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.config import Config
from registry.model.digests import Digest
from registry.model.names import RepositoryKey, Tag
from registry.repositories.base import Repository
from registry.wiring import build
from tests.cli.conftest import Run
from tests.repositories.pushing import (
    IMAGE,
    KEY,
    TAG,
    all_tags,
    body_of,
    index_body,
    push_image,
    put,
)

TARGET = RepositoryKey("docker-prod")
NAME = f"{KEY}/{IMAGE}"


@pytest.fixture
def source(run: Run, tmp_path: Path) -> Repository:
    run("init")
    run("repo", "create", TARGET)
    return repository(tmp_path, KEY)


@pytest.fixture
def target(source: Repository, tmp_path: Path) -> Repository:
    return repository(tmp_path, TARGET)


def repository(folder: Path, key: RepositoryKey) -> Repository:
    instance = build(Config(storage_root=str(folder / "store")))
    return instance.directory.unguarded_repository(key)


def test_a_tag_is_moved(run: Run, source: Repository, target: Repository) -> None:
    body = push_image(source, b"layer")
    out = run("promote", f"{NAME}:{TAG}", TARGET).stdout
    assert out == f"Moved {NAME}:{TAG} to {TARGET}/{IMAGE}:{TAG} ({Digest.of(body)}).\n"
    assert (body_of(source), body_of(target)) == (None, body)


def test_a_tag_is_copied_under_another_name(
    run: Run, source: Repository, target: Repository
) -> None:
    body = push_image(source, b"layer")
    out = run("promote", f"{NAME}:{TAG}", f"{TARGET}/{IMAGE}:stable", "--copy").stdout
    assert out.startswith(f"Copied {NAME}:{TAG} to {TARGET}/{IMAGE}:stable ")
    assert (body_of(source), body_of(target, Tag("stable"))) == (body, body)


def test_a_whole_image_for_programs(run: Run, source: Repository, target: Repository) -> None:
    child = push_image(source, b"layer")
    index = index_body(child)
    put(source, index, Tag("2.0"))
    found = json.loads(run("promote", NAME, TARGET, "--json").stdout)
    assert found == [
        {
            "source": f"{NAME}:{tag}",
            "target": f"{TARGET}/{IMAGE}:{tag}",
            "digest": Digest.of(body),
            "manifests": number,
        }
        for tag, body, number in (("1.0", child, 1), ("2.0", index, 2))
    ]
    assert all_tags(target) == ["1.0", "2.0"]


@pytest.mark.parametrize(
    ("source_name", "target_name", "words"),
    [
        (f"{NAME}:none", TARGET, "no tag 'none'"),
        (f"{KEY}/none", TARGET, "no image"),
        (NAME, "docker-none", "docker-none"),
        ("docker-none/x", TARGET, "docker-none"),
        (NAME, NAME, "the same"),
        (NAME, f"{TARGET}/{IMAGE}:one", "'tag'"),
        (KEY, TARGET, "KEY/IMAGE"),
        (f"{NAME}@sha256:{'0' * 64}", TARGET, "digest"),
        ("UPPER/x", TARGET, "UPPER"),
    ],
)
def test_what_cannot_be_done(
    run: Run, source: Repository, source_name: str, target_name: str, words: str
) -> None:
    body = push_image(source, b"layer")
    assert words in run("promote", source_name, target_name, code=1).stderr
    assert body_of(source) == body


def test_how_it_is_called(run: Run) -> None:
    assert "--copy" in run("promote", "--help").stdout
    run("promote", NAME, code=2)
    run("promote", NAME, TARGET, "--nonsense", code=2)
