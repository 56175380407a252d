"""``scrub`` as it is typed: what is printed, and with what it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.storage.store import Store
from tests.cli.conftest import Run
from tests.cli.test_fsck import LAYER, NAME, at, store
from tests.repositories.pushing import IMAGE, KEY

__all__ = ["store"]


def damage(store: Store) -> None:
    path = Path(store.layout.content(Digest.of(LAYER)))
    path.chmod(0o644)
    path.write_bytes(b"x" * len(LAYER))
    path.chmod(0o444)


def test_nothing_is_damaged(run: Run, store: Store) -> None:
    assert run("scrub").stdout.startswith("3 files, ")
    told = json.loads(run("scrub", "--json", "--rate", "0").stdout)
    assert (told["complete"], told["files"], told["damaged"]) == (True, 3, [])


def test_damage_is_said_with_its_tags(run: Run, store: Store) -> None:
    damage(store)
    result = run("scrub", "--rate", "1GB/s", code=1)
    assert f"damaged\t{Digest.of(LAYER)}: has the bytes of sha256:" in result.stdout
    assert f"\thurts {KEY}/{IMAGE}:1.0\n" in result.stdout
    assert "1 damaged contents are in quarantine and 1 tags do not pull" in result.stderr
    assert at(store, f"quarantine/{NAME}").read_bytes() == b"x" * len(LAYER)
    assert "content-quarantined" in run("fsck", code=1).stdout


def test_damage_for_programs(run: Run, store: Store) -> None:
    damage(store)
    told = json.loads(run("scrub", "--json", code=1).stdout)
    (found,) = told["damaged"]
    assert found["digest"] == Digest.of(LAYER)
    assert found["tags"] == [f"{KEY}/{IMAGE}:1.0"]
    assert f"artifacts/{KEY}/{IMAGE}/1.0/{NAME}" in found["names"]


def test_time_is_up(run: Run, store: Store) -> None:
    assert "the next scrub goes on" in run("scrub", "--max-time", "0s").stdout
    assert "3 files" in run("scrub", "--max-time", "2h").stdout
    assert "3 files" in run("scrub", "--restart").stdout


@pytest.mark.parametrize("rate", ["0", "50MB/s", "50 MB/s", "1.5G", "100k", "100kB/s"])
def test_rates(run: Run, store: Store, rate: str) -> None:
    assert "all content" in run("scrub", "--rate", rate).stdout


@pytest.mark.parametrize(
    "arguments", [("--rate", "fast"), ("--rate", "-1"), ("--max-time", "soon"), ("--rate", "5MiBs")]
)
def test_called_wrongly(run: Run, store: Store, arguments: tuple[str, str]) -> None:
    assert arguments[1] in run("scrub", *arguments, code=2).stderr
