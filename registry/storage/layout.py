"""Every path in the storage folder. Nobody else joins path texts.

::

    storage_root/
    ├── artifacts/<key>/                        a repository: one folder tree
    │   └── team/app/                           an image
    │       ├── 1.0/                            manifest folder of a tag: a complete image
    │       │   ├── manifest.json               the exact bytes pushed
    │       │   ├── manifest.json.properties.json   sidecar: properties and facts
    │       │   ├── sha256__9c12…               config and layers
    │       │   └── sha256__e3b0…
    │       ├── 2.0/list.manifest.json          the same for an index or list
    │       ├── sha256:71ab…/                   manifest folder without a tag
    │       ├── _layers/sha256__9c12…           blobs that this image may show
    │       ├── _manifests/sha256__71ab…        manifests that this image may show
    │       └── _referrers/sha256__71ab…/       manifests whose subject is 71ab…
    ├── artifacts/<key>/_folders.properties.json    properties of folders above manifest folders
    ├── builds/                                 build info
    ├── checksums/sha256/9c                     sha1 and md5 of content, a line each, once asked for
    ├── etc/                                    definitions and secrets, JSON
    │   ├── groups/<name>.json
    │   ├── logins/<name>.json              when a user last logged in
    │   ├── permissions/<name>.json         permission targets
    │   ├── permissions/_rules.json         says that permission targets decide, if there is none
    │   ├── repositories/<key>.json
    │   ├── tokens/<id>.json                what is known of an access token, 0600
    │   ├── users/<name>.json
    │   ├── keys.json                           signing keys, 0600
    │   ├── security.json                       what is set about passwords and tokens
    │   ├── service.json                        the name of this registry, made once
    │   └── web-server.json                     what stands in front of the server
    ├── filestore/sha256/9c/9c12…               every distinct content once
    ├── format.json                             version of this layout
    ├── journal/2026-11-23.jsonl                who moved which tag from what to what, when
    ├── locks/                                  lock files; never deleted
    ├── pruning.json                            when the last pruning passes were, what they found
    ├── pulls/2026-11-23.jsonl                  who pulled which manifest, when
    ├── pulls/2026-11-20.json                   the same of a past day, counted
    ├── quarantine/sha256__9c12…                damaged content, and a note of who had it
    ├── scrubbing.json                          how far the last scrub has come, what it found
    ├── storage-summary.json                    how much each repository holds, as last counted
    ├── trash/<id>/                             a deleted manifest folder, until it expires
    │   ├── deletion.json                       what it was, who deleted it, when
    │   └── manifest.json, sha256__9c12… …      the folder as it was
    ├── uploads/<id>.data, <id>.jsonl           uploads, and downloads of caches, on their way
    └── upstreams/<key>.json                    what was last heard of an upstream

Why it is so: all names below ``artifacts`` and in ``filestore`` that have the same content are
hard links to one inode, so the kernel counts the references, and a copied or retagged image costs
directory entries only. ``artifacts`` sorts before ``filestore``, so a plain copy of a live store
meets each manifest before the content it needs. A tag exists if and only if its manifest file
exists. A folder may be both the tag ``bar`` of image ``foo`` and the parent of image ``foo/bar``.

A tag or a part of an image name that would collide with a name of ours (``_layers``,
``manifest.json``, ``sha256__…``) has its first character percent-encoded on disk; ``%`` cannot
occur in either, so the encoding is reversible. In the names of documents all characters are
percent-encoded but letters, digits and ``-._~@+``, and so is ``_`` or ``.`` as the first one.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from registry.model.digests import HEX_LENGTHS, Digest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag

FORMAT_VERSION: Final = 1

MANIFEST_FILE: Final = "manifest.json"
INDEX_FILE: Final = "list.manifest.json"
MANIFEST_FILES: Final = (MANIFEST_FILE, INDEX_FILE)
SIDECAR_ENDING: Final = ".properties.json"
FOLDER_RECORDS: Final = f"_folders{SIDECAR_ENDING}"
"""At the root of a repository: what is kept of the folders above manifest folders."""
TEMPORARY_PREFIX: Final = "_tmp."
"""Half-done work stands under names with this prefix, beside its final name."""
HELD_PREFIX: Final = "_held."
"""Names that are about to be freed have this prefix, beside the name that they had."""
STAGED_PREFIX: Final = "_staged."
"""Entries of the trash that are not yet there, or no longer, have this prefix."""
DELETION_FILE: Final = "deletion.json"
DEFINITION_FILE: Final = "repository.json"
TREE_FOLDER: Final = "artifacts"
"""In the trash entry of a whole repository: its definition, and its folder tree."""

FOLDERS: Final = (
    "artifacts",
    "builds",
    "checksums",
    "etc/groups",
    "etc/logins",
    "etc/permissions",
    "etc/repositories",
    "etc/tokens",
    "etc/users",
    "filestore",
    "journal",
    "locks",
    "pulls",
    "quarantine",
    "trash",
    "uploads",
    "upstreams",
)

_CONTENT: Final = re.compile(r"(sha256|sha512)(?:__|:)([0-9a-f]+)")


def content_name(digest: Digest) -> str:
    """Return the file name of content inside an image: ``sha256__<hex>``."""
    return digest.replace(":", "__", 1)


def parse_content_name(name: str) -> Digest | None:
    """Return the digest that a name like ``sha256__<hex>`` or ``sha256:<hex>`` spells, or None."""
    match = _CONTENT.fullmatch(name)
    if match is None or len(match[2]) != HEX_LENGTHS[match[1]]:
        return None
    return Digest(f"{match[1]}:{match[2]}")


def folder_name(part: str) -> str:
    """Return the folder name of a tag or of one part of an image name."""
    if _collides(part):
        return f"%{ord(part[0]):02X}{part[1:]}"
    return part


def _collides(part: str) -> bool:
    return (
        part.startswith(("_", "sha256__", "sha512__"))
        or part in MANIFEST_FILES
        or part.endswith(SIDECAR_ENDING)
    )


def is_part(name: str) -> bool:
    """Return whether a folder name stands for a tag or a part of an image name."""
    return not name.startswith("_") and ":" not in name


def part_of(name: str) -> str:
    """Return the tag or part of an image name that a folder name stands for."""
    return unquote(name)


def document_name(title: str) -> str:
    """Return the file name, without its ending, of a document with a title of any characters."""
    name = quote(title, safe="@+")
    return f"%{ord(name[0]):02X}{name[1:]}" if name[:1] in ("_", ".") else name


def document_title(name: str) -> str:
    """Return the title of a document, of which the file name without its ending is given."""
    return unquote(name)


class Layout:
    """The paths of one storage folder, as texts; pure functions of typed values."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/") or "/"
        self._artifacts = f"{self.root}/artifacts"
        self._filestore = f"{self.root}/filestore"

    def top(self, name: str) -> str:
        """Return one of the folders in `FOLDERS`."""
        return f"{self.root}/{name}"

    def format_file(self) -> str:
        return f"{self.root}/format.json"

    # --- repositories and images -----------------------------------------------------------

    def repository(self, key: RepositoryKey) -> str:
        return f"{self._artifacts}/{key}"

    def folder_records(self, key: RepositoryKey) -> str:
        return f"{self._artifacts}/{key}/{FOLDER_RECORDS}"

    def image(self, key: RepositoryKey, image: ImageName) -> str:
        if "_" in image or "manifest" in image or "." in image:
            return f"{self._artifacts}/{key}/" + "/".join(map(folder_name, image.split("/")))
        return f"{self._artifacts}/{key}/{image}"

    def manifest_folder(self, key: RepositoryKey, image: ImageName, reference: Reference) -> str:
        name = folder_name(reference) if isinstance(reference, Tag) else reference
        return f"{self.image(key, image)}/{name}"

    def layers(self, key: RepositoryKey, image: ImageName) -> str:
        return f"{self.image(key, image)}/_layers"

    def layer(self, key: RepositoryKey, image: ImageName, digest: Digest) -> str:
        return f"{self.image(key, image)}/_layers/{content_name(digest)}"

    def manifests(self, key: RepositoryKey, image: ImageName) -> str:
        return f"{self.image(key, image)}/_manifests"

    def manifest(self, key: RepositoryKey, image: ImageName, digest: Digest) -> str:
        return f"{self.image(key, image)}/_manifests/{content_name(digest)}"

    def all_referrers(self, key: RepositoryKey, image: ImageName) -> str:
        return f"{self.image(key, image)}/_referrers"

    def referrers(self, key: RepositoryKey, image: ImageName, subject: Digest) -> str:
        return f"{self.all_referrers(key, image)}/{content_name(subject)}"

    # --- content ---------------------------------------------------------------------------

    def content(self, digest: Digest) -> str:
        algorithm, _, encoded = digest.partition(":")
        return f"{self._filestore}/{algorithm}/{encoded[:2]}/{encoded}"

    def checksums(self, algorithm: str, shard: str) -> str:
        return f"{self.root}/checksums/{algorithm}/{shard}"

    def upload_data(self, upload: str) -> str:
        return f"{self.root}/uploads/{upload}.data"

    def upload_record(self, upload: str) -> str:
        return f"{self.root}/uploads/{upload}.jsonl"

    # --- definitions -----------------------------------------------------------------------

    def repository_definition(self, key: str) -> str:
        return f"{self.root}/etc/repositories/{key}.json"

    def user(self, name: str) -> str:
        return f"{self.root}/etc/users/{name}.json"

    def login(self, name: str) -> str:
        return f"{self.root}/etc/logins/{name}.json"

    def group(self, name: str) -> str:
        return f"{self.root}/etc/groups/{document_name(name)}.json"

    def permission_target(self, name: str) -> str:
        return f"{self.root}/etc/permissions/{document_name(name)}.json"

    def permission_rules(self) -> str:
        return f"{self.root}/etc/permissions/_rules.json"

    def access_token(self, token: str) -> str:
        return f"{self.root}/etc/tokens/{token}.json"

    def keys(self) -> str:
        return f"{self.root}/etc/keys.json"

    def security(self) -> str:
        return f"{self.root}/etc/security.json"

    def service(self) -> str:
        return f"{self.root}/etc/service.json"

    def web_server(self) -> str:
        return f"{self.root}/etc/web-server.json"

    def journal(self, day: str) -> str:
        return f"{self.root}/journal/{day}.jsonl"

    def pulls(self, day: str) -> str:
        return f"{self.root}/pulls/{day}.jsonl"

    def pull_totals(self, day: str) -> str:
        return f"{self.root}/pulls/{day}.json"

    def storage_summary(self) -> str:
        return f"{self.root}/storage-summary.json"

    def pruning(self) -> str:
        return f"{self.root}/pruning.json"

    def scrubbing(self) -> str:
        return f"{self.root}/scrubbing.json"

    def upstream_note(self, key: str) -> str:
        return f"{self.root}/upstreams/{key}.json"

    def trash_entry(self, entry: str) -> str:
        return f"{self.root}/trash/{entry}"

    def quarantined(self, digest: Digest) -> str:
        return f"{self.root}/quarantine/{content_name(digest)}"

    def lock(self, name: str) -> str:
        return f"{self.root}/locks/{name}.lock"
