"""``maxUniqueTags`` right after a push: which tags have become too many.

Finding them costs as much as the limit, not as the repository: a push that leaves no more tags
than the limit has read one folder. Beyond it one ``stat`` a tag tells that its sidecar is still
the one that was parsed, so 5,000 tags cost some hundredths of a second once they are known to
this process. Times of files would not be cheaper, and are wrong after a storage folder was copied.

Rules of the repository that keep a tag are respected. What they say of the last pull is not known
here, so a tag that such a rule may keep waits for the periodic pass. So does what is left of an
image that had far too many tags when the limit was set: a push deletes little more than it adds.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

from registry.model.names import Tag
from registry.model.retention import Decision, Policy, TagState, decide
from registry.model.retention_rules import KEEP, Rule, parse_rules
from registry.repositories.definitions import RepositoryDefinition
from registry.repositories.tag_states import read_tag, with_times
from registry.storage.layout import is_part, part_of
from registry.storage.manifest_files import Place, listed
from registry.storage.store import Store

_LIMIT: Final = "maxUniqueTags"


def policy_of(definition: RepositoryDefinition) -> Policy:
    """Return what a repository wants of its tags."""
    return Policy(parse_rules(definition.text("retention")), definition.number(_LIMIT))


def surplus(
    store: Store,
    definition: RepositoryDefinition,
    place: Place,
    pushed: Sequence[Tag],
    now: datetime.datetime,
) -> list[Decision]:
    """Return the tags that go because ``pushed`` have come, the oldest first."""
    most = definition.number(_LIMIT)
    if not pushed or not most:
        return []
    names = list(filter(is_part, listed(store.layout.image(place.key, place.image))))
    if len(names) <= most:
        return []
    policy = policy_of(definition)
    limit = Policy([rule for rule in policy.rules if rule.verb == KEEP], most)
    ...
