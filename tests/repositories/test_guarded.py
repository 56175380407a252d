from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from registry.access.decision import Decisions
from registry.access.principals import ANONYMOUS, Action, Principal
from registry.model.content import Blob
from registry.model.digests import Digest
from registry.model.errors import AuthenticationRequired, Denied, RegistryError, ScopeInsufficient
from registry.model.names import ImageName, Reference, RepositoryKey
from registry.model.paging import PageRequest
from registry.repositories.guarded import GuardedRepository
from registry.repositories.local import LocalRepository
from registry.repositories.reach import EVERYWHERE
from registry.storage.upload_writer import UploadWriter
from tests.repositories.pushing import IMAGE, KEY, OTHER, TAG, push_image

DIGEST = Digest.of(b"one")
# The writer is never looked at, because the decision comes first.
WRITER: UploadWriter = None  # type: ignore[assignment]

CALLS: dict[str, tuple[Action, tuple[Any, ...]]] = {
    "tags": (Action.READ, (IMAGE, PageRequest())),
    "manifest": (Action.READ, (IMAGE, TAG)),
    "held_manifest": (Action.READ, (IMAGE, TAG)),
    "held_blob": (Action.READ, (IMAGE, DIGEST)),
    "record_pull": (Action.READ, (IMAGE, TAG, DIGEST)),
    "blob": (Action.READ, (IMAGE, DIGEST)),
    "referrers": (Action.READ, (IMAGE, DIGEST)),
    "start_upload": (Action.WRITE, (IMAGE, "sha256")),
    "upload": (Action.WRITE, (IMAGE, "id")),
    "open_upload": (Action.WRITE, (IMAGE, "id")),
    "open_whole_upload": (Action.WRITE, (IMAGE, "sha256")),
    "settle_upload": (Action.WRITE, (IMAGE, WRITER)),
    "finish_upload": (Action.WRITE, (IMAGE, WRITER, DIGEST)),
    "cancel_upload": (Action.WRITE, (IMAGE, "id")),
    "mount_blob": (Action.WRITE, (IMAGE, Blob(DIGEST, 3, "/nowhere"))),
    "place_blob": (Action.WRITE, (IMAGE, TAG, DIGEST)),
    "remove_placed_blob": (Action.DELETE, (IMAGE, TAG, DIGEST)),
    "put_manifest": (Action.WRITE, (IMAGE, TAG, b"{}", "")),
    "delete_manifest": (Action.DELETE, (IMAGE, TAG)),
    "delete_tag": (Action.DELETE, (IMAGE, TAG)),
    "delete_image": (Action.DELETE, (IMAGE,)),
    "require_deletable": (Action.DELETE, (IMAGE,)),
    "delete_blob": (Action.DELETE, (IMAGE, DIGEST)),
}
OTHERWISE = {"images", "holders", "find_blob", "kept_as"}
"""Those that answer or list instead of refusing; each has a test of its own."""


class Untouchable(LocalRepository):
    """A repository that nobody may reach: each use of it fails the test."""

    def __init__(self) -> None:
        self.key = KEY

    def __getattribute__(self, name: str) -> Any:
        if name in ("key", "reach", "kept_as"):
            return {"key": KEY, "reach": EVERYWHERE, "kept_as": lambda image: image}[name]
        raise AssertionError(f"{name} was reached without a right")


class RefusesEverything(Decisions):
    """Decisions that say no, and remember what was asked."""

    def __init__(self) -> None:
        object.__setattr__(self, "asked", [])

    def allows(
        self,
        principal: Principal,
        action: Action,
        key: RepositoryKey,
        image: ImageName,
        reference: Reference | None = None,
    ) -> bool:
        self.asked.append((principal.name, action, key, image))  # type: ignore[attr-defined]
        return False

    def allowing(
        self, principal: Principal, action: Action, key: RepositoryKey
    ) -> Callable[[ImageName], bool]:
        return lambda image: self.allows(principal, action, key, image)

    def knows(self, principal: Principal, key: RepositoryKey) -> bool:
        return True


def test_the_table_has_every_public_method() -> None:
    methods = {name for name in vars(GuardedRepository) if not name.startswith("_")}
    assert methods == CALLS.keys() | OTHERWISE
    for name, (_, arguments) in CALLS.items():
        inspect.signature(getattr(GuardedRepository, name)).bind(None, *arguments)


@pytest.mark.parametrize("name", CALLS)
def test_invariant_11_every_method_asks_the_one_decision(name: str) -> None:
    action, arguments = CALLS[name]
    decisions = RefusesEverything()
    guarded = GuardedRepository(Untouchable(), Principal("alice", admin=True), decisions, "::1")
    with pytest.raises(Denied, match=f"'alice' may not {action.value}"):
        getattr(guarded, name)(*arguments)
    assert decisions.asked == [("alice", action, KEY, IMAGE)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("anonymous_pull", [False, True])
def test_anonymous_callers_are_asked_to_log_in(name: str, anonymous_pull: bool) -> None:
    action, arguments = CALLS[name]
    if anonymous_pull and action is Action.READ:
        pytest.skip("this is what the switch allows; see the next test")
    decisions = Decisions(anonymous_pull=anonymous_pull)
    guarded = GuardedRepository(Untouchable(), Principal(ANONYMOUS), decisions, "::1")
    with pytest.raises(AuthenticationRequired):
        getattr(guarded, name)(*arguments)


def test_anonymous_callers_pull_where_they_may(repository: LocalRepository) -> None:
    body = push_image(repository, b"one")
    decisions = Decisions(anonymous_pull=True)
    guarded = GuardedRepository(repository, Principal(ANONYMOUS), decisions, "::1")
    assert guarded.manifest(IMAGE, TAG).body == body
    assert guarded.blob(IMAGE, DIGEST).size == 3
    assert list(guarded.images(PageRequest()).names) == [IMAGE]
    assert {action for action in Action if guarded.may(action, IMAGE)} == {Action.READ}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "path", ["", f"{KEY}/{OTHER}", f"{KEY}/{IMAGE}/x", f"{KEY}/team", f"other/{IMAGE}", str(IMAGE)]
)
def test_a_token_for_something_else_is_not_enough(name: str, path: str) -> None:
    _, arguments = CALLS[name]
    access = {path: frozenset(Action)} if path else {}
    principal = Principal("alice", admin=True, access=access)
    guarded = GuardedRepository(Untouchable(), principal, Decisions(), "::1")
    with pytest.raises(ScopeInsufficient):
        getattr(guarded, name)(*arguments)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("granted", Action)
def test_a_token_allows_what_it_names_and_nothing_more(
    name: str, granted: Action, repository: LocalRepository
) -> None:
    action, arguments = CALLS[name]
    principal = Principal("alice", access={f"{KEY}/{IMAGE}": frozenset({granted})})
    guarded = GuardedRepository(repository, principal, Decisions(), "::1")
    assert guarded.may(action, IMAGE) is (granted is action)
    if granted is action:
        guarded.require(action, IMAGE)
    else:
        with pytest.raises(ScopeInsufficient):
            getattr(guarded, name)(*arguments)


def test_a_listing_has_only_what_may_be_read(repository: LocalRepository) -> None:
    push_image(repository, b"one")
    push_image(repository, b"one", image=OTHER)

    class OnlyOther(Decisions):
        """Decisions that let one image be read."""

        def allows(
            self,
            principal: Principal,
            action: Action,
            key: RepositoryKey,
            image: ImageName,
            reference: Reference | None = None,
        ) -> bool:
            return action is Action.READ and image == OTHER

        def allowing(
            self, principal: Principal, action: Action, key: RepositoryKey
        ) -> Callable[[ImageName], bool]:
            return lambda image: self.allows(principal, action, key, image)

    guarded = GuardedRepository(repository, Principal("alice"), OnlyOther(), "::1")
    assert list(guarded.images(PageRequest()).names) == [OTHER]
    page = guarded.images(PageRequest(limit=1))
    assert (list(page.names), page.more) == ([OTHER], False)
    assert list(guarded.holders(DIGEST, 10)) == [OTHER]


def test_who_may_read_nothing_finds_nothing(repository: LocalRepository) -> None:
    push_image(repository, b"one")
    decisions = RefusesEverything()
    refused = GuardedRepository(repository, Principal("alice"), decisions, "::1")
    assert list(refused.images(PageRequest()).names) == []
    assert list(refused.holders(DIGEST, 10)) == []
    assert refused.find_blob(DIGEST, 10) is None
    assert decisions.asked == [("alice", Action.READ, KEY, IMAGE)] * 3  # type: ignore[attr-defined]


def test_a_yes_to_somebody_who_may_push_is_renewed(
    repository: LocalRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_image(repository, b"one")
    renewed: list[bool] = []
    blob = repository.blob

    def recording(
        image: ImageName, digest: Digest, *, renew: bool = False, fetch: bool = False
    ) -> Blob:
        renewed.append(renew)
        return blob(image, digest, renew=renew, fetch=fetch)

    monkeypatch.setattr(repository, "blob", recording)
    for access in (None, {f"{KEY}/{IMAGE}": frozenset({Action.READ})}):
        principal = Principal("alice", access=access)
        GuardedRepository(repository, principal, Decisions(), "::1").blob(IMAGE, DIGEST)
    assert renewed == [True, False]


def test_the_actor_of_everything_is_the_principal(guarded: GuardedRepository) -> None:
    state = guarded.start_upload(IMAGE, "sha256")
    assert guarded.upload(IMAGE, state.id).size == 0
    assert guarded.key == KEY
    bob = GuardedRepository(guarded._unguarded, Principal("bob"), Decisions(), "::1")
    with pytest.raises(RegistryError, match="no such upload"):
        bob.upload(IMAGE, state.id)
