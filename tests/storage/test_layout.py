from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.digests import Digest
from registry.model.names import NAME_LIMIT, ImageName, RepositoryKey, Tag
from registry.storage import layout as module
from registry.storage.layout import (
    DELETION_FILE,
    FOLDERS,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    TEMPORARY_PREFIX,
    Layout,
    content_name,
    document_name,
    document_title,
    folder_name,
    is_part,
    parse_content_name,
    part_of,
)
from tests.storage.conftest import IMAGE, KEY

DIGEST = Digest.of(b"")
HEX = DIGEST.encoded
LONG = Digest.of(b"", "sha512")
AT = Layout("/s")

PATHS = [
    (AT.top("uploads"), "/s/uploads"),
    (AT.format_file(), "/s/format.json"),
    (AT.repository(KEY), "/s/artifacts/docker-local"),
    (AT.image(KEY, IMAGE), "/s/artifacts/docker-local/team/app"),
    (AT.image(KEY, ImageName("sha256__a/b")), "/s/artifacts/docker-local/%73ha256__a/b"),
    (AT.image(KEY, ImageName("x/manifest.json")), "/s/artifacts/docker-local/x/%6Danifest.json"),
    (AT.image(KEY, ImageName("a_b/c.d")), "/s/artifacts/docker-local/a_b/c.d"),
    (AT.manifest_folder(KEY, IMAGE, Tag("1.0")), "/s/artifacts/docker-local/team/app/1.0"),
    (AT.manifest_folder(KEY, ImageName("a"), Tag("_x")), "/s/artifacts/docker-local/a/%5Fx"),
    (AT.manifest_folder(KEY, IMAGE, DIGEST), f"/s/artifacts/docker-local/team/app/sha256:{HEX}"),
    (AT.layers(KEY, IMAGE), "/s/artifacts/docker-local/team/app/_layers"),
    (AT.layer(KEY, IMAGE, DIGEST), f"/s/artifacts/docker-local/team/app/_layers/sha256__{HEX}"),
    (AT.manifests(KEY, IMAGE), "/s/artifacts/docker-local/team/app/_manifests"),
    (AT.manifest(KEY, IMAGE, LONG), f"{AT.manifests(KEY, IMAGE)}/sha512__{LONG.encoded}"),
    (AT.all_referrers(KEY, IMAGE), "/s/artifacts/docker-local/team/app/_referrers"),
    (AT.referrers(KEY, IMAGE, DIGEST), f"{AT.all_referrers(KEY, IMAGE)}/sha256__{HEX}"),
    (AT.folder_records(KEY), "/s/artifacts/docker-local/_folders.properties.json"),
    (AT.checksums("sha256", HEX[:2]), f"/s/checksums/sha256/{HEX[:2]}"),
    (AT.content(DIGEST), f"/s/filestore/sha256/{HEX[:2]}/{HEX}"),
    (AT.content(LONG), f"/s/filestore/sha512/{LONG.encoded[:2]}/{LONG.encoded}"),
    (AT.upload_data("ab"), "/s/uploads/ab.data"),
    (AT.upload_record("ab"), "/s/uploads/ab.jsonl"),
    (AT.repository_definition("k"), "/s/etc/repositories/k.json"),
    (AT.user("admin"), "/s/etc/users/admin.json"),
    (AT.login("admin"), "/s/etc/logins/admin.json"),
    (AT.group("admin"), "/s/etc/groups/admin.json"),
    (AT.group("../a"), "/s/etc/groups/%2E.%2Fa.json"),
    (AT.permission_target("admin"), "/s/etc/permissions/admin.json"),
    (AT.permission_target("Any Remote"), "/s/etc/permissions/Any%20Remote.json"),
    (AT.permission_target("_rules"), "/s/etc/permissions/%5Frules.json"),
    (AT.permission_target("ä@+%"), "/s/etc/permissions/%C3%A4@+%25.json"),
    (AT.permission_rules(), "/s/etc/permissions/_rules.json"),
    (AT.access_token("ab"), "/s/etc/tokens/ab.json"),
    (AT.keys(), "/s/etc/keys.json"),
    (AT.security(), "/s/etc/security.json"),
    (AT.service(), "/s/etc/service.json"),
    (AT.storage_summary(), "/s/storage-summary.json"),
    (AT.web_server(), "/s/etc/web-server.json"),
    (AT.journal("2026-11-23"), "/s/journal/2026-11-23.jsonl"),
    (AT.pulls("2026-11-23"), "/s/pulls/2026-11-23.jsonl"),
    (AT.pull_totals("2026-11-20"), "/s/pulls/2026-11-20.json"),
    (AT.pruning(), "/s/pruning.json"),
    (AT.scrubbing(), "/s/scrubbing.json"),
    (AT.upstream_note("k"), "/s/upstreams/k.json"),
    (AT.trash_entry("1-a"), "/s/trash/1-a"),
    (AT.quarantined(DIGEST), f"/s/quarantine/sha256__{HEX}"),
    (AT.lock("x"), "/s/locks/x.lock"),
]  # fmt: skip

part = st.from_regex(r"[a-z0-9]+(?:(?:\.|__|_|-{1,3})[a-z0-9]+){0,3}", fullmatch=True)
nasty = st.sampled_from(
    ["manifest.json", "list.manifest.json", "sha256__ab", "sha512__ab", "sha256_ab", "sha256",
     "a.properties.json", "manifest.json.properties.json", "_tmp.ab", "_layers", "_", "__", "_.."]
)  # fmt: skip
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True) | nasty
images = st.lists(part | nasty.filter(lambda x: x[0] != "_"), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_every_path(path: str, expected: str) -> None:
    assert path == expected


def test_every_function_of_the_layout_is_in_the_table() -> None:
    """A path that nobody wrote down here is a path that nobody looked at."""
    with open(__file__, encoding="utf-8") as file:
        table = file.read().partition("PATHS = [")[2].partition("]  # fmt")[0]
    functions = [name for name, value in vars(Layout).items() if callable(value)]
    missing = [name for name in functions if name[0] != "_" and f"AT.{name}(" not in table]
    assert missing == []


def drawn() -> list[str]:
    """Return the paths of the tree in the docstring, with the texts that stand for others."""
    paths: list[str] = []
    above: list[str] = []
    for line in (module.__doc__ or "").splitlines():
        match = re.fullmatch(r"    ((?:│   |    )*)[├└]── ([^\s,]+)(?:, (\S+))?.*", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        above[depth:] = [match[2].rstrip("/")]
        paths.append("/".join(above))
        if match[3]:
            paths.append(f"{os.path.dirname(paths[-1])}/{match[3]}")
    return paths


def test_every_drawn_path_is_made_by_a_function() -> None:
    short = {
        "sha256/9c/9c12…": f"sha256/{HEX[:2]}/{HEX}",
        "checksums/sha256/9c": f"checksums/sha256/{HEX[:2]}",
        "9c/9c12…": f"{HEX[:2]}/{HEX}",
        "9c12…": HEX,
        "e3b0…": HEX,
        "71ab…": HEX,
    }
    known = {path.removeprefix("/s/") for path, _ in PATHS} | set(FOLDERS)
    known |= {folder for path in known for folder in parents(path)}
    trashed = AT.trash_entry("ab").removeprefix("/s/")
    known |= {trashed, f"{trashed}/{DELETION_FILE}", f"{trashed}/{MANIFEST_FILES[0]}"}
    known |= {f"{trashed}/{content_name(DIGEST)}"}
    folder = AT.manifest_folder(KEY, IMAGE, Tag("1.0")).removeprefix("/s/")
    known |= {f"{folder}/{name}" for name in MANIFEST_FILES}
    known |= {f"{folder}/{MANIFEST_FILES[0]}{SIDECAR_ENDING}", f"{folder}/{content_name(DIGEST)}"}
    lines = drawn()
    assert len(lines) > 20
    for line in lines:
        path = line.replace("<key>", KEY if line[0] == "a" else "k").replace("2.0/", "1.0/")
        path = path.replace("<name>", "admin").replace("<id>", "ab")
        for text, meant in short.items():
            path = path.replace(text, meant)
        path = path.replace(f"_manifests/sha256__{HEX}", f"_manifests/sha512__{LONG.encoded}")
        for one in path.split(", "):
            if not one.endswith(" …"):
                assert one in known, line


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def test_every_folder_of_a_new_store_is_drawn() -> None:
    lines = [f"{line}/" for line in drawn()]
    assert [name for name in FOLDERS if not any(x.startswith(f"{name}/") for x in lines)] == []


@given(tags)
def test_a_folder_name_leads_back_to_its_tag(tag: str) -> None:
    name = folder_name(tag)
    assert part_of(name) == tag
    assert is_part(name)
    assert parse_content_name(name) is None
    assert name not in MANIFEST_FILES
    assert not name.startswith((TEMPORARY_PREFIX, "_"))
    assert not name.endswith(SIDECAR_ENDING) or name.startswith("%")
    assert "/" not in name
    assert name not in (".", "..")


@given(st.lists(tags, min_size=2, max_size=6, unique=True))
def test_different_tags_have_different_folders(names: list[str]) -> None:
    assert len({folder_name(name) for name in names}) == len(names)


@given(images, tags)
def test_nothing_leaves_the_root(image: str, tag: str) -> None:
    where = ImageName.parse(image)
    for path in (
        AT.image(KEY, where),
        AT.manifest_folder(KEY, where, Tag.parse(tag)),
        AT.manifest_folder(KEY, where, DIGEST),
        AT.layer(KEY, where, DIGEST),
        AT.manifest(KEY, where, DIGEST),
        AT.referrers(KEY, where, DIGEST),
    ):
        assert os.path.normpath(path) == path
        assert path.startswith(f"{AT.repository(KEY)}/")
        names = path.removeprefix(f"{AT.repository(KEY)}/").split("/")
        assert [part_of(name) for name in names][: image.count("/") + 1] == image.split("/")


@pytest.mark.parametrize("key", ["x" * 1, "docker-local"])
@pytest.mark.parametrize("text", ["a" * 300, "sha256__" + "a" * 300, "a" * 230 + SIDECAR_ENDING])
def test_the_longest_names_are_names_of_files(key: str, text: str) -> None:
    """Filesystems take 255 bytes a name; the longest image comes with a key of one character."""
    longest = text[-(NAME_LIMIT - len(key) - 1) :] if text[0] == "a" else text
    image = ImageName.parse(longest[: NAME_LIMIT - len(key) - 1])
    path = AT.image(RepositoryKey.parse(key), image)
    assert max(len(name) for name in path.split("/")) <= 255


OTHERS = [
    "", "x", "sha256__", "sha256__ab", "sha256:", f"md5__{HEX}", f"sha256__{HEX}0",
    f"sha512__{HEX}", f"SHA256__{HEX}", f"sha256_{HEX}", f"sha256__{HEX.upper()}",
    f"sha256__{HEX}\n",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_other_names_are_no_content(text: str) -> None:
    assert parse_content_name(text) is None


@pytest.mark.parametrize("digest", [DIGEST, LONG])
def test_content_names_lead_back_to_their_digest(digest: Digest) -> None:
    assert parse_content_name(content_name(digest)) == digest
    assert parse_content_name(str(digest)) == digest
    assert not is_part(str(digest))


@given(st.text(min_size=1))
def test_the_name_of_a_document_leads_back_to_its_title(title: str) -> None:
    try:
        title.encode()
    except UnicodeEncodeError:
        return
    name = document_name(title)
    assert document_title(name) == title
    assert "/" not in name
    assert not name.startswith((TEMPORARY_PREFIX, "_", "."))


def test_a_root_may_end_in_a_slash() -> None:
    assert Layout("/s/").root == "/s"
    assert Layout("s").keys() == "s/etc/keys.json"
