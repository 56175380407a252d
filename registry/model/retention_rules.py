"""The rules by which a repository deletes tags, as an admin writes them.

``keep last=10; keep tag=v*; delete pushed>90d; delete pulled>30d tag=pr-*``: rules are separated
by semicolons, and the conditions of a rule must all be true of a tag. What any rule keeps stays,
whatever another one says; what no rule deletes stays, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from registry.model.errors import FieldInvalid

KEEP: Final = "keep"
DELETE: Final = "delete"

_PATTERN: Final = re.compile(r"(tag|image)=(\S+)")
_LAST: Final = re.compile(r"last=([0-9]{1,6})")
_AGE: Final = re.compile(r"(pushed|pulled)([<>])([0-9]{1,6})d")
_FORMS: Final = (
    "tag=PATTERN, image=PATTERN, last=N (keep only), pushed>Nd, pushed<Nd, pulled>Nd, pulled<Nd"
)


@dataclass(frozen=True, slots=True)
class TagFacts:
    """What rules look at: a tag, and how many days ago it was pushed and pulled last."""

    image: str
    tag: str
    rank: int
    """How many tags of the image were pushed after it, besides ``latest`` and pinned ones."""
    pushed: float
    pulled: float
    """Days since the last pull; since the push, if it has not been pulled since."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule: what it looks at, how it compares, with what."""

    subject: str
    operator: str
    value: str

    def holds(self, facts: TagFacts) -> bool:
        """Return whether it is true of a tag."""
        if self.subject == "tag":
            return fnmatchcase(facts.tag, self.value)
        if self.subject == "image":
            return fnmatchcase(facts.image, self.value)
        if self.subject == "last":
            return facts.rank < int(self.value)
        days = facts.pushed if self.subject == "pushed" else facts.pulled
        return days > int(self.value) if self.operator == ">" else days < int(self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    text: str
    verb: str
    conditions: Sequence[Condition]

    def applies(self, facts: TagFacts) -> bool:
        """Return whether all conditions are true of a tag.

        ``latest`` is spared by every rule that deletes and does not name it.
        """
        if self.verb == DELETE and facts.tag == "latest" and not self._names_latest():
            return False
        return all(condition.holds(facts) for condition in self.conditions)

    def _names_latest(self) -> bool:
        return any(c.subject == "tag" and c.value == "latest" for c in self.conditions)


def parse_rules(text: str) -> list[Rule]:
    """Return the rules that a text spells; an empty one spells none.

    Raises:
        FieldInvalid: with the rule that is wrong, and what conditions there are.
    """
    return [_parse_rule(part.strip()) for part in text.split(";") if part.strip()]


def _parse_rule(text: str) -> Rule:
    verb, *words = text.split()
    if verb not in (KEEP, DELETE) or not words:
        raise FieldInvalid(f"a rule is 'keep …' or 'delete …' with conditions, not '{text}'")
    return Rule(text, verb, [_parse_condition(word, verb, text) for word in words])


def _parse_condition(word: str, verb: str, rule: str) -> Condition:
    if match := _PATTERN.fullmatch(word):
        return Condition(match[1], "=", match[2])
    if (match := _LAST.fullmatch(word)) and verb == KEEP:
        return Condition("last", "=", match[1])
    if match := _AGE.fullmatch(word):
        return Condition(match[1], match[2], match[3])
    raise FieldInvalid(f"'{word}' in '{rule}' is no condition; there are: {_FORMS}")
