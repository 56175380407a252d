"""What of a repository is in reach: its patterns, its blackout, and whether anything takes pushes.

Patterns are over paths inside the repository, such as ``team/app/1.0/manifest.json``. Manifests
are looked at one by one. Blobs, uploads and lists belong to the image: it is in reach if a pattern
may fit something in it, and none shuts out all of it. Under a digest a manifest is in reach if its
image is and no pattern shuts out its path there, ``team/app/sha256:<hex>/manifest.json``: clients
ask by digest for what they have found by tag.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.access.principals import Action
from registry.model.ant import EVERYTHING, ant_patterns
from registry.model.errors import Denied, ImageUnknown, OperationUnsupported, RegistryError
from registry.model.items import Item
from registry.model.media_types import INDEX_TYPES, MANIFEST_TYPES, bare
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.repository_fields import REMOTE, VIRTUAL
from registry.storage.layout import INDEX_FILE, MANIFEST_FILE, MANIFEST_FILES
from registry.storage.manifest_files import Place, manifest_unknown

_DEPTH: Final = 2
"""Parts of a path below an image: the manifest folder, and what is in it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What of one repository is in reach."""

    key: str
    includes: str = EVERYTHING
    excludes: str = ""
    blacked_out: bool = False
    read_only: str = ""
    """Why nothing can be pushed; empty where it can."""
    undeletable: bool = False
    """Whether nothing can be deleted either where nothing can be pushed."""

    @property
    def unlimited(self) -> bool:
        """Whether everything is in reach, so that nothing has to be asked."""
        return not (
            self.blacked_out
            or self.read_only
            or self.excludes
            or self.includes not in (EVERYTHING, "**")
        )

    def has_path(self, path: str) -> bool:
        """Return whether a file of that path inside the repository is in reach."""
        return (
            not self.blacked_out
            and any(pattern.matches(path) for pattern in ant_patterns(self.includes))
            and not self._excludes(path)
        )

    def has_image(self, image: ImageName) -> bool:
        """Return whether anything of an image may be in reach."""
        return not self.blacked_out and _may_be_in(self.includes, self.excludes, image)

    def has_manifest(self, image: ImageName, reference: Reference, content_type: str = "") -> bool:
        """Return whether a manifest is in reach; without its type, whether one of any type is."""
        if self.includes == EVERYTHING and not self.excludes and not self.blacked_out:
            return True
        names: Sequence[str] = MANIFEST_FILES
        media_type = bare(content_type)
        if media_type in MANIFEST_TYPES:
            names = (INDEX_FILE if media_type in INDEX_TYPES else MANIFEST_FILE,)
        paths = [f"{image}/{reference}/{name}" for name in names]
        if isinstance(reference, Tag):
            return any(self.has_path(path) for path in paths)
        return self.has_image(image) and not all(self._excludes(path) for path in paths)

    def has_item(self, item: Item) -> bool:
        """Return whether a file or folder of an image that is in reach is itself in reach."""
        if item.image is None or item.reference is None:
            return True
        if item.is_folder:
            return self.has_manifest(item.image, item.reference)
        if isinstance(item.reference, Tag):
            return self.has_path(item.location)
        return not self._excludes(item.location)

    def allows(self, action: Action, image: ImageName) -> bool:
        """Return whether something may be done in an image, as far as the repository goes."""
        return self.has_image(image) and not self.refuses(action)

    def refuses(self, action: Action) -> str:
        """Return why the repository takes no such change, whatever the image; empty if it does."""
        refused = action is Action.WRITE or (action is Action.DELETE and self.undeletable)
        return self.read_only if refused else ""

    def require(self, action: Action, image: ImageName) -> None:
        """Raise unless it is allowed: what is out of reach is unknown, and cannot be pushed.

        Raises:
            ImageUnknown, Denied, OperationUnsupported.
        """
        if self.allows(action, image):
            return
        closed = self.blacked_out or bool(self.refuses(action))
        if action is Action.READ or (action is Action.DELETE and not closed):
            raise ImageUnknown("repository name not known to registry", {"name": image})
        raise self._refusal(action, image)

    def require_manifest(
        self, action: Action, image: ImageName, reference: Reference, content_type: str = ""
    ) -> None:
        """Do the same for one manifest, after `require`.

        Raises:
            ManifestUnknown, Denied.
        """
        if self.has_manifest(image, reference, content_type):
            return
        if action in (Action.READ, Action.DELETE):
            raise manifest_unknown(Place(RepositoryKey(self.key), image), reference)
        raise self._refusal(action, f"{image}/{reference}")

    def _refusal(self, action: Action, path: str) -> RegistryError:
        if self.blacked_out:
            return Denied(f"the repository '{self.key}' is blacked out")
        if self.refuses(action):
            return OperationUnsupported(self.refuses(action))
        return Denied(f"the patterns of the repository '{self.key}' exclude '{path}'")

    def _excludes(self, path: str) -> bool:
        return any(pattern.matches(path) for pattern in ant_patterns(self.excludes))


@functools.lru_cache(4096)
def _may_be_in(includes: str, excludes: str, image: ImageName) -> bool:
    """Return whether patterns leave anything of an image; asked several times in each request."""
    return any(p.may_match_below(image, _DEPTH) for p in ant_patterns(includes)) and not any(
        p.matches_all_below(image) for p in ant_patterns(excludes)
    )


EVERYWHERE: Final = Reach("")
"""The reach of a repository without any limits."""


def reach_of(key: str, kind: str, fields: Mapping[str, Any]) -> Reach:
    """Return what a definition leaves in reach."""
    reach = Reach(
        key,
        fields["includesPattern"],
        fields["excludesPattern"],
        fields.get("blackedOut", False),
        _no_pushes(key, kind, fields),
        undeletable=kind == VIRTUAL,
    )
    return EVERYWHERE if reach.unlimited else reach


def _no_pushes(key: str, kind: str, fields: Mapping[str, Any]) -> str:
    """Return why a repository takes no pushes; empty if it does."""
    if kind == REMOTE:
        return (
            f"the remote repository '{key}' takes no pushes: it has what its upstream has; push to "
            "a local repository"
        )
    if kind == VIRTUAL and not fields["defaultDeploymentRepo"]:
        return (
            f"the virtual repository '{key}' takes no pushes: it has no default deployment "
            f"repository; 'repo set {key} defaultDeploymentRepo=KEY' gives it one of its local "
            "members"
        )
    return ""
