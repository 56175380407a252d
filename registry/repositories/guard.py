"""What one principal may do in one repository: the questions that every guarded method asks."""

from __future__ import annotations

from registry.access.decision import Decisions, in_scope
from registry.access.principals import Action, Principal
from registry.model.errors import Denied, ScopeInsufficient
from registry.model.items import Item
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.repositories.reach import EVERYWHERE, Reach
from registry.repositories.refusals import nobody_may, unknown_repository


class Guard:
    """Decides for one principal, by the rules in force, the token and the repository's reach."""

    def __init__(
        self, key: RepositoryKey, reach: Reach, principal: Principal, decisions: Decisions
    ) -> None:
        self.key = key
        self._reach = reach
        self._principal = principal
        self._decisions = decisions

    def require(self, action: Action, image: ImageName, reference: Reference | None = None) -> None:
        """Raise unless the principal may do ``action`` on the image, now and with this token.

        Without a reference: on something in the image.
        """
        principal = self._principal
        if not self._allows(action, image, reference):
            self.require_known()
            if principal.anonymous:
                raise nobody_may(principal)
            raise self._denied(action, image, reference)
        if not in_scope(principal, action, self.key, image):
            raise ScopeInsufficient(f"the token does not allow to {action.value} this image")
        if self._reach is not EVERYWHERE:
            self._reach.require(action, image)

    def require_replaceable(self, image: ImageName, tag: Tag) -> None:
        """Raise unless the principal may give a tag that is there to another manifest.

        That needs the right to delete it. A token for pushes is enough: clients ask for no other.
        """
        self.require(Action.WRITE, image, tag)
        if not self._allows(Action.DELETE, image, tag):
            raise self._denied(Action.DELETE, image, tag)

    def _denied(self, action: Action, image: ImageName, reference: Reference | None) -> Denied:
        what = image if reference is None else f"{image}:{reference}"
        return Denied(f"'{self._principal.name}' may not {action.value} '{self.key}/{what}'")

    def _allows(self, action: Action, image: ImageName, reference: Reference | None) -> bool:
        """Return whether the principal's rights allow it, by each name that the image has."""
        allows, principal, kept = self._decisions.allows, self._principal, self.kept_as(image)
        return allows(principal, action, self.key, image, reference) and (
            kept == image or allows(principal, action, self.key, kept, reference)
        )

    def _allows_whole(self, action: Action, image: ImageName) -> bool:
        """Return whether the principal's rights allow it on all that is in an image."""
        whole = self._decisions.allows_whole
        names = {image, self.kept_as(image)}
        return all(whole(self._principal, action, self.key, name) for name in names)

    def kept_as(self, image: ImageName) -> ImageName:
        """Return the name under which the repository keeps an image that clients name so."""
        return image

    @property
    def is_known(self) -> bool:
        """Whether the principal has any right here, and so may know that there is a repository."""
        return self._decisions.knows(self._principal, self.key)

    def require_known(self) -> None:
        """Raise what an unknown repository is answered with if the principal has no right here."""
        if not self.is_known:
            if self._principal.anonymous:
                raise nobody_may(self._principal)
            raise unknown_repository(self.key)

    def may(self, action: Action, image: ImageName, reference: Reference | None = None) -> bool:
        """Return whether `require` would let it pass."""
        principal = self._principal
        return (
            self._allows(action, image, reference)
            and in_scope(principal, action, self.key, image)
            and (self._reach is EVERYWHERE or self._reach.allows(action, image))
        )

    @property
    def is_limited(self) -> bool:
        """Whether patterns or a blackout keep something of it out of reach."""
        return self._reach is not EVERYWHERE

    def shows(self, item: Item) -> bool:
        """Return whether an item is in reach, of an image that is."""
        return self._reach is EVERYWHERE or self._reach.has_item(item)

    def shows_all(self, image: ImageName) -> bool:
        """Return whether who may read an image may read all of it: no tag has to be looked at."""
        return self._reach is EVERYWHERE and self._allows_whole(Action.READ, image)

    def shows_tag(self, image: ImageName, tag: Tag) -> bool:
        """Return whether the principal may read a tag of an image that it may read."""
        return self._reach.has_manifest(image, tag) and self._allows(Action.READ, image, tag)

    def require_delete(self, image: ImageName, reference: Reference | None) -> None:
        """Raise unless a tag, or whatever tags there are, may be deleted."""
        self.require(Action.DELETE, image, reference)
        if not isinstance(reference, Tag) and not self._allows_whole(Action.DELETE, image):
            raise Denied(
                f"'{self._principal.name}' may delete some tags of '{self.key}/{image}', and not "
                "all of it; delete those by their names"
            )
