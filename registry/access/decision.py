"""The one decision about every resource.

Where permission targets are in force, they decide; admins may do everything. Without them there
are roles: an admin and a user may do everything with every image. Anonymous callers are the user
``anonymous``, whom targets can name, where the operator has switched that on; without targets they
may read. Whoever changes the rules changes them here alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from registry.access.principals import Action, Principal
from registry.access.rule_book import RuleBook
from registry.access.rules import NOTHING, Actions, Rule, Rules
from registry.model.names import ImageName, Reference, RepositoryKey

_EVERYTHING = frozenset(Action)
_OF_USERS = _EVERYTHING - {Action.MANAGE}
"""What every user may do without permission targets: there are none to be managed."""
_OF_NOBODY = frozenset({Action.READ})


@dataclass(frozen=True, slots=True)
class Decisions:
    """The rules in force."""

    anonymous_pull: bool = False
    book: RuleBook | None = None

    def allows(
        self,
        principal: Principal,
        action: Action,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference | None = None,
    ) -> bool:
        """Return whether the principal's rights allow ``action`` on an image.

        Without a reference: on something in the image. What the principal's token was issued for
        is not looked at; see `in_scope`.
        """
        return action in self._rights(principal, key, image, reference)

    def allows_some(self, principal: Principal) -> bool:
        """Return whether the principal may do anything at all on some image.

        Somebody who has logged in counts as such: other credentials would not help.
        """
        if not principal.anonymous:
            return True
        if not self.anonymous_pull:
            return False
        rules = self.rules()
        return rules is None or bool(rules.given(_name(principal), principal.groups))

    def allows_in(self, principal: Principal, action: Action, key: RepositoryKey) -> bool:
        """Return whether the principal's rights allow ``action`` on some image of a repository."""
        return action in self._rights(principal, key, None, None)

    def allowing(
        self, principal: Principal, action: Action, key: RepositoryKey
    ) -> Callable[[ImageName], bool]:
        """Return what tells of each image what `allows` does, as the rules are now.

        For lists: the rules are looked up once and not for each image.
        """
        if principal.limit is not None:
            return lambda image: self.allows(principal, action, key, image)
        rules, book = self.rules(), self.book
        is_shut_out = principal.anonymous and not self.anonymous_pull
        if principal.admin or is_shut_out or rules is None or book is None:
            # What comes from no rule is the same for all images.
            allowed = action in self._own(principal, key, None, None)
            return lambda image: allowed
        name, groups, places = _name(principal), principal.groups, book.places(key)
        granted = functools.partial(book.granted, rules, name, groups, key, places=places)
        return lambda image: action in granted(image)

    def allows_whole(
        self, principal: Principal, action: Action, key: RepositoryKey, image: ImageName
    ) -> bool:
        """Return whether the principal's rights allow ``action`` on all that is in an image."""
        if not self.allows(principal, action, key, image):
            return False
        rules = self.rules()
        if principal.admin or self.book is None or rules is None:
            return True
        name = _name(principal)
        return action in self.book.granted(rules, name, principal.groups, key, image, whole=True)

    def knows_all(self, principal: Principal) -> bool:
        """Return whether there is no repository that the principal may not know of."""
        return self.allows_some(principal) and (principal.admin or self.rules() is None)

    def knows(self, principal: Principal, key: RepositoryKey) -> bool:
        """Return whether the principal has any right in a repository, and so may know of it."""
        return bool(self._rights(principal, key, None, None))

    def granted(
        self,
        principal: Principal,
        actions: Iterable[Action],
        key: RepositoryKey,
        image: ImageName,
        reference: Reference | None = None,
    ) -> frozenset[Action]:
        """Return which of the asked actions the principal may do on an image."""
        return self._rights(principal, key, image, reference).intersection(actions)

    def rules(self) -> Rules | None:
        """Return the permission targets in force, or None as long as roles decide."""
        return None if self.book is None else self.book.current()

    def managed_by(self, principal: Principal) -> Sequence[Rule]:
        """Return the rules that let somebody manage what they are about; for who is no admin."""
        rules = self.rules()
        if rules is None or principal.anonymous:
            return ()
        given = rules.given(_name(principal), principal.groups)
        return [rule for rule, actions in given if Action.MANAGE in actions]

    def _rights(
        self,
        principal: Principal,
        key: RepositoryKey,
        image: ImageName | None,
        reference: Reference | None,
    ) -> Actions:
        found = self._own(principal, key, image, reference)
        if principal.limit is None:
            return found
        limits = principal.limit
        if image is not None:
            return found & limits.get(f"{key}/{image}", NOTHING)
        below = [actions for path, actions in limits.items() if path.startswith(f"{key}/")]
        return found & NOTHING.union(*below)

    def _own(
        self,
        principal: Principal,
        key: RepositoryKey,
        image: ImageName | None,
        reference: Reference | None,
    ) -> Actions:
        """Return the rights of a principal, whatever it is limited to."""
        if principal.admin:
            return _EVERYTHING
        if principal.anonymous and not self.anonymous_pull:
            return NOTHING
        rules = self.rules()
        if self.book is None or rules is None:
            return _OF_NOBODY if principal.anonymous else _OF_USERS
        return self.book.granted(rules, _name(principal), principal.groups, key, image, reference)


def _name(principal: Principal) -> str:
    """Return the name whose rights a principal has; none if it has those of groups alone."""
    return "" if principal.only_groups else principal.name


def in_scope(principal: Principal, action: Action, key: RepositoryKey, image: ImageName) -> bool:
    """Return whether the presented token, if it is a limited one, covers ``action``."""
    if principal.access is None:
        return True
    return action in principal.access.get(f"{key}/{image}", ())
