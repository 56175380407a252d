"""What the decision about one request costs, with many permission targets and groups.

A micro benchmark of `Decisions` alone, in one process: ``python -m benchmarks.decision``. A GET of
a manifest asks several times; that is counted as one. Each figure is the best of several rounds.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from registry.access.decision import Decisions
from registry.access.groups import GroupFields, Groups
from registry.access.permission_targets import PermissionTarget, PermissionTargets, Section
from registry.access.principals import Action, Principal
from registry.access.rule_book import RuleBook
from registry.access.user_documents import UserFields
from registry.access.users import Users
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.definitions import Definitions
from registry.storage import format as storage_format
from registry.storage.store import Store

GOAL = 50.0
"""Microseconds that a GET of a manifest may cost more for being decided."""
_ROUNDS = 7
_KEY = RepositoryKey("docker-local")
_SETTLE = 0.2
"""Seconds after which a change of a folder is old enough not to be looked at again."""


@dataclass(frozen=True)
class Figures:
    """Microseconds of a GET of a manifest."""

    roles: float
    """Without permission targets."""
    known: float
    """The same image again and again."""
    fresh: float
    """Another image each time: every pattern is looked at."""
    refused: float
    """Somebody who may not, by an image asked for before."""
    principal: float
    """Finding out which groups somebody is in."""
    changed: float
    """The first request after a target has changed: all of them are read and made ready."""


def build(store: Store, targets: int, groups: int) -> tuple[Users, PermissionTargets]:
    """Make a storage folder with a user in all groups, and targets for these."""
    storage_format.prepare(store.layout)
    all_groups = Groups(store)
    users = Users(store, all_groups)
    Definitions(store).create(_KEY, "local", {})
    names = [f"group-{number}" for number in range(groups)]
    for name in names:
        all_groups.create(name, GroupFields())
    users.create("alice", UserFields(internal_password_disabled=True, groups=names))
    found = PermissionTargets(store, users, all_groups)
    for number in range(targets):
        section = Section(
            repositories=["ANY LOCAL"] if number % 2 else [_KEY],
            includes=[f"team-{number}/**", f"**/project-{number}-*/**"],
            excludes=[f"**/secret-{number}/**"],
            users={"alice": ["read"]} if number % 10 == 0 else {},
            groups={names[number % groups]: ["read", "write"]} if groups else {},
        )
        found.create(PermissionTarget(f"target-{number}", {"repo": section}))
    return users, found


def _best(action: Callable[[], object], times: int) -> float:
    """Return the microseconds of an action, of the fastest of several rounds."""
    found = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            action()
        found.append((time.perf_counter() - began) / times * 1e6)
    return min(found)


def _manifest_get(decisions: Decisions, principal: Principal, image: ImageName) -> None:
    """Ask what a GET of a manifest by tag asks."""
    decisions.allows_some(principal)
    decisions.allows(principal, Action.READ, _KEY, image, Tag("1.0"))
    decisions.allows(principal, Action.WRITE, _KEY, image)
    decisions.allows(principal, Action.READ, _KEY, image, Tag("1.0"))


def measure(folder: str, targets: int, groups: int) -> Figures:
    """Return what was measured in a new storage folder."""
    store = Store(folder)
    users, found = build(store, targets, groups)
    time.sleep(_SETTLE)
    decisions = Decisions(book=RuleBook(store, found))
    alice = users.principal(users.get("alice"))
    mallory = Principal("mallory")
    last, refused = ImageName(f"team-{targets - 1}/app"), ImageName("nobody/app")
    numbers = itertools.count()

    def change() -> None:
        section = Section([_KEY], users={"alice": ["read"]})
        found.replace(PermissionTarget("target-0", {"repo": section}))

    def first_after() -> float:
        change()
        began = time.perf_counter()
        _manifest_get(decisions, alice, last)
        return (time.perf_counter() - began) * 1e6

    roles = Decisions()
    return Figures(
        roles=_best(lambda: _manifest_get(roles, alice, last), 10_000),
        known=_best(lambda: _manifest_get(decisions, alice, last), 5_000),
        fresh=_best(
            lambda: _manifest_get(decisions, alice, ImageName(f"app-{next(numbers)}")), 200
        ),
        refused=_best(lambda: _manifest_get(decisions, mallory, refused), 5_000),
        principal=_best(lambda: users.principal(users.get("alice")), 5_000),
        changed=min(first_after() for _ in range(_ROUNDS)),
    )


def main() -> int:
    """Measure and print; return 1 if the goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.decision", description=__doc__)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="decision-") as folder:
        figures = measure(folder, options.targets, options.groups)
    added = figures.known - figures.roles
    if options.json:
        print(json.dumps(asdict(figures) | {"added": added, "goal": GOAL}))
    else:
        for name, value in asdict(figures).items():
            print(f"{name:10} {value:10.1f} us")
        print(f"{'added':10} {added:10.1f} us, goal {GOAL:.0f}")
    return 0 if added <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
