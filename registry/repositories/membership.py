"""What definitions of repositories promise together: members exist, and none contains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.model.errors import FieldInvalid, OperationUnsupported, RepositoryExists
from registry.model.names import cache_key, remote_key
from registry.model.repository_fields import LOCAL, REMOTE, VIRTUAL

Documents = Mapping[str, Mapping[str, Any]]
"""The stored definitions by key."""


def require_sound(key: str, documents: Documents) -> None:
    """Raise FieldInvalid where a definition contradicts itself, or others of all these."""
    document = documents[key]
    _require_free_name(key, documents)
    if document["rclass"] == REMOTE and not document.get("url"):
        raise FieldInvalid(f"the remote repository '{key}' needs a 'url'", {"field": "url"})
    if document["rclass"] == VIRTUAL:
        _require_members(key, documents)
        _require_deployable(document, documents)


def cache_itself(key: str) -> OperationUnsupported:
    """Return the error for what would configure a cache: it is as its remote repository is."""
    remote = remote_key(key)
    return OperationUnsupported(
        f"'{key}' is the cache of the remote repository '{remote}' and has no configuration of its "
        "own",
        {"key": key},
    )


def _require_free_name(key: str, documents: Documents) -> None:
    """Raise RepositoryExists where a repository and the cache of a remote one have one name."""
    remote = remote_key(key) or ""
    if documents.get(remote, {}).get("rclass") == REMOTE:
        raise RepositoryExists(
            f"'{key}' is the cache of the remote repository '{remote}'", {"key": key}
        )
    cache = cache_key(key)
    if documents[key]["rclass"] == REMOTE and cache in documents:
        raise RepositoryExists(
            f"the cache of '{key}' would be '{cache}', and there is a repository of that name",
            {"key": cache},
        )


def without(document: Mapping[str, Any], member: str) -> dict[str, Any] | None:
    """Return the definition of a virtual repository without a member, or None if it has it not."""
    if document["rclass"] != VIRTUAL or member not in document.get("repositories", ()):
        return None
    changed = dict(document)
    changed["repositories"] = [key for key in document["repositories"] if key != member]
    if document.get("defaultDeploymentRepo") == member:
        changed["defaultDeploymentRepo"] = ""
    return changed


def _members(key: str, documents: Documents) -> Sequence[str]:
    document = documents.get(key, {})
    members: Sequence[str] = document.get("repositories", ())
    return members if document.get("rclass") == VIRTUAL else ()


def _require_members(key: str, documents: Documents) -> None:
    members = _members(key, documents)
    for member in members:
        if member not in documents:
            raise _wrong("repositories", f"there is no repository '{member}'")
    if len(set(members)) < len(members):
        raise _wrong("repositories", "a repository is named twice")
    seen: set[str] = set()
    waiting = list(members)
    while waiting:
        member = waiting.pop()
        if member == key:
            raise _wrong("repositories", f"'{key}' would contain itself")
        if member not in seen:
            seen.add(member)
            waiting.extend(_members(member, documents))


def _require_deployable(document: Mapping[str, Any], documents: Documents) -> None:
    target = document.get("defaultDeploymentRepo", "")
    if target and target not in document.get("repositories", ()):
        raise _wrong("defaultDeploymentRepo", f"'{target}' is not among the members")
    if target and documents[target]["rclass"] != LOCAL:
        raise _wrong("defaultDeploymentRepo", f"'{target}' is not a local repository")


def _wrong(name: str, reason: str) -> FieldInvalid:
    return FieldInvalid(f"'{name}': {reason}", {"field": name})
