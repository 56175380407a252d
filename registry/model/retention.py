"""Which tags of an image go: rules, the limit of tags, and what is spared from both.

What is said of a tag is, in this order: ``pinned``; what makes it immutable; that it is the tag of
a signature, and what is signed is here; the first rule that keeps it; the first rule that deletes
it; that what it signs has gone; ``maxUniqueTags=N``, if it is not among the N tags pushed last; and
otherwise that no rule speaks of it. ``latest`` goes only by a rule that names it. Neither it nor
pinned and immutable tags, nor those of signatures, count where tags are counted: they take no place
from others.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from registry.model.companions import subject_of
from registry.model.digests import Digest
from registry.model.immutable_tags import FIELD, ImmutableTags
from registry.model.names import ImageName, Tag
from registry.model.retention_rules import DELETE, KEEP, Rule, TagFacts

PINNED: Final = "pinned"
LATEST_SPARED: Final = "latest is spared"
COMPANION_SPARED: Final = "its image is here"
"""Why the tag of a signature stays: as long as what is signed."""
COMPANION_GOES: Final = "its image has gone"
NO_RULE: Final = "no rule"
_LATEST: Final = "latest"
_NONE: Final = ImmutableTags()
_DAY: Final = datetime.timedelta(days=1)
_PATIENCE: Final = 1.0
"""Days for which a signature may be here before what it signs: copies come in any order."""


@dataclass(frozen=True, slots=True)
class TagState:
    """A tag as it is, or was, at some moment."""

    image: ImageName
    tag: Tag
    digest: Digest
    pushed: datetime.datetime
    pinned: bool = False


LastPull = Callable[[TagState], datetime.datetime | None]
"""Tells when a tag was pulled last, or None if it never was."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a repository wants of its tags."""

    rules: Sequence[Rule] = ()
    most: int = 0
    """Tags that each image keeps; 0: all."""
    immutable: ImmutableTags = _NONE
    """Tags that never go, and take no place from others."""

    @property
    def active(self) -> bool:
        """Whether it can delete anything at all."""
        return self.most > 0 or any(rule.verb == DELETE for rule in self.rules)

    def counts(self, state: TagState) -> bool:
        """Return whether a tag counts where tags are counted."""
        free = self.immutable.rule_for(state.image, state.tag) is None
        return free and takes_place(state.tag, pinned=state.pinned)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a tag, and by which rule."""

    state: TagState
    goes: bool
    rule: str


def decide(
    policy: Policy,
    tags: Sequence[TagState],
    last_pull: LastPull,
    now: datetime.datetime,
    holds: Callable[[Digest], bool] = lambda digest: True,
) -> list[Decision]:
    """Decide on all tags of one image; the answer has those pushed last first.

    ``holds`` tells whether the image has a manifest that no tag leads to at once, such as one for a
    single platform; where nobody can tell, its signatures stay.
    """
    ordered = newest_first(tags)
    here = {state.digest for state in ordered}
    counted = [state for state in ordered if policy.counts(state)]
    ranks = {state.tag: rank for rank, state in enumerate(counted)}
    # As numbers that ascend, so that the rank of one that takes no place can be looked up.
    ages = [-state.pushed.timestamp() for state in counted]
    decisions = []
    for state in ordered:
        rank = ranks.get(state.tag)
        if rank is None:
            rank = bisect_left(ages, -state.pushed.timestamp())
        subject = subject_of(state.tag)
        orphaned = subject is not None and subject not in here and not holds(subject)
        last = last_pull(state)
        decisions.append(decide_one(policy, state, rank, last, now, orphaned=orphaned))
    return decisions


def newest_first(tags: Iterable[TagState]) -> list[TagState]:
    """Return tags in the order in which they are counted; of one moment, by name."""
    return sorted(tags, key=lambda state: (-state.pushed.timestamp(), state.tag))


def takes_place(tag: Tag, *, pinned: bool) -> bool:
    """Return whether a tag counts where tags are counted.

    The tags of signatures and the like do not: they belong to the image whose digest they name.
    """
    return tag != _LATEST and not pinned and subject_of(tag) is None


def decide_one(
    policy: Policy,
    state: TagState,
    rank: int,
    last_pull: datetime.datetime | None,
    now: datetime.datetime,
    *,
    orphaned: bool = False,
) -> Decision:
    """Decide on a tag after which ``rank`` others, of those that count, were pushed.

    ``orphaned`` is the tag of a signature whose subject is not here.
    """
    pulled = max(state.pushed, last_pull or state.pushed)
    facts = TagFacts(
        image=state.image,
        tag=state.tag,
        rank=rank,
        pushed=(now - state.pushed) / _DAY,
        pulled=(now - pulled) / _DAY,
    )
    goes, rule = _decide(policy, state, facts, orphaned)
    return Decision(state, goes, rule)


def _decide(policy: Policy, state: TagState, facts: TagFacts, orphaned: bool) -> tuple[bool, str]:
    if state.pinned:
        return False, PINNED
    immutable = policy.immutable.rule_for(state.image, state.tag)
    if immutable is not None:
        return False, f"{FIELD}={immutable}"
    if subject_of(state.tag) is not None and not orphaned:
        return False, COMPANION_SPARED
    for verb in (KEEP, DELETE):
        for rule in policy.rules:
            if rule.verb == verb and rule.applies(facts):
                return verb == DELETE, rule.text
    if state.tag == _LATEST:
        return False, LATEST_SPARED
    if orphaned:
        return policy.active and facts.pushed > _PATIENCE, COMPANION_GOES
    if 0 < policy.most <= facts.rank:
        return True, f"maxUniqueTags={policy.most}"
    return False, NO_RULE
