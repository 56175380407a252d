"""Tags that their repository keeps as they are: refusing to change or delete them.

Asked where a tag is about to change, by whoever holds the lock of its image; asked before, too,
where a refusal should leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.model.errors import TagImmutable
from registry.model.immutable_tags import FIELD, ImmutableTags
from registry.model.names import Reference
from registry.repositories.definition import RepositoryDefinition
from registry.storage.manifest_files import Place


def immutable_tags(definition: RepositoryDefinition) -> ImmutableTags:
    """Return which tags of a repository stay what they are."""
    patterns = definition.fields.get(FIELD)
    return ImmutableTags(patterns if isinstance(patterns, list) else ())


def require_mutable(
    definition: RepositoryDefinition, place: Place, references: Iterable[Reference], what: str
) -> None:
    """Raise TagImmutable if one of some tags, which are there, is kept as it is.

    ``what`` says in one word what was to become of it.
    """
    rules = immutable_tags(definition)
    if not rules.patterns:
        return
    for reference in references:
        rule = rules.rule_for(place.image, reference)
        if rule is not None:
            raise TagImmutable(
                f"the tag '{reference}' of '{place.key}/{place.image}' cannot be {what}: the rule "
                f"'{rule}' of {FIELD} keeps it as it is",
                {"tag": str(reference), "rule": rule},
            )
