"""Taking a name out of everything that mentions it, before whatever has the name goes.

Before, because whoever is killed in between leaves something that can be removed once more, and
not a name that would give rights to whoever gets it next. Callers hold the definitions lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from registry.model.errors import StorageFailed
from registry.storage import atomic, documents
from registry.storage.store import Store

Document = dict[str, Any]
SECTIONS = ("repo", "build", "releaseBundle")
"""The parts that a permission target can have."""


@contextlib.contextmanager
def without_user(store: Store, name: str) -> Iterator[None]:
    """Let no permission target mention a user, unless the user cannot go."""
    with _changed(store, _targets(store, lambda section: _without_key(section, "users", name))):
        yield


@contextlib.contextmanager
def without_group(store: Store, name: str) -> Iterator[None]:
    """Let no user and no permission target mention a group, unless the group cannot go."""
    users = {
        path: document | {"groups": [group for group in document["groups"] if group != name]}
        for path, document in _documents(store, "etc/users")
        if name in document.get("groups", ())
    }
    targets = _targets(store, lambda section: _without_key(section, "groups", name))
    with _changed(store, users, atomic.SECRET_MODE), _changed(store, targets):
        yield


@contextlib.contextmanager
def without_repository(store: Store, key: str) -> Iterator[None]:
    """Let no permission target mention a repository, unless the repository cannot go."""
    gone = {key, f"{key}-cache"}

    def change(section: Document) -> Document:
        kept = [each for each in section.get("repositories", ()) if each not in gone]
        return section | {"repositories": kept}

    # What the parts about builds name are no repositories of images.
    with _changed(store, _targets(store, change, ("repo",))):
        yield


def _without_key(section: Document, kind: str, name: str) -> Document:
    kept = {other: actions for other, actions in section.get(kind, {}).items() if other != name}
    return section | {kind: kept}


def _targets(
    store: Store, change: Callable[[Document], Document], sections: tuple[str, ...] = SECTIONS
) -> dict[str, Document]:
    """Return the permission targets that a change of their parts makes others of, by path."""
    changed = {}
    for path, document in _documents(store, "etc/permissions"):
        made = dict(document)
        for name in sections:
            if isinstance(document.get(name), dict):
                made[name] = change(document[name])
        if made != document:
            changed[path] = made
    return changed


def _documents(store: Store, folder: str) -> Iterator[tuple[str, Document]]:
    top = store.layout.top(folder)
    for name in store.documents.names(top):
        path = f"{top}/{name}.json"
        # What is damaged gives nobody a right, and is for fsck to report.
        with contextlib.suppress(StorageFailed):
            document = store.documents.read(path)
            if document is not None:
                yield path, document


@contextlib.contextmanager
def _changed(
    store: Store, changed: Mapping[str, Document], mode: int = atomic.DOCUMENT_MODE
) -> Iterator[None]:
    before = {path: dict(store.documents.read(path) or {}) for path in changed}
    for path, document in changed.items():
        documents.replace(path, document, mode)
    try:
        yield
    except BaseException:
        for path, document in before.items():
            documents.replace(path, document, mode)
        raise
