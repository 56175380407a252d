"""Why somebody may do something or not: the rules in the order in which they are asked.

It goes the way of `decision`, step by step, and says at each one what it has found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from registry.access.decision import Decisions
from registry.access.principals import Action, Principal
from registry.access.rule_book import Place
from registry.access.rules import Actions, Rule
from registry.model.names import ImageName, Reference, RepositoryKey


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to do, and where."""

    principal: Principal
    action: Action
    key: RepositoryKey
    image: ImageName
    reference: Reference | None = None

    @property
    def path(self) -> str:
        """Where it is, inside the repository."""
        return self.image if self.reference is None else f"{self.image}/{self.reference}"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was asked."""

    rule: str
    matched: bool
    """Whether it decided, or added to what is allowed."""
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, and how it came to be."""

    allowed: bool
    steps: Sequence[Step]
    needed: str
    """What would have to be for it to be allowed; empty if it is."""


def explain(decisions: Decisions, question: Question) -> Explanation:
    """Return whether somebody may do something, and why."""
    steps = list(_steps(decisions, question))
    principal = question.principal
    allowed = decisions.allows(
        principal, question.action, question.key, question.image, question.reference
    )
    return Explanation(allowed, steps, "" if allowed else _needed(decisions, question, steps))


def _steps(decisions: Decisions, question: Question) -> Iterator[Step]:
    principal = question.principal
    if principal.admin:
        yield Step("admin", True, f"'{principal.name}' is an admin, who may do everything")
        return
    yield Step("admin", False, f"'{principal.name}' is no admin")
    if principal.anonymous:
        on = decisions.anonymous_pull
        reason = "anonymous callers are let in" if on else "anonymous callers are not let in"
        yield Step("setting anonymous_pull", on, reason)
        if not on:
            return
    rules = decisions.rules()
    if rules is None or decisions.book is None:
        matched = question.action in decisions.granted(
            principal, Action, question.key, question.image
        )
        who = "anonymous callers may read" if principal.anonymous else "users may do everything"
        yield Step("roles", matched, f"there are no permission targets yet, so {who} with images")
        return
    places = decisions.book.places(question.key)
    if not places:
        yield Step("repository", False, f"there is no repository '{question.key}'")
    for rule in rules.all:
        yield from _asked(rule, places, question)


def _asked(
    rule: Rule, places: Sequence[tuple[Place, Actions | None]], question: Question
) -> Iterator[Step]:
    """Yield what one target says; of a virtual repository, for the member that it is about."""
    name, action = f"permission target '{rule.name}'", question.action
    covered = [(place, through) for place, through in places if rule.covers(place.key, place.kind)]
    if not covered:
        yield Step(name, False, f"is not about '{question.key}'")
        return
    for place, through in covered:
        where = "" if place.key == question.key else f" in its member '{place.key}'"
        if through is not None and action not in through:
            yield Step(name, False, f"{_what(action)} does not go{where}")
        elif not rule.fits(question.image, question.reference):
            yield Step(name, False, f"its patterns leave out '{question.path}'{where}")
        else:
            yield _given(name, rule, question, where)


def _given(name: str, rule: Rule, question: Question, where: str) -> Step:
    principal, action = question.principal, question.action
    by = [] if principal.only_groups else [("user", principal.name, rule.users)]
    by += [("group", group, rule.groups) for group in sorted(principal.groups)]
    named = [(f"{kind} '{who}'", given[who]) for kind, who, given in by if given.get(who)]
    if not named:
        return Step(name, False, f"names neither '{principal.name}' nor one of its groups{where}")
    for who, actions in named:
        if action in actions:
            return Step(name, True, f"allows {_what(action)} to the {who}{where}")
    texts = (f"the {who} {_list(actions)}" for who, actions in named)
    return Step(name, False, f"allows {'; '.join(texts)}, and not {_what(action)}{where}")


def _needed(decisions: Decisions, question: Question, steps: Sequence[Step]) -> str:
    principal, action = question.principal, _what(question.action)
    if principal.anonymous and not decisions.anonymous_pull:
        return "log in, or let anonymous callers in with the setting anonymous_pull"
    rules = decisions.rules()
    if rules is None or decisions.book is None:
        return "log in" if principal.anonymous else "be an admin"
    places = decisions.book.places(question.key)
    if not places:
        return f"a repository '{question.key}', and a permission target that is about it"
    for rule in rules.all:
        for place, through in places:
            goes = through is None or question.action in through
            about = rule.covers(place.key, place.kind)
            if goes and about and rule.fits(question.image, question.reference):
                return (
                    f"'{action}' for '{principal.name}', or for one of its groups, in the "
                    f"permission target '{rule.name}' or another one that is about "
                    f"'{question.key}/{question.path}'"
                )
    return (
        f"a permission target that is about '{question.key}/{question.path}' and allows '{action}' "
        f"to '{principal.name}' or one of its groups"
    )


def _what(action: Action) -> str:
    return action.value


def _list(actions: Iterable[Action]) -> str:
    return ", ".join(action.value for action in Action if action in actions)


def effective(
    decisions: Decisions, key: RepositoryKey, image: ImageName, reference: Reference | None = None
) -> tuple[dict[str, Actions], dict[str, Actions]]:
    """Return what permission targets allow on a path, to users and to groups, by name."""
    users: dict[str, Actions] = {}
    groups: dict[str, Actions] = {}
    rules = decisions.rules()
    if rules is None or decisions.book is None:
        return users, groups
    for place, through in decisions.book.places(key):
        for rule in rules.all:
            if rule.covers(place.key, place.kind) and rule.fits(image, reference):
                for found, given in ((users, rule.users), (groups, rule.groups)):
                    for name, actions in given.items():
                        allowed = actions if through is None else actions & through
                        if allowed:
                            found[name] = found.get(name, frozenset()) | allowed
    return users, groups
