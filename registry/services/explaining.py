"""Why somebody may do something, and who may do what on a path: for admins who look into it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from registry.access.decision import Decisions
from registry.access.explanation import Explanation, Question, Step, effective, explain
from registry.access.permission_forms import LETTERS
from registry.access.principals import ANONYMOUS, Action, Principal
from registry.access.users import Users
from registry.model.digests import Digest
from registry.model.errors import (
    DigestInvalid,
    PathUnknown,
    ReferenceInvalid,
    RegistryError,
    RequestInvalid,
)
from registry.model.immutable_tags import FIELD
from registry.model.names import ImageName, Reference, RepositoryKey, parse_reference
from registry.model.targets import parse_target
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.immutability import immutable_tags
from registry.storage.layout import MANIFEST_FILES
from registry.storage.manifest_files import Place
from registry.storage.store import Store

_WORDS: Final[Mapping[str, Action]] = {
    **{action.value: action for action in Action},
    **{letter: Action(word) for letter, word in list(LETTERS.items())[: len(Action)]},
    "pull": Action.READ,
    "push": Action.WRITE,
    "deploy": Action.WRITE,
    "overwrite": Action.DELETE,
}
"""What an action is called here and there."""
_LETTERS: Final = {Action(word): letter for letter, word in list(LETTERS.items())[: len(Action)]}


@dataclass(frozen=True, slots=True)
class Explained:
    """A question and its answer."""

    question: Question
    answer: Explanation

    def document(self) -> dict[str, object]:
        """Return it for programs."""
        question, answer = self.question, self.answer
        steps = [
            {"rule": step.rule, "matched": step.matched, "reason": step.reason}
            for step in answer.steps
        ]
        return {
            "user": question.principal.name,
            "groups": sorted(question.principal.groups),
            "action": question.action.value,
            "repository": question.key,
            "image": question.image,
            "reference": None if question.reference is None else str(question.reference),
            "allowed": answer.allowed,
            "rules": steps,
            "needed": answer.needed,
        }


class Explaining:
    """Looks into the rules of one storage folder."""

    def __init__(
        self, store: Store, users: Users, decisions: Decisions, definitions: Definitions
    ) -> None:
        self._store = store
        self._users = users
        self._decisions = decisions
        self._definitions = definitions

    def explain(self, user: str, action: str, path: str) -> Explained:
        """Return whether a user may do something on ``KEY/PATH``, and why.

        A path is an image, one of its tags or digests, or a file of these.

        Raises:
            UserUnknown, ReferenceInvalid: there is no such user, or the path names nothing.
            RequestInvalid: there is no such action.
        """
        if action.lower() not in _WORDS:
            raise RequestInvalid(
                f"there is no action '{action[:40]}'; known are: {', '.join(_WORDS)}"
            )
        key, image, reference = self._place(path)
        principal, barred = self._principal(user.lower())
        question = Question(principal, _WORDS[action.lower()], key, image, reference)
        answer = explain(self._decisions, question)
        if barred is not None:
            answer = Explanation(False, [barred, *answer.steps], "the user has to be enabled again")
        definition = self._definitions.find(key)
        step = None if definition is None else self._refused(definition, question)
        if step is not None:
            needed = answer.needed or "a change of the repository's configuration"
            answer = Explanation(False, [*answer.steps, step], needed)
        return Explained(question, answer)

    def _principal(self, name: str) -> tuple[Principal, Step | None]:
        if name == ANONYMOUS:
            return Principal(ANONYMOUS), None
        user = self._users.get(name)
        if user.disabled:
            step = Step("user", False, f"'{name}' is disabled, so all credentials are refused")
            return self._users.principal(user), step
        return self._users.principal(user), None

    def _place(self, path: str) -> tuple[RepositoryKey, ImageName, Reference | None]:
        """Return what a path names: by what is there, and else by its form."""
        key, _, location = path.strip("/").partition("/")
        if not location:
            raise ReferenceInvalid("a path is KEY/IMAGE, KEY/IMAGE:TAG, or that of a file")
        above, _, last = location.rpartition("/")
        try:
            if last in MANIFEST_FILES:
                image, _, folder = above.rpartition("/")
                return RepositoryKey.parse(key), ImageName.parse(image), parse_reference(folder)
            with contextlib.suppress(DigestInvalid):
                digest = Digest.parse(last)
                return RepositoryKey.parse(key), ImageName.parse(above), digest
            with contextlib.suppress(PathUnknown, DigestInvalid):
                item = self._store.tree.item(RepositoryKey.parse(key), location)
                if item is not None and item.image is not None:
                    return item.repository, item.image, item.reference
            target = parse_target(f"{key}/{location}")
        except ReferenceInvalid:
            raise
        except RegistryError as error:
            raise ReferenceInvalid(f"'{path[:200]}': {error.message}") from None
        return target.key, target.image or ImageName(""), target.reference

    def _refused(self, definition: RepositoryDefinition, question: Question) -> Step | None:
        """Return what the repository itself has against it, whoever asks."""
        action, image, reference = question.action, question.image, question.reference
        reach, name = definition.reach, f"repository '{definition.key}'"
        if action is Action.MANAGE:
            return None
        if not reach.allows(action, image):
            return Step(
                name, False, reach.refuses(action) or "its patterns or blackout shut the image out"
            )
        if reference is not None and not reach.has_manifest(image, reference):
            return Step(name, False, f"its patterns shut '{question.path}' out")
        if reference is None or action not in (Action.WRITE, Action.DELETE):
            return None
        rule = immutable_tags(definition).rule_for(image, reference)
        if rule is None or not self._store.manifests.has_folder(
            Place(definition.key, image), reference
        ):
            return None
        return Step(name, False, f"the rule '{rule}' of {FIELD} keeps the tag as it is")

    def effective(
        self, key: RepositoryKey, image: ImageName, reference: Reference | None
    ) -> dict[str, dict[str, list[str]]]:
        """Return which letters of permissions users and groups have on a path."""
        everything = frozenset(Action)
        if self._decisions.rules() is None:
            users = dict.fromkeys((user.name for user in self._users.all()), everything)
            return {"users": _spelled(users), "groups": {}}
        users, groups = effective(self._decisions, key, image, reference)
        if not self._decisions.anonymous_pull:
            users.pop(ANONYMOUS, None)
        users |= {user.name: everything for user in self._users.all() if user.admin}
        return {"users": _spelled(users), "groups": _spelled(groups)}


def _spelled(allowed: Mapping[str, frozenset[Action]]) -> dict[str, list[str]]:
    return {name: _letters(actions) for name, actions in sorted(allowed.items())}


def _letters(actions: frozenset[Action]) -> list[str]:
    return [letter for action, letter in _LETTERS.items() if action in actions]
