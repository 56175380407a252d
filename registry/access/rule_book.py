"""The rules in force, and the repositories in which they are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.access.permission_targets import PermissionTargets, repository_document
from registry.access.principals import Action
from registry.access.rules import NOTHING, Actions, Rules
from registry.model.names import Reference, remote_key
from registry.model.repository_fields import REMOTE, VIRTUAL
from registry.storage.document_folders import Found
from registry.storage.store import Store

_THROUGH: Final = frozenset({Action.WRITE, Action.DELETE, Action.MANAGE})
"""What a virtual repository does in one of its members alone."""
_NESTED: Final = 8
"""Virtual repositories in virtual repositories that are looked into."""


class RuleBook:
    """The rules of a storage folder, as they are now."""

    def __init__(self, store: Store, targets: PermissionTargets) -> None:
        self._store = store
        self._targets = targets
        self._made: tuple[Found, Rules] = {}, Rules(())

    def current(self) -> Rules | None:
        """Return the rules, or None as long as permission targets do not decide.

        Asked at each decision: it costs one look at the folder of the targets.
        """
        found = self._targets.found()
        made, rules = self._made
        if made is not found:
            rules = Rules(self._targets.all_of(found))
            self._made = found, rules
        return rules if found or self._targets.in_force() else None

    def granted(
        self,
        rules: Rules,
        name: str,
        groups: frozenset[str],
        key: str,
        image: str | None,
        reference: Reference | None = None,
        *,
        whole: bool = False,
        places: Places | None = None,
    ) -> Actions:
        """Return what somebody may do with an image, or, without one, somewhere in a repository.

        With an image it is what may be done with the manifest under a reference, with something in
        the image, or, where it says ``whole``, with all of it. In an unknown repository nobody may
        do anything. Whoever asks for many images finds the ``places`` once.
        """
        found = NOTHING
        for where, through in self.places(key) if places is None else places:
            if image is None:
                actions = rules.granted_in(name, groups, where.key, where.kind)
            elif whole:
                actions = rules.granted_whole(name, groups, where.key, where.kind, image)
            else:
                actions = rules.granted(name, groups, where.key, where.kind, image, reference)
            found |= actions if through is None else actions & through
        return found

    def places(self, key: str) -> Places:
        """Return where the rights to a repository are looked for, and which; None for all.

        Those to a virtual repository are the rights to its members.
        """
        document = repository_document(self._store, key)
        if document is None:
            return self._places_of_cache(key)
        kind = str(document.get("rclass"))
        if kind != VIRTUAL:
            return ((Place(key, kind), None),)
        places = dict[Place, Actions | None]()
        everything = frozenset(Action)
        for member in self._members(document, _NESTED):
            places[member] = everything - _THROUGH
        default = self._place(document.get("defaultDeploymentRepo"))
        if default is not None:
            places[default] = everything if default in places else _THROUGH
        return tuple(places.items())

    def _places_of_cache(self, key: str) -> Places:
        """Return where the rights to the cache of a remote repository are looked for: there."""
        place = self._place(remote_key(key))
        return () if place is None or place.kind != REMOTE else ((place, None),)

    def _members(self, document: Mapping[str, Any], left: int) -> Iterable[Place]:
        for key in document.get("repositories", ()):
            place = self._place(key)
            if place is None:
                continue
            if place.kind != VIRTUAL:
                yield place
            elif left:
                yield from self._members(repository_document(self._store, key) or {}, left - 1)

    def _place(self, key: object) -> Place | None:
        document = repository_document(self._store, key) if isinstance(key, str) else None
        return None if document is None else Place(str(key), str(document.get("rclass")))


@dataclass(frozen=True, slots=True)
class Place:
    """A repository that rights are looked for in."""

    key: str
    kind: str


Places = Sequence[tuple[Place, Actions | None]]
"""Where rights are looked for, and which; None for all."""
