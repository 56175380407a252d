"""The trash over REST: what is in it, bringing it back, removing it for good.

Source: Artifactory's REST API, "Restore Item from Trash Can", "Delete Item from Trash Can", "Empty
Trash Can".
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from registry.model.errors import RegistryError, RequestInvalid, TrashUnknown
from registry.model.names import ImageName, RepositoryKey, parse_reference
from registry.model.targets import Target
from registry.storage.deletions import Deletion
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.locations import flag, pointed
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_ABOVE: Final = 4
"""Parts of the path before the location: ``api/trash/restore/<key>``."""
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]


@route(blueprint, FORMS, "/api/trash", ["GET"], Right.ADMIN)
def list_trash() -> Response:
    """What is in the trash, oldest first."""
    entries = current().instance.trashcan.entries()
    return json_answer({"entries": [_document(entry) for entry in entries]})


@route(blueprint, FORMS, "/api/trash/restore/<key>", ["POST"], Right.ADMIN)
@route(blueprint, FORMS, "/api/trash/restore/<key>/<path:path>", ["POST"], Right.ADMIN)
def restore(key: str, path: str = "") -> Response:
    """Bring back what was deleted last at a place, to that place."""
    location = pointed(_ABOVE).location
    to = request.args.get("to", "").strip("/")
    if to not in ("", f"{key}/{location}".rstrip("/")):
        raise RequestInvalid("things come back to where they were; move them afterwards")
    call = current()
    actor = call.directory.actor
    target = _target(key, location)
    restored = call.instance.trashcan.restore(target, actor, overwrite=flag("overwrite"))
    return Answer(202, _TEXT, f"Restored {len(restored)} of {target}\n".encode())


@route(blueprint, FORMS, "/api/trash/clean/<key>", ["DELETE"], Right.ADMIN)
@route(blueprint, FORMS, "/api/trash/clean/<key>/<path:path>", ["DELETE"], Right.ADMIN)
def clean(key: str, path: str = "") -> Response:
    """Remove what was deleted at a place for good; pruning frees the space."""
    target = _target(key, pointed(_ABOVE).location)
    if current().instance.trashcan.empty(target) == 0:
        raise TrashUnknown(f"the trash has nothing of '{target}'")
    return Answer(204)


@route(blueprint, FORMS, "/api/trash/empty", ["POST"], Right.ADMIN)
def empty() -> Response:
    """Remove everything for good; pruning frees the space."""
    removed = current().instance.trashcan.empty()
    return Answer(202, _TEXT, f"Removed {removed} from the trash\n".encode())


def _target(key: str, location: str) -> Target:
    """Return what a place in the tree was: a tag's folder, an image, or a repository."""
    try:
        repository = RepositoryKey.parse(key)
        if not location:
            return Target(repository)
        above, _, last = location.rpartition("/")
        if above:
            tag = Target(repository, ImageName.parse(above), parse_reference(last))
            if current().instance.trashcan.entries(tag):
                return tag
        return Target(repository, ImageName.parse(location))
    except RegistryError:
        raise TrashUnknown("the trash has nothing of that name") from None


def _document(entry: Deletion) -> dict[str, object]:
    return {
        "id": entry.id,
        "repository": entry.repository,
        "image": entry.image,
        "reference": None if entry.reference is None else str(entry.reference),
        "digest": entry.digest,
        "deleted": entry.time,
        "deletedBy": entry.principal,
    }
