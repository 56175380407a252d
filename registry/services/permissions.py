"""Who may see and change permission targets: admins, and who manages what a target is about.

Somebody manages a repository, or a part of it, by a target that gives the right to. A target may
be changed by whoever manages all that it is about, before the change and after it. Others do not
learn which targets there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.access.decision import Decisions
from registry.access.permission_targets import (
    ANYS,
    EVERYTHING,
    PermissionTarget,
    PermissionTargets,
    Section,
)
from registry.access.principals import Action, Principal
from registry.access.rules import Rule
from registry.model.ant import EVERYTHING as EVERY_FILE
from registry.model.errors import (
    AuthenticationRequired,
    Denied,
    PermissionExists,
    PermissionUnknown,
    ScopeInsufficient,
)
from registry.model.names import ImageName, Reference, RepositoryKey


class Permissions:
    """The permission targets as one principal after another may use them.

    Each method raises Denied for somebody who manages nothing. Credentials that are limited to
    less than their user's rights are refused before.
    """

    def __init__(self, targets: PermissionTargets, decisions: Decisions) -> None:
        self._targets = targets
        self._decisions = decisions

    def require_some(self, principal: Principal) -> None:
        """Raise Denied for somebody who manages nothing, before anything else is looked at."""
        self._rights(principal)

    def all(self, principal: Principal) -> list[PermissionTarget]:
        """Return the targets that somebody may change, sorted by name."""
        rights = self._rights(principal)
        return [target for target in self._targets.all() if rights.cover(target)]

    def get(self, principal: Principal, name: str) -> PermissionTarget:
        """Return one of them.

        Raises:
            PermissionUnknown: there is none, as far as somebody may know.
        """
        rights, target = self._rights(principal), self._targets.find(name)
        if target is None or not rights.cover(target):
            raise PermissionUnknown(f"there is no permission target '{name[:80]}'")
        return target

    def find(self, principal: Principal, name: str) -> PermissionTarget | None:
        """Return one of them that is to be replaced, or None if the name is free.

        Raises:
            Denied: somebody else manages it.
        """
        rights, target = self._rights(principal), self._targets.find(name)
        if target is not None and not rights.cover(target):
            raise Denied(f"'{principal.name}' may not change the permission target '{name[:80]}'")
        return target

    def create(self, principal: Principal, target: PermissionTarget) -> None:
        """Create a target. Raises PermissionInvalid, PermissionExists."""
        self._require(principal, target)
        if self._targets.find(target.name) is not None:
            raise PermissionExists(f"the permission target '{target.name}' exists already")
        self._targets.create(target)

    def replace(self, principal: Principal, target: PermissionTarget) -> None:
        """Create a target, or put it in the place of the one of that name."""
        self.find(principal, target.name)
        self._require(principal, target)
        self._targets.replace(target)

    def remove(self, principal: Principal, name: str) -> None:
        """Remove a target. Raises PermissionUnknown."""
        self._targets.remove(self.get(principal, name).name)

    def require_manager(
        self,
        principal: Principal,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference | None,
    ) -> None:
        """Raise unless somebody may know who may do what in an image.

        Raises:
            AuthenticationRequired, ScopeInsufficient, Denied.
        """
        if principal.unlimited and self._decisions.allows(
            principal, Action.MANAGE, key, image, reference
        ):
            return
        if principal.anonymous:
            raise AuthenticationRequired("authentication required")
        if principal.access is not None:
            raise ScopeInsufficient("the token does not carry the rights of an admin")
        raise Denied("only an admin, or who manages it, may do this")

    def _require(self, principal: Principal, target: PermissionTarget) -> None:
        if not self._rights(principal).cover(target):
            raise Denied(
                f"'{principal.name}' does not manage all that the permission target is about"
            )

    def _rights(self, principal: Principal) -> _Rights:
        if principal.admin:
            return _Rights(self._targets, None)
        rules = self._decisions.managed_by(principal)
        if not rules:
            raise Denied("only an admin, or who manages a repository, may do this")
        return _Rights(self._targets, rules)


class _Rights:
    """What somebody manages; all of it without ``rules``."""

    def __init__(self, targets: PermissionTargets, rules: Sequence[Rule] | None) -> None:
        self._targets = targets
        self._rules = rules

    def cover(self, target: PermissionTarget) -> bool:
        """Return whether all that a target is about is managed."""
        if self._rules is None:
            return True
        section = target.repo
        # Builds are an admin's, and so is a target that is about nothing.
        if set(target.sections) != {"repo"} or not section.repositories:
            return False
        return all(
            any(self._manages(rule, key, section) for rule in self._rules)
            for key in section.repositories
        )

    def _manages(self, rule: Rule, key: str, section: Section) -> bool:
        """Return whether a rule is about all that a section is about in a repository."""
        kinds = ANYS.get(key)
        if kinds is None:
            covered = rule.covers(key, self._targets.kind_of(key) or "")
        else:
            covered = rule.kinds.issuperset(kinds)
        ours = rule.section
        wide = bool({EVERYTHING, EVERY_FILE} & set(ours.includes))
        includes = wide or set(section.includes) <= set(ours.includes)
        return covered and includes and set(ours.excludes) <= set(section.excludes)
