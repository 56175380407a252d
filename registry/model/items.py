"""Items: the files and folders of a repository, as Artifactory's tree shows them.

The tree has folders (the repository itself, the parts of image names, manifest folders) and files
(``manifest.json`` or ``list.manifest.json``, and ``sha256__<hex>`` for config and layers). What is
ours, such as ``_layers`` and sidecars, is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey

ROOT: Final = "."
"""The path of what lies directly in a repository, and the name of the repository, in AQL."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder. Times are ISO 8601 in UTC with milliseconds: they sort as texts."""

    repository: RepositoryKey
    location: str
    """Where it is in the repository, without slashes at the ends; empty for the repository."""
    is_folder: bool
    created: str
    created_by: str
    modified: str
    modified_by: str
    size: int = 0
    """Bytes of a file; 0 for a folder."""
    digest: Digest | None = None
    """The content of a file, under its name in the filestore; None for a folder."""
    media_type: str = ""
    """Of a manifest; empty for everything else."""
    image: ImageName | None = None
    """The image that it is part of; None for folders above images."""
    reference: Reference | None = None
    """The tag or digest whose manifest folder it is, or is in."""
    properties: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the location; `ROOT` for the repository itself."""
        return self.location.rpartition("/")[2] or ROOT

    @property
    def path(self) -> str:
        """The location of the folder that it lies in; `ROOT` directly below the repository."""
        return self.location.rpartition("/")[0] or ROOT

    @property
    def manifest_digest(self) -> Digest | None:
        """The digest by which clients know a manifest; of a signed one, not that of its bytes."""
        found = self.properties.get("docker.manifest.digest") if self.media_type else None
        return Digest(found[0]) if found else self.digest if self.media_type else None

    @property
    def depth(self) -> int:
        """How many parts the location has: 0 for the repository, 1 directly below it."""
        return self.location.count("/") + 1 if self.location else 0


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """What every wanted item fulfils. Whoever answers may give more items, but never fewer.

    None, and an empty prefix, mean that nothing is known of it.
    """

    repositories: frozenset[RepositoryKey] | None = None
    paths: frozenset[str] | None = None
    """As `Item.path` has it."""
    path_prefix: str = ""
    names: frozenset[str] | None = None
    with_files: bool = True
    with_folders: bool = False
    properties: Mapping[str, str | None] = field(default_factory=dict)
    """Names of properties, each with a value that it has among others; None for any value."""
    sha256: str | None = None
    created_from: str = ""
    """An inclusive lower limit, as a text that sorts as `Item.created` does; empty: none."""
    created_to: str = ""
    modified_from: str = ""
    modified_to: str = ""
