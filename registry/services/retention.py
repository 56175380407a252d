"""Deleting tags by the rules of their repositories: what would go, and letting it go.

Deciding looks at the tags as they are and at the recorded pulls; `registry.model.retention` has
the rules. A tag goes only if it is still as it was decided on, and it goes to the trash.
"""

from __future__ import annotations

import datetime
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from registry.model.errors import RegistryError
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.retention import Decision, Policy, TagState, decide
from registry.model.retention_rules import Rule
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.directory import Directory
from registry.repositories.tag_limit import ACTOR, policy_of
from registry.repositories.tag_states import read_tags
from registry.storage.journal import parse_timestamp
from registry.storage.manifest_files import Place
from registry.storage.pull_counts import LastPulls
from registry.storage.store import Store

logger = logging.getLogger(__name__)

TagTarget = tuple[RepositoryKey, ImageName, Tag]


@dataclass(frozen=True, slots=True)
class TagDecision:
    """What becomes of a tag of a repository."""

    key: RepositoryKey
    decision: Decision
    pulled: datetime.datetime | None
    """When it was pulled last, as far as is recorded."""

    @property
    def used(self) -> datetime.datetime:
        """When it was pushed or pulled last."""
        pushed = self.decision.state.pushed
        return pushed if self.pulled is None else max(pushed, self.pulled)

    @property
    def target(self) -> TagTarget:
        """The tag."""
        return self.key, self.decision.state.image, self.decision.state.tag

    @property
    def name(self) -> str:
        """The tag as a command line names it."""
        key, image, tag = self.target
        return f"{key}/{image}:{tag}"


@dataclass(slots=True)
class RetentionReport:
    """What a run has done."""

    deleted: list[TagDecision] = field(default_factory=list)
    kept: int = 0
    failed: list[str] = field(default_factory=list)
    """What could not be looked at or deleted, each with its reason."""

    def line(self) -> str:
        """Return the report as one line for a log."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"retention deleted {len(self.deleted)} tags, kept {self.kept}{failed}"


class Retention:
    """Applies the rules of the repositories.

    ``freed`` tells how many bytes come back if tags are deleted.
    """

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        directory: Directory,
        freed: Callable[[Sequence[TagTarget]], int] | None = None,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._directory = directory
        self._freed = freed

    def freed(self, tags: Sequence[TagDecision]) -> int | None:
        """Return how many bytes come back if these go; None if nobody can tell."""
        return None if self._freed is None else self._freed([tag.target for tag in tags])

    def plan(
        self,
        now: datetime.datetime,
        keys: Sequence[RepositoryKey] = (),
        rules: Sequence[Rule] | None = None,
    ) -> Iterator[TagDecision]:
        """Yield what would become of the tags of these repositories; of all, if none is named.

        Of repositories that can delete nothing, nothing is said. ``rules`` are tried instead of
        those in force.

        Raises:
            RepositoryUnknown: there is no repository of that key.
            StorageFailed: what is recorded of the pulls is damaged.
        """
        for definition in self._chosen(keys):
            policy = policy_of(definition, rules)
            if policy.active:
                pulls = self._store.pulls.last_pulls(definition.key)
                for image in self._store.catalog.walk(definition.key):
                    yield from self._decide(definition.key, image, policy, pulls, now)

    def run(
        self,
        now: datetime.datetime,
        keys: Sequence[RepositoryKey] = (),
        pause: Callable[[], None] = lambda: None,
        *,
        proved: datetime.datetime | None = None,
    ) -> RetentionReport:
        """Delete what the rules say; what fails is told, and stops nothing else.

        Costs next to nothing where no repository can delete anything. ``pause`` is called before
        each image and each deletion, and may wait or raise to end the run. What was pushed or
        pulled after ``proved`` stays: a clock that has jumped could make it look old.

        Raises:
            RepositoryUnknown: there is no repository of that key.
        """
        report = RetentionReport()
        for definition in self._chosen(keys):
            try:
                policy = policy_of(definition)
                if policy.active:
                    self._run(definition.key, policy, now, proved or now, report, pause)
            except RegistryError as error:
                _note(report, definition.key, error)
        return report

    def _run(
        self,
        key: RepositoryKey,
        policy: Policy,
        now: datetime.datetime,
        proved: datetime.datetime,
        report: RetentionReport,
        pause: Callable[[], None],
    ) -> None:
        pulls = self._store.pulls.last_pulls(key)
        repository = self._directory.unguarded_repository(key)
        for image in self._store.catalog.walk(key):
            pause()
            try:
                decisions = self._decide(key, image, policy, pulls, now)
            except RegistryError as error:
                _note(report, f"{key}/{image}", error)
                continue
            # The oldest first, so that a run that is broken off has deleted what is wanted least.
            going = [one for one in decisions if one.decision.goes and one.used <= proved]
            for found in reversed(going):
                pause()
                try:
                    if repository.retire_tag(image, found.decision, ACTOR):
                        report.deleted.append(found)
                except RegistryError as error:
                    _note(report, found.name, error)
            report.kept += len(decisions) - len(going)

    def _decide(
        self,
        key: RepositoryKey,
        image: ImageName,
        policy: Policy,
        pulls: LastPulls,
        now: datetime.datetime,
    ) -> list[TagDecision]:
        place = Place(key, image)
        tags = read_tags(self._store, place)
        pulled = {state.tag: _last_pull(pulls, state) for state in tags}
        holds = functools.partial(self._store.manifests.has, place)
        decisions = decide(policy, tags, lambda state: pulled[state.tag], now, holds)
        return [TagDecision(key, one, pulled[one.state.tag]) for one in decisions]

    def _chosen(self, keys: Sequence[RepositoryKey]) -> list[RepositoryDefinition]:
        return (
            [self._definitions.holder(key) for key in keys] if keys else self._definitions.holding()
        )


def _last_pull(pulls: LastPulls, state: TagState) -> datetime.datetime | None:
    last = pulls.last(state.image, state.tag, state.digest)
    return None if last is None else parse_timestamp(last)


def _note(report: RetentionReport, name: str, error: RegistryError) -> None:
    logger.error("retention of %s: %s", name, error)
    report.failed.append(f"{name}: {error}")
