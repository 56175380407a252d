"""Copying and moving by place in the tree: tags, manifests, images, and folders above images.

As with ``cp`` and ``mv``, what goes to a folder that is there lands below it; else the target is
its new name. A manifest file stands for its folder. All is checked before the first change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from registry.model.digests import Digest
from registry.model.errors import (
    Denied,
    LocationInvalid,
    ManifestUnknown,
    PathUnknown,
    RegistryError,
    RequestInvalid,
    ScopeInsufficient,
)
from registry.model.items import Item
from registry.model.names import ImageName, Reference, Tag, require_length
from registry.repositories.belongings import Parcel, Transfer
from registry.repositories.directory import GuardedDirectory
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems
from registry.repositories.guarded_transfers import GuardedTransfers, Step
from registry.storage.layout import MANIFEST_FILES, content_name

_WORDS = {False: ("copy", "copying", "copied"), True: ("move", "moving", "moved")}
"""The event, and how people are told, of a copy and of a move."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """What is to be copied or moved: places without slashes at their ends."""

    key: str
    location: str
    to_key: str
    to: str
    into: bool
    """Whether ``to`` was written as a folder, so that the source lands below it in any case."""
    move: bool


@dataclass(slots=True)
class Outcome:
    """What became of a relocation, or would."""

    text: str
    errors: list[RegistryError] = field(default_factory=list)


@dataclass(slots=True)
class _Count:
    """What has come along: manifest folders with how many files each has, and other folders."""

    folders: int = 0
    files: dict[tuple[ImageName, Reference], int] = field(default_factory=dict)

    def add(self, step: Step, parcel: Parcel) -> None:
        for part, new in parcel.landings(step.transfer.new):
            self.files[step.transfer.to, new] = part.files

    @property
    def numbers(self) -> tuple[int, int]:
        """How many files, and how many folders."""
        return sum(self.files.values()), len(self.files) + self.folders


@dataclass(frozen=True, slots=True)
class _Ends:
    """The two repositories, and the trees of both."""

    source: GuardedRepository
    target: GuardedRepository
    tree: GuardedItems
    target_tree: GuardedItems


def parse_destination(text: str) -> tuple[str, str, bool]:
    """Return key and place that ``/key/place`` says, and whether it ends as a folder does.

    Raises:
        RequestInvalid: it names no repository.
    """
    key, *rest = [part for part in text.split("/") if part] or [""]
    if not key:
        raise RequestInvalid("the target is missing: to=/<repository key>/<path>")
    return key, "/".join(rest), text.endswith("/")


def relocate(
    directory: GuardedDirectory, wanted: Relocation, *, dry: bool, fail_fast: bool
) -> Outcome:
    """Copy or move; ``dry`` changes nothing and reports the same.

    What fails in the middle stands in the outcome; with ``fail_fast`` it is the last.

    Raises:
        AuthenticationRequired, ScopeInsufficient, Denied: it is not allowed.
        RepositoryUnknown, PathUnknown, ManifestUnknown: what is named is not there.
        RequestInvalid, LocationInvalid: it cannot be done.
    """
    transfers, target = directory.transfers(), directory.open(wanted.to_key)
    asked = directory.open(wanted.key)
    held = transfers.source(asked)
    transfers.require_target(target)
    if wanted.move and transfers.is_cache(held):
        raise RequestInvalid(f"'{held}' is a cache: images are copied from it, not moved")
    trees = directory.items(held), directory.items(wanted.to_key)
    ends = _Ends(directory.open(held), target, *trees)
    if not wanted.location:
        raise RequestInvalid("the path of what is to come along is missing")
    item = ends.tree.item(wanted.location)
    if not item.is_folder and not item.media_type:
        return _layer(ends, item, wanted, dry=dry)
    landing, shown = _landing(ends, item, wanted)
    folders = transfers.folders(ends.source, item)
    steps, count = _plan(transfers, ends, item, landing, wanted)
    if not steps and not folders:
        raise RequestInvalid("there is no image in this folder", {"path": wanted.location})
    errors = [] if dry else _run(transfers, steps, fail_fast=fail_fast)
    if item.is_folder and not dry and not errors:
        transfers.bring_folders(ends.source, item, ends.target, landing, folders, move=wanted.move)
    return Outcome(_said(wanted, shown, *count.numbers), errors)


def _said(wanted: Relocation, landing: str, artifacts: int, folders: int) -> str:
    _, doing, done = _WORDS[wanted.move]
    return (
        f"{doing} {wanted.key}:{wanted.location} to {wanted.to_key}:{landing} completed "
        f"successfully, {artifacts} artifacts and {folders} folders were {done}"
    )


# --- where it comes to ---------------------------------------------------------------------------


def _landing(ends: _Ends, item: Item, wanted: Relocation) -> tuple[str, str]:
    """Return the place of the folder that comes, and the place that is told of.

    Raises:
        RequestInvalid: source and target are the same, or one is in the other.
    """
    same = ends.source.key == ends.target.key
    if same and wanted.to == wanted.location:
        raise RequestInvalid("source and target are the same")
    folder = item.location if item.is_folder else item.path
    landing = _below(ends, item, folder, wanted)
    if same and (landing == folder or landing.startswith(f"{folder}/")):
        raise RequestInvalid("source and target are the same, or the target is in the source")
    return landing, landing if item.is_folder else f"{landing}/{item.name}"


def _below(ends: _Ends, item: Item, folder: str, wanted: Relocation) -> str:
    above, _, name = wanted.to.rpartition("/")
    if not item.is_folder and name in MANIFEST_FILES:
        return above
    there = _folder(ends.target_tree, wanted.to)
    if not item.is_folder and (there is None or there.reference is not None):
        # The folder of a tag takes the file, and so the tag the manifest.
        return wanted.to
    if there is None and not wanted.into:
        return wanted.to
    last = folder.rpartition("/")[2]
    return "/".join(filter(None, (wanted.to, last)))


def _folder(tree: GuardedItems, location: str) -> Item | None:
    """Return a folder; for who may not read it, none is there."""
    try:
        item = tree.item(location)
    except (Denied, PathUnknown, ScopeInsufficient):
        return None
    return item if item.is_folder else None


def _image(location: str, key: str) -> ImageName:
    try:
        image = ImageName.parse(location)
        require_length(key, image)
    except RegistryError as error:
        raise LocationInvalid(f"'{location[:200]}' cannot be an image: {error.message}") from None
    return image


def _place(location: str, key: str) -> tuple[ImageName, Reference]:
    """Return image and tag, or digest, that a manifest folder would have at a location."""
    above, _, last = location.rpartition("/")
    try:
        reference: Reference = Digest.parse(last) if ":" in last else Tag.parse(last)
    except RegistryError as error:
        raise LocationInvalid(f"'{location[:200]}' cannot be a tag: {error.message}") from None
    if not above:
        raise LocationInvalid(
            f"'{location[:200]}' cannot be a tag: a tag is in the folder of an image"
        )
    return _image(above, key), reference


# --- what is to be done --------------------------------------------------------------------------


def _plan(
    transfers: GuardedTransfers, ends: _Ends, item: Item, landing: str, wanted: Relocation
) -> tuple[list[Step], _Count]:
    """Return all steps, checked, and what they bring."""
    folder = item.location if item.is_folder else item.path
    images = ends.tree.images_below(folder) if item.is_folder else []
    event, count, steps = _WORDS[wanted.move][0], _Count(), list[Step]()
    count.folders = len({above for image in images for above in _folders(image, folder)})
    moves: list[tuple[ImageName, Sequence[Reference], ImageName, Reference | None]] = []
    if item.image is not None and item.reference is not None:
        to, new = _place(landing, ends.target.key)
        moves.append((item.image, [item.reference], to, new))
    for image in images:
        to = _image(landing + image[len(folder) :], ends.target.key)
        moves.append((image, transfers.references(ends.source, image), to, None))
    for image, references, to, new_name in moves:
        along = set[str]()
        for reference in references:
            if reference in along:
                continue
            transfer = Transfer(
                image, reference, to, new_name or reference, event, move=wanted.move
            )
            steps.append(Step(ends.source, ends.target, transfer))
            parcel = transfers.check(steps[-1])
            along |= {part.reference for part in parcel.parts}
            count.add(steps[-1], parcel)
    if not steps:
        transfers.require_folder(ends.source, item, ends.target, landing, move=wanted.move)
        count.folders = 1
    return steps, count


def _folders(image: ImageName, folder: str) -> Iterator[str]:
    """Yield the folder of an image and those above it, as far as they are in ``folder``."""
    location: str = image
    while location == folder or location.startswith(f"{folder}/"):
        yield location
        location = location.rpartition("/")[0]


def _run(
    transfers: GuardedTransfers, steps: Sequence[Step], *, fail_fast: bool
) -> list[RegistryError]:
    errors = list[RegistryError]()
    for step in steps:
        try:
            transfers.run(step)
        except ManifestUnknown as error:
            if len(steps) == 1:
                errors.append(error)
            # Of many, one that has been deleted meanwhile is no longer there to be brought.
        except RegistryError as error:
            error.message = f"{step}: {error.message}"
            errors.append(error)
            if fail_fast:
                break
    return errors


# --- single layers -------------------------------------------------------------------------------


def _layer(ends: _Ends, item: Item, wanted: Relocation, *, dry: bool) -> Outcome:
    """Copy a layer: the image shows it, and its folder as soon as a manifest comes that names it.

    Clients that copy file by file copy the layers beside their manifest.
    """
    if wanted.move:
        raise RequestInvalid(
            "a layer cannot be moved alone, as its manifest needs it; move the manifest or the "
            "folder, and all layers come along"
        )
    if item.image is None or item.digest is None:
        raise PathUnknown("Unable to find item")
    name, landing = content_name(item.digest), wanted.to
    if wanted.into or _folder(ends.target_tree, landing) is not None:
        landing = f"{landing}/{name}"
    folder, _, last = landing.rpartition("/")
    if last != name:
        raise LocationInvalid(
            f"a layer has the name of its digest, '{name}', and not '{last[:99]}'"
        )
    to, reference = _place(folder, ends.target.key)
    if ends.source.key == ends.target.key and landing == wanted.location:
        raise RequestInvalid("source and target are the same")
    blob = ends.source.blob(item.image, item.digest)
    if not dry:
        ends.target.mount_blob(to, blob)
        ends.target.place_blob(to, reference, blob.digest)
    return Outcome(_said(wanted, landing, 1, 0))
