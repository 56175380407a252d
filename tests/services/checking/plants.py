"""Damage, one kind each: what is done to a healthy storage folder, and where it must be found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.http.support import KEY, digest_of
from tests.services.checking.stores import (
    CHILD,
    INDEX,
    LABELLED,
    OTHER_CHILD,
    content,
    flip,
)

APP = f"artifacts/{KEY}/team/app"
MANIFEST = "manifest.json"
SIDECAR = f"{MANIFEST}.properties.json"

Plant = Callable[[Path], str]
"""Damages the folder, and returns the path below it that a finding must have."""
PLANTS: dict[str, Plant] = {}
"""By kind; a kind with several has numbers at the end: ``split 2``."""


def plant(kind: str) -> Callable[[Plant], Plant]:
    def add(function: Plant) -> Plant:
        assert kind not in PLANTS
        PLANTS[kind] = function
        return function

    return add


def kind_of(name: str) -> str:
    """Return the kind that a plant is to be found as."""
    return name.partition(" ")[0]


def name(data: bytes, algorithm: str = "sha256") -> str:
    return digest_of(data, algorithm).replace(":", "__")


def shown(body: bytes) -> str:
    return f"{APP}/_manifests/{name(body)}"


def blob(data: bytes) -> str:
    return f"{APP}/_layers/{name(data)}"


def alone(path: Path) -> Path:
    """Make a name a file of its own, as a copy without hard links does."""
    data, mode = path.read_bytes(), path.stat().st_mode
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode)
    return path


def change(path: Path, **fields: object) -> None:
    """Change a JSON document."""
    document = json.loads(path.read_text())
    document.update(fields)
    path.write_text(json.dumps(document))


def replace(path: Path, data: bytes, mode: int = 0o444) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def remove_content(root: Path, data: bytes) -> None:
    """Remove every name of content."""
    inode = (root / content(digest_of(data))).stat().st_ino
    for path in list(root.rglob("*")):
        if path.is_file() and path.stat().st_ino == inode:
            path.unlink()


# --- manifests -----------------------------------------------------------------------------------


@plant("manifest-damaged")
def _(root: Path) -> str:
    path = f"{APP}/own/{MANIFEST}"
    replace(root / path, b"{")
    return path


@plant("manifest-damaged 2")
def _(root: Path) -> str:
    path = shown(CHILD)
    replace(root / path, b"")
    return path


@plant("tag-digest-wrong")
def _(root: Path) -> str:
    path = f"{APP}/own/{MANIFEST}"
    data = (root / path).read_bytes()
    replace(root / path, data.replace(b"tar+gzip", b"tar+gziq"))
    return path


@plant("tag-digest-wrong 2")
def _(root: Path) -> str:
    """All names of the manifest at once, as a bad disk does it."""
    path = f"{APP}/own/{MANIFEST}"
    flip(str(root / path), (root / path).read_bytes().index(b"gzip"))
    return path


@plant("folder-digest-wrong")
def _(root: Path) -> str:
    path = f"{APP}/{digest_of(CHILD)}/{MANIFEST}"
    replace(root / path, OTHER_CHILD)
    return path


@plant("manifest-digest-wrong")
def _(root: Path) -> str:
    path = shown(CHILD)
    replace(root / path, CHILD.replace(b"amd64", b"arm64"))
    return path


@plant("manifest-link-missing")
def _(root: Path) -> str:
    inode = (root / f"{APP}/list/list.{MANIFEST}").stat().st_ino
    for path in (root / f"{APP}/_manifests").iterdir():
        if path.stat().st_ino == inode:
            path.unlink()
    return f"{APP}/list/list.{MANIFEST}"


@plant("manifest-link-missing 2")
def _(root: Path) -> str:
    (root / shown(CHILD)).unlink()
    return f"{APP}/{digest_of(CHILD)}/{MANIFEST}"


@plant("child-missing")
def _(root: Path) -> str:
    (root / shown(CHILD)).unlink()
    for path in (root / f"{APP}/{digest_of(CHILD)}").iterdir():
        path.unlink()
    return f"{APP}/multi"


@plant("child-without-folder")
def _(root: Path) -> str:
    for path in (root / f"{APP}/{digest_of(CHILD)}").iterdir():
        path.unlink()
    return shown(CHILD)


@plant("manifest-without-folder")
def _(root: Path) -> str:
    for path in (root / f"{APP}/own").iterdir():
        path.unlink()
    return next(
        f"{APP}/_manifests/{path.name}"
        for path in (root / f"{APP}/_manifests").iterdir()
        if digest_of(LABELLED).encode() in path.read_bytes()
    )


@plant("manifest-without-folder 2")
def _(root: Path) -> str:
    """A push was killed long ago; what it needed is gone."""
    path = PLANTS["manifest-without-folder"](root)
    (root / blob(LABELLED)).unlink()
    return path


@plant("manifest-name-wrong")
def _(root: Path) -> str:
    """Between commit and settle: the tag was an image before."""
    folder = root / f"{APP}/multi"
    (folder / f"list.{MANIFEST}").rename(folder / MANIFEST)
    return f"{APP}/multi/{MANIFEST}"


@plant("manifest-both-names")
def _(root: Path) -> str:
    folder = root / f"{APP}/1.0"
    os.link(folder / MANIFEST, folder / f"list.{MANIFEST}")
    return f"{APP}/1.0/{MANIFEST}"


@plant("manifest-both-names 2")
def _(root: Path) -> str:
    folder = root / f"{APP}/1.0"
    os.link(root / shown(INDEX), folder / f"list.{MANIFEST}")
    return f"{APP}/1.0/{MANIFEST}"


# --- sidecars ------------------------------------------------------------------------------------


@plant("sidecar-missing")
def _(root: Path) -> str:
    (root / f"{APP}/1.0/{SIDECAR}").unlink()
    return f"{APP}/1.0/{SIDECAR}"


@plant("sidecar-damaged")
def _(root: Path) -> str:
    (root / f"{APP}/1.0/{SIDECAR}").write_text("[")
    return f"{APP}/1.0/{SIDECAR}"


@plant("sidecar-of-another")
def _(root: Path) -> str:
    """Between stage and commit of a push that moves the tag."""
    data = (root / f"{APP}/own/{SIDECAR}").read_bytes()
    (root / f"{APP}/1.0/{SIDECAR}").write_bytes(data)
    return f"{APP}/1.0/{SIDECAR}"


@plant("sidecar-wrong")
def _(root: Path) -> str:
    change(root / f"{APP}/1.0/{SIDECAR}", size=1)
    return f"{APP}/1.0/{SIDECAR}"


@plant("sidecar-wrong 2")
def _(root: Path) -> str:
    change(root / f"{APP}/1.0/{SIDECAR}", properties={})
    return f"{APP}/1.0/{SIDECAR}"


@plant("sidecar-wrong 3")
def _(root: Path) -> str:
    change(root / f"{APP}/1.0/{SIDECAR}", createdBy=None)
    return f"{APP}/1.0/{SIDECAR}"
