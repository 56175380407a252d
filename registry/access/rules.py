"""Permission targets made ready to decide: compiled once, and thrown away when one changes.

A target is over paths of files inside a repository, such as ``team/app/1.0/manifest.json``. Where
a tag is known, the paths of its manifest decide. An image as a whole, or a manifest by its digest,
which clients ask for after they have found it by tag, is allowed if a pattern may fit something
in the image and none shuts out all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from registry.access.permission_targets import (
    ANYS,
    PermissionTarget,
    Section,
)
from registry.access.principals import Action
from registry.model.ant import AntPattern, ant_pattern
from registry.model.names import Reference, Tag, cache_key
from registry.model.repository_fields import REMOTE
from registry.storage.layout import MANIFEST_FILES

Actions = frozenset[Action]
NOTHING: Final[Actions] = frozenset()
_ACTIONS: Final = {action.value: action for action in Action}
_REMEMBERED: Final = 16384
_DEPTH: Final = 2
"""Parts of a path below an image: the manifest folder, and what is in it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission target, as far as it is about images."""

    name: str
    section: Section
    keys: frozenset[str]
    kinds: frozenset[str]
    """All repositories of these kinds are meant."""
    includes: Sequence[AntPattern]
    excludes: Sequence[AntPattern]
    users: Mapping[str, Actions]
    groups: Mapping[str, Actions]

    @property
    def is_for_everything(self) -> bool:
        """Whether all of its repositories is meant, so that no path has to be looked at."""
        return not self.excludes and any(p.matches_everything() for p in self.includes)

    def covers(self, key: str, kind: str) -> bool:
        """Return whether a repository of that kind is meant."""
        if kind in self.kinds or key in self.keys:
            return True
        return kind == REMOTE and cache_key(key) in self.keys

    def fits(self, image: str, reference: Reference | None) -> bool:
        """Return whether an image, or one manifest of it, is meant."""
        if isinstance(reference, Tag):
            return any(self.fits_path(f"{image}/{reference}/{name}") for name in MANIFEST_FILES)
        if not any(pattern.may_match_below(image, _DEPTH) for pattern in self.includes):
            return False
        if any(pattern.matches_all_below(image) for pattern in self.excludes):
            return False
        if reference is None:
            return True
        return not all(self._excludes(f"{image}/{reference}/{name}") for name in MANIFEST_FILES)

    def fits_whole(self, image: str) -> bool:
        """Return whether all that is in an image is meant."""
        return any(p.matches_all_below(image) for p in self.includes) and not any(
            p.may_match_below(image, _DEPTH) for p in self.excludes
        )

    def fits_path(self, path: str) -> bool:
        """Return whether one file is meant."""
        return any(p.matches(path) for p in self.includes) and not self._excludes(path)

    def _excludes(self, path: str) -> bool:
        return any(pattern.matches(path) for pattern in self.excludes)

    def fits_something(self) -> bool:
        """Return whether anything at all can be meant in a repository."""
        return bool(self.includes) and not any(p.matches_everything() for p in self.excludes)

    def given(self, name: str, groups: Iterable[str]) -> Actions:
        """Return what somebody may do, by name and as a member of groups."""
        found = self.users.get(name, NOTHING)
        for group in groups:
            found |= self.groups.get(group, NOTHING)
        return found


def rule_of(target: PermissionTarget) -> Rule:
    """Return the rule that a permission target is."""
    section = target.repo
    names = section.repositories
    return Rule(
        name=target.name,
        section=section,
        keys=frozenset(names),
        kinds=frozenset(kind for name in names for kind in ANYS.get(name, ())),
        includes=[ant_pattern(text) for text in section.includes],
        excludes=[ant_pattern(text) for text in section.excludes],
        users={name: _actions(words) for name, words in section.users.items()},
        groups={name: _actions(words) for name, words in section.groups.items()},
    )


def _actions(words: Iterable[str]) -> Actions:
    return frozenset(_ACTIONS[word] for word in words if word in _ACTIONS)


class Rules:
    """All rules in force at one moment, with what they have been found to say."""

    def __init__(self, targets: Iterable[PermissionTarget]) -> None:
        self.all = [rule_of(target) for target in targets]
        self._named: dict[str, list[Rule]] = {}
        self._grouped: dict[str, list[Rule]] = {}
        for rule in self.all:
            for names, rules in ((rule.users, self._named), (rule.groups, self._grouped)):
                for name in names:
                    rules.setdefault(name, []).append(rule)
        self._given: dict[object, Sequence[tuple[Rule, Actions]]] = {}
        self._placed: dict[object, tuple[Actions, Sequence[tuple[Rule, Actions]]]] = {}
        self._granted: dict[object, Actions] = {}

    def granted(
        self,
        name: str,
        groups: frozenset[str],
        key: str,
        kind: str,
        image: str,
        reference: Reference | None,
    ) -> Actions:
        """Return what somebody may do with an image or manifest of a repository."""
        everywhere, rules = self._places_of(name, groups, key, kind)
        if not rules:
            return everywhere
        # A tag and a digest are told apart by their type, which decides as well as the text.
        asked = name, groups, key, kind, image, reference, type(reference)
        found = self._granted.get(asked)
        if found is None:
            found = everywhere
            for rule, actions in rules:
                if not actions <= found and rule.fits(image, reference):
                    found |= actions
            if len(self._granted) >= _REMEMBERED:
                self._granted.clear()
            self._granted[asked] = found
        return found

    def granted_whole(
        self, name: str, groups: frozenset[str], key: str, kind: str, image: str
    ) -> Actions:
        """Return what somebody may do with all that is in an image, by one rule for each."""
        everywhere, rules = self._places_of(name, groups, key, kind)
        return everywhere.union(*(actions for rule, actions in rules if rule.fits_whole(image)))

    def _places_of(
        self, name: str, groups: frozenset[str], key: str, kind: str
    ) -> tuple[Actions, Sequence[tuple[Rule, Actions]]]:
        """Return what somebody may do everywhere in a repository, and the rules for parts of it.

        A rule that gives no more than what is given everywhere is left out.
        """
        asked = name, groups, key, kind
        found = self._placed.get(asked)
        if found is None:
            given = [
                (rule, acts) for rule, acts in self.given(name, groups) if rule.covers(key, kind)
            ]
            everywhere = NOTHING.union(*(acts for rule, acts in given if rule.is_for_everything))
            found = everywhere, [(rule, acts) for rule, acts in given if not acts <= everywhere]
            if len(self._placed) >= _REMEMBERED:
                self._placed.clear()
            self._placed[asked] = found
        return found

    def granted_in(self, name: str, groups: frozenset[str], key: str, kind: str) -> Actions:
        """Return what somebody may do somewhere in a repository."""
        found = NOTHING
        for rule, actions in self.given(name, groups):
            if not actions <= found and rule.covers(key, kind) and rule.fits_something():
                found |= actions
        return found

    def given(self, name: str, groups: frozenset[str]) -> Sequence[tuple[Rule, Actions]]:
        """Return the rules that give somebody anything, and what."""
        asked = name, groups
        found = self._given.get(asked)
        if found is None:
            lists = [self._named.get(name, []), *(self._grouped.get(group, []) for group in groups)]
            rules = {id(rule): rule for rules in lists for rule in rules}
            found = [(rule, rule.given(name, groups)) for rule in rules.values()]
            found = [(rule, actions) for rule, actions in found if actions]
            if len(self._given) >= _REMEMBERED:
                self._given.clear()
            self._given[asked] = found
        return found
