"""Damage beside the images: the filestore's names, definitions, modes, and what is foreign."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from tests.http.support import KEY, LAYER, digest_of
from tests.services.checking.plants import APP, change, name, plant, replace
from tests.services.checking.stores import content

# --- the filestore -------------------------------------------------------------------------------


@plant("filestore-misplaced")
def _(root: Path) -> str:
    digest = digest_of(b"content of nobody")
    path = f"filestore/sha256/{'00' if not digest.startswith('sha256:00') else '11'}"
    (root / path).mkdir(exist_ok=True)
    path = f"{path}/{digest.partition(':')[2]}"
    replace(root / path, b"content of nobody")
    return path


@plant("filestore-name-wrong")
def _(root: Path) -> str:
    path = f"{content(digest_of(LAYER))}.bak"
    replace(root / path, LAYER)
    return path


@plant("content-mode-wrong")
def _(root: Path) -> str:
    path = root / content(digest_of(LAYER))
    path.chmod(0o644)
    # The first of its names that is looked at.
    return f"{APP}/1.0/{name(LAYER)}"


@plant("stale-temporary")
def _(root: Path) -> str:
    path = f"{APP}/1.0/_tmp.0123456789abcdef"
    os.link(root / content(digest_of(LAYER)), root / path)
    return path


@plant("stale-temporary 2")
def _(root: Path) -> str:
    replace(root / "etc/users/_tmp.0123456789abcdef", b"{}", 0o600)
    return "etc/users/_tmp.0123456789abcdef"


@plant("stale-hold")
def _(root: Path) -> str:
    folder, _, hexadecimal = content(digest_of(b"nobody's")).rpartition("/")
    path = f"{folder}/_held.1000000000.0123abcd.{hexadecimal}"
    (root / folder).mkdir(exist_ok=True)
    replace(root / path, b"nobody's")
    return path


# --- definitions, users, keys --------------------------------------------------------------------


@plant("repository-undefined")
def _(root: Path) -> str:
    (root / "etc/repositories/docker-old.json").unlink()
    return "artifacts/docker-old"


@plant("definition-damaged")
def _(root: Path) -> str:
    (root / "etc/repositories/docker-old.json").write_text("null")
    return "etc/repositories/docker-old.json"


@plant("definition-damaged 2")
def _(root: Path) -> str:
    change(root / f"etc/repositories/{KEY}.json", maxUniqueTags="many")
    return f"etc/repositories/{KEY}.json"


@plant("definition-key-wrong")
def _(root: Path) -> str:
    change(root / f"etc/repositories/{KEY}.json", key="other")
    return f"etc/repositories/{KEY}.json"


@plant("user-damaged")
def _(root: Path) -> str:
    (root / "etc/users/bob.json").write_bytes(b"\xff")
    return "etc/users/bob.json"


@plant("user-damaged 2")
def _(root: Path) -> str:
    change(root / "etc/users/bob.json", name="admin")
    return "etc/users/bob.json"


@plant("keys-missing")
def _(root: Path) -> str:
    (root / "etc/keys.json").unlink()
    return "etc/keys.json"


@plant("keys-damaged")
def _(root: Path) -> str:
    change(root / "etc/keys.json", keys=[])
    return "etc/keys.json"


@plant("secret-mode-wrong")
def _(root: Path) -> str:
    (root / "etc/keys.json").chmod(0o640)
    return "etc/keys.json"


@plant("secret-mode-wrong 2")
def _(root: Path) -> str:
    (root / "etc/users/bob.json").chmod(0o604)
    return "etc/users/bob.json"


@plant("secret-mode-wrong 3")
def _(root: Path) -> str:
    change(root / f"etc/repositories/{KEY}.json", password="of the upstream registry")
    return f"etc/repositories/{KEY}.json"


@plant("open-to-others")
def _(root: Path) -> str:
    (root / "etc/users/bob.json").chmod(0o666)
    return "etc/users/bob.json"


@plant("open-to-others 2")
def _(root: Path) -> str:
    (root / APP / "1.0").chmod(0o777)
    return f"{APP}/1.0"


# --- the folder itself ---------------------------------------------------------------------------


@plant("format-missing")
def _(root: Path) -> str:
    (root / "format.json").unlink()
    return "format.json"


@plant("format-damaged")
def _(root: Path) -> str:
    change(root / "format.json", version=99)
    return "format.json"


@plant("format-damaged 2")
def _(root: Path) -> str:
    (root / "format.json").write_text("")
    return "format.json"


@plant("folder-missing")
def _(root: Path) -> str:
    (root / "builds").rmdir()
    return "builds"


@plant("record-damaged")
def _(root: Path) -> str:
    (root / "pruning.json").write_text("{")
    return "pruning.json"


@plant("record-damaged 2")
def _(root: Path) -> str:
    (root / "upstreams/far.json").write_text("{")
    return "upstreams/far.json"


@plant("pulls-damaged")
def _(root: Path) -> str:
    (root / "pulls/2026-01-01.json").write_text("{")
    return "pulls/2026-01-01.json"


@plant("line-damaged")
def _(root: Path) -> str:
    path = next((root / "journal").iterdir())
    path.write_bytes(path.read_bytes()[:-20])
    return str(path.relative_to(root))


# --- what is not ours ----------------------------------------------------------------------------


@plant("symbolic-link")
def _(root: Path) -> str:
    path = f"{APP}/1.0/link"
    (root / path).symlink_to("/")
    return path


@plant("symbolic-link 2")
def _(root: Path) -> str:
    path = root / content(digest_of(b"nothing"))
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("nowhere")
    return str(path.relative_to(root))


@plant("special-file")
def _(root: Path) -> str:
    os.mkfifo(root / APP / "_layers" / name(b"a pipe"))
    return f"{APP}/_layers/{name(b'a pipe')}"


@plant("special-file 2")
def _(root: Path) -> str:
    with socket.socket(socket.AF_UNIX) as listener:
        # The whole path would be too long for a socket.
        before = Path.cwd()
        os.chdir(root / "etc")
        listener.bind("socket")
        os.chdir(before)
    return "etc/socket"


def _foreign_file(path: str) -> None:
    @plant(f"foreign-file {path}")
    def _(root: Path) -> str:
        replace(root / path, b"mine", 0o644)
        return path


for place in (
    "notes.txt", "artifacts/notes.txt", f"artifacts/{KEY}/notes.txt", f"artifacts/{KEY}/team/n.txt",
    f"{APP}/notes.txt", f"{APP}/1.0/notes.txt", f"{APP}/_layers/notes.txt",
    f"{APP}/_manifests/notes.txt", f"{APP}/_referrers/notes.txt", "etc/notes.json",
    "etc/users/notes.txt", "etc/repositories/.swp", "filestore/notes.txt",
    "filestore/sha256/notes.txt", "uploads/notes.txt", "trash/notes.txt", "quarantine/notes.txt",
    "journal/notes.txt", "pulls/notes.txt", "locks/notes.txt",
):  # fmt: skip
    _foreign_file(place)


def _foreign_folder(path: str) -> None:
    @plant(f"foreign-folder {path}")
    def _(root: Path) -> str:
        (root / path).mkdir()
        (root / path / "inside").touch()
        return path


for place in (
    "backup", "etc/backup", "filestore/md5", "filestore/sha256/zz", f"{APP}/sha256:12",
    f"{APP}/_old", f"{APP}/%41bc", f"{APP}/-x", f"artifacts/{KEY}/Upper", "artifacts/_old",
    "journal/old",
):  # fmt: skip
    _foreign_folder(place)


# --- uploads -------------------------------------------------------------------------------------


def _upload(root: Path) -> tuple[Path, Path]:
    data = next(path for path in (root / "uploads").iterdir() if path.suffix == ".data")
    return data, data.with_suffix(".jsonl")


@plant("upload-without-record")
def _(root: Path) -> str:
    data, record = _upload(root)
    record.unlink()
    return str(data.relative_to(root))


@plant("upload-without-data")
def _(root: Path) -> str:
    data, record = _upload(root)
    data.unlink()
    return str(record.relative_to(root))


@plant("upload-damaged")
def _(root: Path) -> str:
    _, record = _upload(root)
    record.write_text(json.dumps({"repository": KEY}))
    return str(record.relative_to(root))
