"""What is changed of users, groups and permission targets counts on every worker at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from registry.access.groups import GroupFields
from registry.access.permission_targets import PermissionTarget, Section
from registry.access.user_documents import UserFields
from registry.config import Config
from registry.services.instance import Instance
from registry.wiring import build
from tests.live.test_credentials import PASSWORD, ask, basic
from tests.support.live import LiveServer

IMAGE = "/v2/docker-local/team/app"
ALICE = basic("alice", PASSWORD)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of this file's own: permission targets decide for everybody."""
    with LiveServer(tmp_path_factory.mktemp("permissions") / "storage", workers=2) as server:
        yield server


@pytest.fixture
def elsewhere(served: LiveServer) -> Instance:
    """The same folder in another process, with alice in a group that a target lets read."""
    made = build(Config(storage_root=str(served.storage)))
    for name, find, remove in (
        ("alice", made.users.find, made.users.remove),
        ("readers", made.groups.find, made.groups.remove),
    ):
        if find(name) is not None:
            remove(name)
    made.groups.create("readers", GroupFields())
    made.users.create("alice", UserFields(PASSWORD, groups=["readers"]))
    made.permission_targets.replace(target())
    return made


def target(**fields: object) -> PermissionTarget:
    section: dict[str, object] = {"groups": {"readers": ("read",)}, "repositories": ["ANY"]}
    return PermissionTarget("t", {"repo": Section(**(section | fields))})  # type: ignore[arg-type]


def may_read(server: LiveServer, worker: int) -> bool:
    """Return whether a worker lets alice look for the tags of an image, which there is not."""
    scopes = "?scope=repository:docker-local/team/app:pull"
    answer = ask(server, worker, "GET", f"/v2/token{scopes}", ALICE)
    if answer.status == 401:
        return False
    assert answer.status == 200
    granted = b"docker-local/team/app:pull" in answer.body
    listed = ask(server, worker, "GET", f"{IMAGE}/tags/list", ALICE)
    assert (b"NAME_UNKNOWN" in listed.body) is granted or not granted
    return granted


CHANGES: list[Callable[[Instance], object]] = [
    lambda made: made.users.change("alice", UserFields(groups=[])),
    lambda made: made.users.change("alice", UserFields(disabled=True)),
    lambda made: made.users.remove("alice"),
    lambda made: made.groups.remove("readers"),
    lambda made: made.permission_targets.remove("t"),
    lambda made: made.permission_targets.replace(target(includes=["other/**"])),
    lambda made: made.permission_targets.replace(target(excludes=["team/**"])),
    lambda made: made.permission_targets.replace(target(groups={"readers": ("write",)})),
    lambda made: made.permission_targets.replace(target(repositories=["ANY REMOTE"])),
]
NAMES = ["regrouped", "disabled", "removed", "group", "target", "includes", "excludes", "action",
         "repositories"]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_a7_what_is_taken_away_is_refused_by_every_worker(
    served: LiveServer, elsewhere: Instance, change: Callable[[Instance], object]
) -> None:
    assert [may_read(served, worker) for worker in (0, 1)] == [True, True]
    change(elsewhere)
    assert [may_read(served, worker) for worker in (0, 1)] == [False, False]
