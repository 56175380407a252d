"""A copy that was made without hard links becomes what the original was."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.config import Config
from registry.services.findings import Finding
from registry.services.instance import Instance
from registry.services.repairing import LINKS
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import CONFIG, KEY, LAYER, digest_of
from tests.services.checking.all_plants import PLANTS
from tests.services.checking.plants import APP, name
from tests.services.checking.stores import content, copy, found, kinds, later, pull_all, used
from tests.services.checking.test_repairing import repair


@pytest.fixture
def split(storage: Path, tmp_path: Path) -> Iterator[Instance]:
    """The registry of a copy without hard links."""
    folder = copy(storage, tmp_path / "split", hard_links=False)
    yield from opened(Config(storage_root=str(folder)))


def test_all_of_the_disk_comes_back(split: Instance, storage: Path) -> None:
    root = Path(split.store.layout.root)
    assert used(root) > 1.5 * used(storage)
    assert kinds(found(split)) == {"split"}
    assert repair(split, kinds=LINKS)[0] == []
    assert found(split, deep=True) == []
    # Sidecars, which have no second name, and documents are as they were.
    assert used(root) - used(storage) <= 0.01 * used(storage)
    assert links(root) == links(storage)
    pull_all(Client(make_application(split)))


def links(root: Path) -> dict[str, int]:
    """Return how many names every file has."""
    files = (path for path in root.rglob("*") if path.is_file() and path.parent.name != "locks")
    return {str(path.relative_to(root)): path.stat().st_nlink for path in files}


def test_a_copy_of_the_images_alone(split: Instance, storage: Path) -> None:
    """The filestore is made again from the links in the images."""
    root = Path(split.store.layout.root)
    for path in [p for p in (root / "filestore").rglob("*") if p.is_file()]:
        path.unlink()
    assert kinds(found(split)) == {"filestore-missing"}
    assert repair(split, kinds=LINKS)[0] == []
    assert found(split, deep=True) == []
    orphans = {p: n for p, n in links(storage).items() if p.startswith("filestore") and n == 1}
    assert links(root) == {p: n for p, n in links(storage).items() if p not in orphans}


def test_damage_in_the_copy_is_not_spread(split: Instance, storage: Path) -> None:
    """Of several files with one name the good ones win, wherever they are."""
    root = Path(split.store.layout.root)
    names = [p for p in root.rglob(name(LAYER)) if p.is_file()] + [root / content(digest_of(LAYER))]
    good = random.Random(7).choice(names)
    for path in names:
        if path != good:
            os.chmod(path, 0o644)
            path.write_bytes(b"x" * len(LAYER))
            os.chmod(path, 0o444)
    assert repair(split)[0] == []
    assert found(split, deep=True) == []
    pull_all(Client(make_application(split)))


def test_where_nothing_good_is_left_nothing_is_done(split: Instance) -> None:
    root = Path(split.store.layout.root)
    names = [p for p in root.rglob(name(LAYER)) if p.is_file()] + [root / content(digest_of(LAYER))]
    for path in names:
        os.chmod(path, 0o644)
        path.write_bytes(b"x" * len(LAYER))
        os.chmod(path, 0o444)
    remaining, _ = repair(split, kinds=LINKS)
    assert {finding.digest for finding in remaining} == {digest_of(LAYER)}
    assert all(path.read_bytes() == b"x" * len(LAYER) for path in names)


def test_images_that_are_pushed_meanwhile(split: Instance) -> None:
    """Repairs change nothing that a push has changed since it was found."""
    client = Client(make_application(split))
    changed = 0

    def told(finding: Finding) -> None:
        nonlocal changed
        if changed < 20:
            changed += 1
            tag = f"new-{changed}"
            body = client.get(f"/v2/{KEY}/team/app/manifests/1.0").data
            headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
            path = f"/v2/{KEY}/team/app/manifests"
            assert client.request("PUT", f"{path}/{tag}", headers, body).status_code == 201
            assert client.request("DELETE", f"{path}/new-{changed - 3}").status_code in (202, 404)

    assert split.repairing.run(later(split).run, told=told) == []
    assert changed == 20
    assert found(split, deep=True) == []
    pull_all(client)


# --- files that have all the names they can have -------------------------------------------------


def limited(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr("registry.services.inspection.link_limit", lambda path: limit)


def full(root: Path) -> int:
    """Let the filestore have a fresh file for content whose old one is full; return its links."""
    path = root / content(digest_of(CONFIG))
    number = path.stat().st_nlink - 1
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o444)
    return number


def test_a_full_file_is_no_finding(
    instance: Instance, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = full(storage)
    limited(monkeypatch, number)
    assert found(instance) == []
    limited(monkeypatch, number + 1)
    assert kinds(found(instance)) == {"split"}


def test_a_full_file_in_the_filestore_is_replaced(
    instance: Instance, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that are files of their own find no place at a full one, so they get another one."""
    PLANTS["split"](storage)
    stored = storage / content(digest_of(LAYER))
    limited(monkeypatch, stored.stat().st_nlink)
    real = os.link

    def link(source: str, target: str, **options: object) -> None:
        if os.stat(source).st_ino == inode:
            raise OSError(31, "Too many links", source)
        real(source, target, **options)  # type: ignore[arg-type]

    inode = stored.stat().st_ino
    monkeypatch.setattr("registry.storage.atomic.os.link", link)
    assert repair(instance)[0] == []
    assert stored.stat().st_ino != inode
    assert (storage / APP / "1.0" / name(LAYER)).stat().st_ino == stored.stat().st_ino
