"""``maxUniqueTags`` right after a push: which tags have become too many.

Finding them costs as much as the limit, not as the repository: a push that leaves no more tags
than the limit has listed one folder. Beyond it, two or three ``stat`` a tag tell that it is there
and that its sidecar is still the one that this process has parsed, so that of 5,000 tags the
oldest is found within some hundredths of a second. The times of files alone would be as dear, and
wrong after a storage folder was copied.

Rules of the repository that keep a tag are respected. What they say of the last pull is not known
here, so a tag that such a rule may keep waits for the periodic pass. So does what is left of an
image that had far too many tags when the limit was set: a push deletes little more than it adds.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from registry.model.content import Actor
from registry.model.names import Tag
from registry.model.retention import Decision, Policy, decide_one, takes_place
from registry.model.retention_rules import KEEP, Rule, parse_rules
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.immutability import immutable_tags
from registry.repositories.tag_states import is_pinned, recorded_state
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from registry.storage.tag_records import tag_folders, tag_records

ACTOR: Final = Actor("retention", "local")
"""Who deletes what the rules and limits of a repository say."""
_LIMIT: Final = "maxUniqueTags"


def policy_of(definition: RepositoryDefinition, rules: Sequence[Rule] | None = None) -> Policy:
    """Return what a repository wants of its tags, or would with other ``rules``."""
    if rules is None:
        rules = parse_rules(definition.text("retention"))
    return Policy(rules, definition.number(_LIMIT), immutable_tags(definition))


def surplus(
    store: Store,
    definition: RepositoryDefinition,
    place: Place,
    pushed: Sequence[Tag],
    now: datetime.datetime,
) -> list[Decision]:
    """Return the tags that go because ``pushed`` have come, the oldest first."""
    most = definition.number(_LIMIT)
    if not most or not pushed:
        return []
    folders = tag_folders(store.layout, place)
    if len(folders) <= most:
        return []
    immutable = immutable_tags(definition)
    records = {
        tag: sidecar
        for tag, sidecar in tag_records(store.layout, store.documents, place, folders)
        if takes_place(tag, pinned=is_pinned(sidecar))
        and immutable.rule_for(place.image, tag) is None
    }
    # As in `newest_first`; the times in sidecars are all of one form, so their texts sort alike.
    ordered = sorted(
        sorted(records), key=lambda tag: str(records[tag].get("modified")), reverse=True
    )
    limit, decisions = _limit_of(definition), list[Decision]()
    for rank in reversed(range(most, len(ordered))):
        state = recorded_state(place, ordered[rank], records[ordered[rank]])
        if state is not None:
            decision = decide_one(limit, state, rank, None, now)
            decisions += [decision] if decision.goes else []
        if len(decisions) > len(pushed):
            break
    return decisions


def _limit_of(definition: RepositoryDefinition) -> Policy:
    """Return the limit alone, with what keeps a tag whenever it was pulled last."""
    policy = policy_of(definition)
    keeping = [
        replace(rule, conditions=[c for c in rule.conditions if c.subject != "pulled"])
        for rule in policy.rules
        if rule.verb == KEEP
    ]
    return replace(policy, rules=keeping)
