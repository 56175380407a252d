"""Damage to what is linked where: blobs, content, referrers, the trash and the quarantine."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.http.support import CONFIG, LAYER, digest_of, encoded
from tests.services.checking.plants import (
    APP,
    MANIFEST,
    alone,
    blob,
    change,
    name,
    plant,
    remove_content,
    replace,
    shown,
)
from tests.services.checking.stores import CHILD, FIRST, LABELLED, OWN, SHARED, SIGNATURE, content

# --- blobs and links -----------------------------------------------------------------------------


@plant("blob-link-missing")
def _(root: Path) -> str:
    (root / blob(LAYER)).unlink()
    return blob(LAYER)


@plant("layer-link-missing")
def _(root: Path) -> str:
    path = f"{APP}/1.0/{name(LAYER)}"
    (root / path).unlink()
    return path


@plant("layer-missing")
def _(root: Path) -> str:
    remove_content(root, LABELLED)
    return f"{APP}/own/{name(LABELLED)}"


@plant("layer-size-wrong")
def _(root: Path) -> str:
    path = root / content(digest_of(OWN))
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"more")
    path.chmod(0o444)
    # The first of its names that is looked at.
    return f"{APP}/own/{name(OWN)}"


@plant("content-empty")
def _(root: Path) -> str:
    os.truncate(root / content(digest_of(OWN)), 0)
    return f"{APP}/own/{name(OWN)}"


@plant("layer-link-stale")
def _(root: Path) -> str:
    path = f"{APP}/1.0/{name(OWN)}"
    os.link(root / content(digest_of(OWN)), root / path)
    return path


@plant("folder-without-manifest")
def _(root: Path) -> str:
    folder = root / APP / "half"
    folder.mkdir()
    os.link(root / blob(LAYER), folder / name(LAYER))
    return f"{APP}/half"


@plant("split")
def _(root: Path) -> str:
    path = f"{APP}/1.0/{name(LAYER)}"
    alone(root / path)
    return path


@plant("split 2")
def _(root: Path) -> str:
    path = f"{APP}/multi/list.{MANIFEST}"
    alone(root / path)
    return path


@plant("split 3")
def _(root: Path) -> str:
    path = next(path for path in (root / "trash").glob(f"*/{name(CONFIG)}"))
    return str(alone(path).relative_to(root))


@plant("filestore-missing")
def _(root: Path) -> str:
    path = content(digest_of(SHARED))
    (root / path).unlink()
    return path


@plant("filestore-missing 2")
def _(root: Path) -> str:
    path = content(digest_of(FIRST))
    (root / path).unlink()
    return path


@plant("referrer-missing")
def _(root: Path) -> str:
    path = f"{APP}/_referrers/{name(FIRST)}/{name(SIGNATURE)}"
    (root / path).unlink()
    return path


@plant("referrer-dangling")
def _(root: Path) -> str:
    path = f"{APP}/_referrers/{name(FIRST)}/{name(b'{}')}"
    replace(root / path, b"{}")
    return path


@plant("referrer-wrong-subject")
def _(root: Path) -> str:
    path = f"{APP}/_referrers/{name(FIRST)}/{name(CHILD)}"
    os.link(root / shown(CHILD), root / path)
    return path


# --- the trash and the quarantine ----------------------------------------------------------------


def entry_of(root: Path, reference: str) -> Path:
    """Return the entry of the trash with that tag."""
    for folder in (root / "trash").iterdir():
        if json.loads((folder / "deletion.json").read_text()).get("reference") == reference:
            return folder
    raise AssertionError(reference)


@plant("trash-note-missing")
def _(root: Path) -> str:
    path = entry_of(root, "deleted") / "deletion.json"
    path.unlink()
    return str(path.relative_to(root))


@plant("trash-note-damaged")
def _(root: Path) -> str:
    path = entry_of(root, "deleted") / "deletion.json"
    change(path, repository=None, reference=7)
    return str(path.relative_to(root))


@plant("trash-incomplete")
def _(root: Path) -> str:
    path = entry_of(root, "deleted") / name(CONFIG)
    path.unlink()
    return str(path.relative_to(root))


@plant("trash-incomplete 2")
def _(root: Path) -> str:
    folder = entry_of(root, "deleted")
    (folder / MANIFEST).unlink()
    return str(folder.relative_to(root))


@plant("stale-deletion")
def _(root: Path) -> str:
    folder = entry_of(root, "deleted")
    folder.rename(folder.with_name(f"_staged.{folder.name}"))
    return f"trash/_staged.{folder.name}"


@plant("quarantine-note-damaged")
def _(root: Path) -> str:
    path = f"quarantine/{name(b'bad')}"
    replace(root / path, b"other")
    replace(root / f"{path}.json", encoded({"digest": 1}), 0o640)
    return f"{path}.json"


@plant("quarantine-unneeded")
def _(root: Path) -> str:
    path = f"quarantine/{name(b'bad')}"
    replace(root / path, b"other")
    note = {"digest": digest_of(b"bad"), "computed": "", "time": "", "inodes": [1], "names": []}
    replace(root / f"{path}.json", encoded(note), 0o640)
    return path
