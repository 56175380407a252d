"""More tags of one layer than a file can have names: 65,000 on ext4.

The short form lets a copy of the folder by hard links, as admins make them, have most of the names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest

from registry.model import media_types
from registry.model.content import Actor
from registry.model.names import ImageName, RepositoryKey, Tag
from tests.faults.injection.trial import opened
from tests.faults.surroundings.disks import MIB, ext4
from tests.faults.surroundings.site import Site, parts_of, running
from tests.faults.surroundings.traffic import OCI_MANIFEST
from tests.live.wire import IMAGE, digest_of

LIMIT: Final = 65_000
"""EXT4_LINK_MAX."""
AROUND: Final = 25
"""Tags below and above the limit in the short form."""
ALL: Final = 70_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    options = ("-b", "1024", "-N", "240000")
    with ext4(*options, size=1024 * MIB) as disk, running(disk, tmp_path) as site:
        yield site


def folder_of(site: Site, tag: str) -> Path:
    return site.storage / "artifacts" / "docker-local" / "live" / "app" / tag


def content(site: Site) -> dict[str, tuple[int, set[int]]]:
    """Return size and inodes of each blob and manifest of the image."""
    found = dict[str, tuple[int, set[int]]]()
    manifest = digest_of(site.manifest).replace(":", "__")
    for path in folder_of(site, "kept").parent.rglob("*"):
        name = path.name
        if name.startswith("sha256__") or name == "manifest.json":
            status = path.stat()
            digest = name if name != "manifest.json" else manifest
            found.setdefault(digest, (status.st_size, set()))[1].add(status.st_ino)
    return found


def tell(site: Site, *command: str) -> dict[str, Any]:
    done = site.server.cli(*command, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def fill_by_a_copy(site: Site, left: int) -> None:
    """Let a copy outside of the storage folder have all names but so many."""
    for path in folder_of(site, "kept").iterdir():
        if not path.name.endswith(".properties.json"):
            source, copy = str(path), f"{site.disk.mount}/copy/{path.name}"
            os.makedirs(copy)
            for number in range(LIMIT - left - path.stat().st_nlink):
                os.link(source, f"{copy}/{number}")


def push_all(site: Site, number: int) -> None:
    """Push tags by the code of the server, without the network and without waiting for the disk."""
    image, alice = ImageName("live/app"), Actor("alice", "192.0.2.1")
    with opened(str(site.storage)) as instance, mock.patch.object(os, "fsync"):
        repository = instance.directory.unguarded_repository(RepositoryKey("docker-local"))
        for count in range(number):
            tag = Tag(f"all{count}")
            repository.put_manifest(image, tag, site.manifest, media_types.OCI_IMAGE, alice)


def assert_all_is_well(site: Site) -> None:
    assert tell(site, "fsck")["counts"] == {}
    found = content(site)
    assert all(len(inodes) == 2 for _, inodes in found.values()), found
    usage = tell(site, "du")
    assert usage["own"] == sum(size * len(inodes) for size, inodes in found.values())
    pruned = tell(site, "prune", "--force")
    assert (pruned["skipped"], pruned["failed"]) == (None, 0)
    assert pruned["freed"]["names"] == pruned["set_on_hold"]["names"] == 0
    assert pruned["content"]["names"] == len(parts_of(site.manifest)) + 1
    assert {digest: inodes for digest, (_, inodes) in content(site).items()} == {
        digest: inodes for digest, (_, inodes) in found.items()
    }


def push(site: Site, *tags: str) -> None:
    with site.wire() as wire:
        for tag in tags:
            path = f"{IMAGE}/manifests/{tag}"
            assert wire.ask("PUT", path, OCI_MANIFEST, body=site.manifest).status == 201


def delete(site: Site, *tags: str) -> None:
    with site.wire() as wire:
        for tag in tags:
            assert wire.ask("DELETE", f"{IMAGE}/manifests/{tag}").status == 202
            assert wire.ask("GET", f"{IMAGE}/manifests/{tag}").status == 404


def short_form(site: Site) -> list[str]:
    """Push some tags across the limit."""
    fill_by_a_copy(site, AROUND)
    tags = [f"t{number}" for number in range(2 * AROUND)]
    push(site, *tags)
    return tags


def whole_form(site: Site) -> list[str]:
    """Push all tags across the limit, one of them over the network."""
    push_all(site, ALL)
    push(site, "one-more")
    return [*(f"all{number}" for number in range(ALL)), "one-more"]


FORMS = [short_form, whole_form] if os.environ.get("REGISTRY_SOAK") == "1" else [short_form]


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_may_have_more_tags_than_a_file_can_have_names(
    site: Site, form: Callable[[Site], list[str]]
) -> None:
    tags = form(site)
    for tag in ("kept", tags[0], *tags[AROUND - 5 : AROUND], tags[-2], tags[-1]):
        site.assert_pulls(tag, site.manifest)
    assert_all_is_well(site)
    delete(site, tags[0], tags[-1])
    site.assert_pulls(tags[AROUND], site.manifest)
    site.assert_pulls(tags[-2], site.manifest)
    assert_all_is_well(site)
    site.assert_no_traceback()
