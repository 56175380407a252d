"""What is recorded beside each manifest: facts, properties, and what retention has to know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from registry.model import properties
from registry.model.content import Actor, StoredManifest
from registry.model.names import ImageName, Reference
from registry.storage.journal import now, timestamp
from registry.storage.manifest_reader import Sidecar
from registry.storage.tree_items import FILE_PROPERTIES, FOLDER_PROPERTIES, properties_of

FORMER_TAGS: Final = "formerTags"
"""Of an untagged manifest: the tags that it had, each with the time until when."""
PINNED: Final = "pinned"
"""Of a tag: whether retention spares it."""
_LASTING: Final = (FORMER_TAGS, PINNED, FOLDER_PROPERTIES)
"""What stays with the folder when another manifest comes into it."""


def make_sidecar(
    image: ImageName,
    reference: Reference,
    stored: StoredManifest,
    labels: Mapping[str, str],
    actor: Actor,
    old: Sidecar | None,
    kept: Sidecar | None,
) -> Sidecar:
    """Return the sidecar of a manifest that comes into a folder.

    ``old`` is the sidecar that the folder has. ``kept`` is that of the folder from which the
    manifest comes, if it is moved and not pushed, so that its makers stay known.
    """
    moment = timestamp(now())
    # What has no digest was given to layers that were deployed before any manifest.
    same = kept or (old if old and old.get("digest") in (None, stored.digest) else None) or {}
    old = kept or old or {}
    moved = {"modified": moment, "modifiedBy": actor.name} | (kept or {})
    sha256 = hashlib.sha256(stored.body).hexdigest()
    return {
        "digest": stored.digest,
        "sha256": sha256,
        "size": len(stored.body),
        "mediaType": stored.media_type,
        "created": old.get("created", moment),
        "createdBy": old.get("createdBy", actor.name),
        "modified": moved["modified"],
        "modifiedBy": moved["modifiedBy"],
        **{name: old[name] for name in _LASTING if name in old},
        **({FILE_PROPERTIES: same[FILE_PROPERTIES]} if FILE_PROPERTIES in same else {}),
        "properties": given_properties(same)
        | properties.manifest_properties(
            image, reference, stored.digest, stored.media_type, sha256, labels
        ),
    }


def given_properties(sidecar: Sidecar | None) -> dict[str, Any]:
    """Return the properties that users gave to a manifest: those that the server does not write."""
    found = properties_of((sidecar or {}).get("properties"))
    return {name: list(v) for name, v in found.items() if not properties.is_own(name)}


def former_tags(sidecar: Sidecar | None) -> dict[str, Any]:
    """Return the tags that a manifest had, each with the time until when; of damage, nothing."""
    found = (sidecar or {}).get(FORMER_TAGS)
    return found if isinstance(found, dict) else {}
