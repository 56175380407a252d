"""``fsck`` and ``relink`` as they are typed: what is printed, and with what they exit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.names import RepositoryKey
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.store import Store
from tests.cli.conftest import Run
from tests.repositories.pushing import CONFIG, IMAGE, KEY, push_image

LAYER = b"a layer" * 100
APP = f"artifacts/{KEY}/{IMAGE}"
NAME = f"sha256__{Digest.of(LAYER).encoded}"


@pytest.fixture
def store(run: Run, tmp_path: Path) -> Store:
    """A storage folder with one image."""
    run("init")
    made = Store(str(tmp_path / "store"))
    push_image(LocalRepository(made, Definitions(made).get(RepositoryKey(KEY))), LAYER)
    made.journal.close()
    return made


def at(store: Store, path: str) -> Path:
    return Path(store.layout.root, path)


def test_nothing_is_wrong(run: Run, store: Store) -> None:
    before = {str(path) for path in at(store, ".").rglob("*")}
    assert run("fsck").stdout == "1 images, 1 manifests, 3 contents: 0 findings.\n"
    told = json.loads(run("fsck", "--json", "--deep").stdout)
    assert told["findings"] == []
    assert told["counts"] == {}
    assert told["storage"] == store.layout.root
    assert (told["images"], told["manifests"], told["contents"]) == (1, 1, 3)
    for command in (("fsck", "--repair"), ("relink",), ("fsck", "--repair", "--dry-run")):
        assert "0 findings" in run(*command).stdout
    assert {str(path) for path in at(store, ".").rglob("*")} == before


def test_findings_say_what_helps(run: Run, store: Store) -> None:
    at(store, f"{APP}/_layers/{NAME}").unlink()
    at(store, "notes.txt").write_text("mine")
    result = run("fsck", code=1)
    assert f"data\tblob-link-missing\t{APP}/_layers/{NAME}: " in result.stdout
    assert "structure\tforeign-file\tnotes.txt: " in result.stdout
    assert "'fsck --repair' puts it right" in result.stdout
    assert "2 findings (1 of data, 1 of structure); 'fsck --repair' may put 1 " in result.stderr


def test_findings_for_programs(run: Run, store: Store) -> None:
    at(store, f"{APP}/_layers/{NAME}").unlink()
    told = json.loads(run("fsck", "--json", code=1).stdout)
    assert told["counts"] == {"blob-link-missing": 1}
    assert told["findings"] == [
        {
            "kind": "blob-link-missing",
            "severity": "data",
            "path": f"{APP}/_layers/{NAME}",
            "message": "is missing, but '1.0' needs it",
            "tags": [],
            "remedy": "'fsck --repair' puts it right",
        }
    ]


def test_a_repair_says_what_it_did_and_what_it_could_not(run: Run, store: Store) -> None:
    link = at(store, f"{APP}/_layers/{NAME}")
    link.unlink()
    at(store, "notes.txt").write_text("mine")
    told = run("fsck", "--repair", "--dry-run", code=1)
    assert f"Would repair blob-link-missing: {APP}/_layers/{NAME}\n" in told.stdout
    assert not link.exists()
    result = run("fsck", "--repair", code=1)
    assert f"Repaired blob-link-missing: {APP}/_layers/{NAME}\n" in result.stdout
    assert "foreign-file" in result.stdout
    assert "1 findings (1 of structure); see docs/checking.md" in result.stderr
    assert link.read_bytes() == LAYER
    at(store, "notes.txt").unlink()
    assert run("fsck", "--repair").exit_code == 0


def test_a_repair_for_programs(run: Run, store: Store) -> None:
    at(store, f"{APP}/_layers/{NAME}").unlink()
    told = json.loads(run("fsck", "--repair", "--json").stdout)
    assert (told["repaired"], told["findings"]) == ({"blob-link-missing": 1}, [])


def test_relink_looks_at_links_alone(run: Run, store: Store) -> None:
    link = at(store, f"{APP}/1.0/{NAME}")
    link.unlink()
    link.write_bytes(LAYER)
    link.chmod(0o444)
    at(store, "notes.txt").write_text("mine")
    told = run("relink", "--dry-run", code=1)
    assert f"Would repair split: {APP}/1.0/{NAME}\n" in told.stdout
    assert "foreign" not in told.stdout
    assert link.stat().st_nlink == 1
    result = run("relink")
    assert f"Repaired split: {APP}/1.0/{NAME}\n" in result.stdout
    assert "0 findings" in result.stdout
    assert link.stat().st_nlink == 3


def test_many_findings_are_not_all_printed(run: Run, store: Store) -> None:
    for number in range(25):
        at(store, f"etc/{number}").write_text("mine")
    result = run("fsck", code=1)
    assert result.stdout.count("is a file that is not ours") == 20
    assert "… and 5 more of foreign-file; --json prints all" in result.stdout
    assert len(json.loads(run("fsck", "--json", code=1).stdout)["findings"]) == 25


def test_damaged_content_names_its_tags(run: Run, store: Store) -> None:
    path = Path(store.layout.content(Digest.of(CONFIG)))
    path.chmod(0o644)
    path.write_bytes(b"x" * len(CONFIG))
    path.chmod(0o444)
    assert "0 findings" in run("fsck").stdout
    result = run("fsck", "--deep", code=1)
    assert "data\tcontent-damaged\t" in result.stdout
    assert f"\thurts {KEY}/{IMAGE}:1.0\n" in result.stdout


@pytest.mark.parametrize(
    "command", [("fsck",), ("fsck", "--repair"), ("relink",), ("scrub",)], ids=" ".join
)
def test_nothing_is_made_where_nothing_is(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert "no storage folder" in run(*command, code=1).stderr
    assert not (tmp_path / "store").exists()
    (tmp_path / "store").mkdir()
    assert "--storage" in run(*command, code=1).stderr
    assert os.listdir(tmp_path / "store") == []


@pytest.mark.parametrize("command", [("fsck", "--repair"), ("relink",), ("scrub",)], ids=" ".join)
def test_whoever_writes_is_the_owner(
    run: Run, store: Store, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "run this as the user that runs the server" in run(*command, code=1).stderr
    assert "0 findings" in run("fsck").stdout
