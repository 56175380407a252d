"""What the patterns and the blackout of a repository leave, of images, manifests and items."""

from __future__ import annotations

import pytest

from registry.access.principals import Action
from registry.model.digests import Digest
from registry.model.errors import Denied, ImageUnknown, ManifestUnknown, OperationUnsupported
from registry.model.items import Item
from registry.model.media_types import DOCKER_IMAGE, OCI_INDEX
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.repository_fields import FIELDS_OF, KINDS, LOCAL, VIRTUAL
from registry.repositories.reach import EVERYWHERE, Reach, reach_of

IMAGE = ImageName("team/app")
DIGEST = Digest.of(b"")
LATEST, ONE = Tag("latest"), Tag("1.0")


def reach(includes: str = "**/*", excludes: str = "") -> Reach:
    return Reach("docker-local", includes, excludes)


def test_a_repository_with_the_defaults_has_no_limits() -> None:
    fields = {name: field.default for name, field in FIELDS_OF[LOCAL].items()}
    assert reach_of("docker-local", LOCAL, fields) is EVERYWHERE
    for kind in KINDS[1:]:
        theirs = {name: field.default for name, field in FIELDS_OF[kind].items()}
        assert reach_of("x", kind, theirs).read_only
    takes = theirs | {"defaultDeploymentRepo": "docker-local"}
    assert reach_of("x", VIRTUAL, takes) is EVERYWHERE
    for name, value in (("includesPattern", "a/**"), ("excludesPattern", "a"), ("blackedOut", 1)):
        assert reach_of("docker-local", LOCAL, fields | {name: value}) is not EVERYWHERE


IMAGES = [
    ("**/*", "", True), ("team/**", "", True), ("other/**", "", False),
    ("other/**,team/", "", True), ("team/app/1.*/**", "", True), ("team/*", "", False),
    ("team/*/*/*.json", "", True),
    ("**/*", "team/**", False), ("**/*", "**/latest/**", True), ("**/*", "**/*.json", True),
    ("**/*", "**", False), ("team/**", "team/app/", False), ("team/**", "team/app", True),
]  # fmt: skip


@pytest.mark.parametrize(("includes", "excludes", "expected"), IMAGES)
def test_an_image_is_there_where_anything_in_it_may_be(
    includes: str, excludes: str, expected: bool
) -> None:
    assert reach(includes, excludes).allows(Action.WRITE, IMAGE) is expected


MANIFESTS: list[tuple[str, str, Reference, str, bool]] = [
    ("**/*", "", LATEST, "", True),
    ("**/*", "**/latest/**", LATEST, "", False),
    ("**/*", "**/latest/**", ONE, "", True),
    ("**/*", "**/latest/**", DIGEST, "", True),
    ("**/1.*/**", "", ONE, "", True),
    ("**/1.*/**", "", LATEST, "", False),
    ("**/1.*/**", "", DIGEST, "", True),
    ("other/**", "", DIGEST, "", False),
    ("**/*", "**/sha256:*/**", DIGEST, "", False),
    ("**/*", "**/list.manifest.json", ONE, "", True),
    ("**/*", "**/list.manifest.json", ONE, DOCKER_IMAGE, True),
    ("**/*", "**/list.manifest.json", ONE, f"{OCI_INDEX}; charset=utf-8", False),
    ("**/*", "**/list.manifest.json", DIGEST, OCI_INDEX, False),
    ("**/manifest.json", "", ONE, OCI_INDEX, False),
    ("**/manifest.json", "", ONE, "text/plain", True),
]


@pytest.mark.parametrize(("includes", "excludes", "reference", "media_type", "expected"), MANIFESTS)
def test_a_manifest_is_looked_at_by_its_path(
    includes: str, excludes: str, reference: Reference, media_type: str, expected: bool
) -> None:
    assert reach(includes, excludes).has_manifest(IMAGE, reference, media_type) is expected


def item(location: str, reference: Reference | None, *, is_folder: bool = False) -> Item:
    key = RepositoryKey("docker-local")
    return Item(key, location, is_folder, "", "", "", "", image=IMAGE, reference=reference)


ITEMS = [
    ("**/1.*/**", "", item("team/app", None, is_folder=True), True),
    ("**/1.*/**", "", item("team/app/1.0", ONE, is_folder=True), True),
    ("**/1.*/**", "", item("team/app/latest", LATEST, is_folder=True), False),
    ("**/*", "**/latest/**", item("team/app/latest", LATEST, is_folder=True), False),
    ("**/*", "**/latest/**", item("team/app/latest/manifest.json", LATEST), False),
    ("**/*", "**/*.json", item("team/app/1.0/manifest.json", ONE), False),
    ("**/*", "**/*.json", item("team/app/1.0/sha256__00", ONE), True),
    ("**/1.*/**", "", item(f"team/app/{DIGEST}/manifest.json", DIGEST), True),
    ("**/*", "**/sha256:*/**", item(f"team/app/{DIGEST}", DIGEST, is_folder=True), False),
    ("**/*", "**/*.json", item(f"team/app/{DIGEST}", DIGEST, is_folder=True), False),
    ("**/*", "**/*.json", item(f"team/app/{DIGEST}/manifest.json", DIGEST), False),
]


@pytest.mark.parametrize(("includes", "excludes", "found", "expected"), ITEMS)
def test_an_item_is_looked_at_by_its_path(
    includes: str, excludes: str, found: Item, expected: bool
) -> None:
    assert reach(includes, excludes).has_item(found) is expected


EXCLUDING = reach(excludes="**/latest/**,hidden/**")
BLACK = Reach("docker-local", blacked_out=True)
REMOTE = Reach("hub", read_only="the remote repository 'hub' takes no pushes")
NOWHERE = Reach("all", read_only="there is no default deployment repository", undeletable=True)
HIDDEN = ImageName("hidden/app")


@pytest.mark.parametrize(
    ("limits", "action", "error"),
    [
        (EXCLUDING, Action.READ, ImageUnknown), (EXCLUDING, Action.DELETE, ImageUnknown),
        (EXCLUDING, Action.WRITE, Denied), (EXCLUDING, Action.ANNOTATE, Denied),
        (BLACK, Action.READ, ImageUnknown), (BLACK, Action.WRITE, Denied),
        (BLACK, Action.DELETE, Denied), (REMOTE, Action.WRITE, OperationUnsupported),
        (NOWHERE, Action.WRITE, OperationUnsupported),
        (NOWHERE, Action.DELETE, OperationUnsupported),
    ],
)  # fmt: skip
def test_what_is_out_of_reach_is_unknown_or_refused(
    limits: Reach, action: Action, error: type[Exception]
) -> None:
    with pytest.raises(error):
        limits.require(action, HIDDEN)
    assert not limits.allows(action, HIDDEN)


@pytest.mark.parametrize(
    ("action", "error"),
    [(Action.READ, ManifestUnknown), (Action.DELETE, ManifestUnknown), (Action.WRITE, Denied)],
)
def test_the_same_for_one_manifest(action: Action, error: type[Exception]) -> None:
    EXCLUDING.require(action, IMAGE)
    EXCLUDING.require_manifest(action, IMAGE, ONE)
    with pytest.raises(error):
        EXCLUDING.require_manifest(action, IMAGE, LATEST)


def test_reading_where_nothing_is_pushed_is_allowed() -> None:
    for limits in (REMOTE, NOWHERE):
        limits.require(Action.READ, IMAGE)
        limits.require(Action.ANNOTATE, IMAGE)


def test_what_a_remote_repository_has_fetched_can_be_deleted() -> None:
    REMOTE.require(Action.DELETE, IMAGE)
