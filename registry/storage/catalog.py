"""Which images a repository has, and which tags an image: read from the tree, page by page.

Names come in byte order of the whole name, which is not the order of a folder walk (``a-b`` sorts
before ``a/b``); so the walk keeps a heap of what comes next. It looks into folders only where the
page needs it, and never into leaves, so that a page costs the page.
"""

from __future__ import annotations

import heapq
import itertools
import os
from collections.abc import Callable, Iterator

from registry.model.digests import Digest
from registry.model.errors import TagInvalid
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.paging import Page, PageRequest
from registry.storage.layout import Layout, content_name, is_part, part_of
from registry.storage.manifest_files import is_manifest_folder, listed, listed_folders

_OURS = ("_layers", "_manifests", "_referrers")

Failed = Callable[[OSError], object]


def raise_again(error: OSError) -> None:
    """Let nothing go on without a folder that cannot be read."""
    raise error


class Catalog:
    """The names in the artifacts tree."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def images(
        self,
        key: RepositoryKey,
        request: PageRequest,
        wanted: Callable[[ImageName], bool] = lambda image: True,
    ) -> Page[ImageName]:
        """Return a page of the images of a repository that have at least one manifest."""
        names: list[ImageName] = []
        for image in self.walk(key, request.after):
            if not wanted(image):
                continue
            if request.limit is not None and len(names) >= request.limit:
                return Page(names, more=True)
            names.append(image)
        return Page(names, more=False)

    def has(self, key: RepositoryKey, image: ImageName) -> bool:
        """Return whether an image has at least one manifest."""
        return _has_manifests(self._layout.image(key, image))

    def holders(
        self,
        key: RepositoryKey,
        digest: Digest,
        most: int,
        wanted: Callable[[ImageName], bool] = lambda image: True,
    ) -> Iterator[ImageName]:
        """Yield the wanted images that may show a blob; at most ``most`` are looked into.

        An image that has blobs and no manifest yet counts, too. Into others it does not look, so
        that nobody can tell by the time it takes what they hold.
        """
        name = content_name(digest)
        images = self.walk(key, has=lambda path: os.path.isdir(f"{path}/_layers"))
        for image in itertools.islice(filter(wanted, images), most):
            if os.path.exists(f"{self._layout.layers(key, image)}/{name}"):
                yield image

    def walk(
        self,
        key: RepositoryKey,
        after: str | None = None,
        has: Callable[[str], bool] | None = None,
        below: ImageName | None = None,
        failed: Failed = raise_again,
    ) -> Iterator[ImageName]:
        """Yield the images of a repository that sort after ``after``, in byte order.

        ``has`` tells by its folder what counts as an image; by default what has a manifest. With
        ``below`` only that image, and those in its folder, are looked at. ``failed`` hears of a
        folder that cannot be read, and decides whether the walk goes on without it.
        """
        has = has or _has_manifests
        heap = [("", self._layout.repository(key))]
        if below is not None:
            folder = self._layout.image(key, below)
            heap = [(str(below), folder), (f"{below}/", folder)]
        while heap:
            name, path = heapq.heappop(heap)
            if name and not name.endswith("/"):
                if (after is None or name > after) and has(path):
                    yield ImageName(name)
            elif after is None or name > after or after.startswith(name):
                try:
                    for part, child in _children(path):
                        heapq.heappush(heap, (f"{name}{part}", child))
                        heapq.heappush(heap, (f"{name}{part}/", child))
                except OSError as error:
                    failed(error)

    def repositories(self) -> list[RepositoryKey]:
        """Return the keys of all repositories that have a folder, configured or not."""
        names = sorted(listed_folders(self._layout.top("artifacts")))
        return [RepositoryKey(name) for name in names if not name.startswith("_")]

    def folders(self, key: RepositoryKey, failed: Failed = raise_again) -> Iterator[ImageName]:
        """Yield everything that has been an image, in byte order: what has folders of ours."""
        return self.walk(key, has=_is_image_folder, failed=failed)

    def strays(
        self, key: RepositoryKey, failed: Failed = raise_again
    ) -> tuple[list[str], set[ImageName]]:
        """Return folders of no image: empty ones, and images of which no more than files are left.

        The latter is what a push leaves that was killed before the image had anything to show.
        """
        root = self._layout.repository(key)
        found, waiting, images = list[str](), [root], set[ImageName]()
        while waiting:
            path = waiting.pop()
            try:
                names = listed(path)
            except OSError as error:
                failed(error)
                continue
            parts = path[len(root) + 1 :].split("/")[:-1]
            if not names:
                found.append(path)
                continue
            folders = listed_folders(path)
            if parts and len(folders) < len(names):
                images.add(ImageName("/".join(map(part_of, parts))))
            elif not _is_image_folder(path):
                # The folders in an image are its manifests; whoever looks at the image sees them.
                waiting += [f"{path}/{name}" for name in folders if is_part(name)]
            else:
                waiting += [child for _, child in _children(path)]
        return found, images

    def tags(self, key: RepositoryKey, image: ImageName, request: PageRequest) -> Page[Tag] | None:
        """Return a page of the tags of an image in byte order, or None if there is no image."""
        folder = self._layout.image(key, image)
        if not os.path.isdir(f"{folder}/_manifests"):
            return None
        try:
            entries = os.listdir(folder)
        except FileNotFoundError:
            return None
        candidates = sorted({part_of(name) for name in entries if is_part(name)})
        tags: list[Tag] = []
        for name in candidates:
            if request.after is not None and name <= request.after:
                continue
            tag = Tag(name)
            if not _is_canonical(tag) or not is_manifest_folder(
                self._layout.manifest_folder(key, image, tag)
            ):
                continue
            if request.limit is not None and len(tags) >= request.limit:
                return Page(tags, more=True)
            tags.append(tag)
        return Page(tags, more=False)


def _is_canonical(tag: Tag) -> bool:
    """Return whether a name is that of a tag; a hand may have made a folder of any other."""
    try:
        return Tag.parse(tag) == tag
    except TagInvalid:
        return False


def _children(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the sub-folders that may be, or contain, images.

    A folder whose link count is 2 has no sub-folders, so it is no more than a tag. Filesystems
    that do not count say 1; there every folder is looked into.
    """
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if is_part(entry.name) and entry.is_dir(follow_symlinks=False):
                try:
                    leaf = os.stat(entry.path).st_nlink == 2
                except FileNotFoundError:
                    continue
                if not leaf:
                    yield part_of(entry.name), entry.path


def _is_image_folder(folder: str) -> bool:
    return any(os.path.isdir(f"{folder}/{name}") for name in _OURS)


def _has_manifests(folder: str) -> bool:
    try:
        with os.scandir(f"{folder}/_manifests") as entries:
            return any(not entry.name.startswith("_") for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False
