"""Quarantine: damaged content out of reach, until the same content has been pushed again.

The bad file and a note of all its names stand in ``quarantine/``. The order of taking it there is
note → name in the filestore → what lets images show it; so, whatever happens in between, nobody
uploads the content in vain, and what was taken away is known. Images answer then that they do not
have it, and clients send it again. The names in manifest folders stay with the bad file; they are
what `heal` puts right.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence

from registry.model.digests import Digest
from registry.model.errors import RegistryError, StorageFailed
from registry.storage import atomic, documents, syncing, walk
from registry.storage.contents import Verifier
from registry.storage.damage_notes import Note, by_place, is_named, living, promises_bytes
from registry.storage.documents import Documents
from registry.storage.filestore import Filestore
from registry.storage.journal import now, timestamp
from registry.storage.layout import Layout, content_name, parse_content_name
from registry.storage.locks import Locks
from registry.storage.manifest_files import read_manifest
from registry.storage.walk import ImageFile, parse_image_file

logger = logging.getLogger(__name__)

_NOTE = ".json"


class Quarantine:
    """The quarantine of one storage folder."""

    def __init__(self, layout: Layout, filestore: Filestore, locks: Locks) -> None:
        self._layout = layout
        self._filestore = filestore
        self._locks = locks

    # --- looking -----------------------------------------------------------------------------

    def _note(self, digest: Digest) -> str:
        return self._layout.quarantined(digest) + _NOTE

    def digests(self) -> list[Digest]:
        """Return what there are notes of."""
        names = [entry.name for entry in walk.entries(self._layout.top("quarantine"))]
        found = (parse_content_name(n.removesuffix(_NOTE)) for n in names if n.endswith(_NOTE))
        return [digest for digest in found if digest is not None]

    def has(self, digest: Digest) -> bool:
        """Return whether there is a note of that content."""
        return walk.look_at(self._note(digest)) is not None

    def read(self, digest: Digest) -> Note | None:
        """Return the note of damaged content, or None if there is none.

        Raises:
            StorageFailed: the note is damaged.
        """
        document = Documents().read(self._note(digest))
        if document is None:
            return None
        aside = walk.look_at(self._layout.quarantined(digest))
        try:
            return Note(
                Digest.parse(str(document["digest"])),
                str(document["computed"]),
                str(document["time"]),
                living(map(int, document["inodes"]), aside),
                [str(name) for name in document["names"]],
            )
        except (KeyError, TypeError, ValueError, RegistryError):
            raise StorageFailed(f"the note on the damaged content {digest} is damaged") from None

    def bad_inodes(self) -> dict[int, Note]:
        """Return the files that are known to be damaged, each with its note."""
        found = {}
        for digest in self.digests():
            with contextlib.suppress(StorageFailed):
                note = self.read(digest)
                found.update(dict.fromkeys(note.inodes, note) if note is not None else {})
        return found

    def waiting(self, note: Note) -> list[str]:
        """Return the names in manifest folders that still wait for good content."""
        found = ((name, parse_image_file(name)) for name in note.names)
        return [name for name, file in found if file is not None and self._needs(note, file)]

    def deleted(self, note: Note) -> list[str]:
        """Return the names in the trash that still stand for the bad file."""
        paths = ((name, f"{self._layout.root}/{name}") for name in note.names)
        found = ((name, walk.look_at(path)) for name, path in paths if name.startswith("trash/"))
        return [name for name, status in found if status and status.st_ino in note.inodes]

    def _needs(self, note: Note, file: ImageFile) -> bool:
        """Return whether a manifest folder needs the content under the name of that file."""
        if file.folder is None:
            return False
        folder = self._layout.manifest_folder(file.place.key, file.place.image, file.folder)
        if file.digest is None:
            # The manifest itself is bad: it waits for as long as it stands there.
            return any(entry.status.st_ino in note.inodes for entry in walk.entries(folder))
        body = read_manifest(folder)
        if body is None:
            return False
        # A manifest that is damaged itself cannot say so, but its folder still has the link.
        linked = walk.look_at(f"{folder}/{content_name(file.digest)}") is not None
        return linked or is_named(body, note.digest)

    # --- taking ------------------------------------------------------------------------------

    def take(self, digest: Digest, computed: str, inode: int, names: Sequence[str]) -> None:
        """Take content out of reach whose bytes are not those of ``digest``.

        ``names`` are all that the inode has in images and in the trash. Durable.
        """
        known = self.read(digest)
        # Half-done work and leases on hold go, and do not come back.
        lasting = {name for name in names if not os.path.basename(name).startswith("_")}
        note = Note(
            digest,
            computed,
            timestamp(now()),
            sorted({inode, *(known.inodes if known else ())}),
            sorted(lasting.union(known.names if known else ())),
        )
        documents.replace(self._note(digest), note.document())
        content, aside = self._layout.content(digest), self._layout.quarantined(digest)
        self._set_aside(content, aside, inode)
        self._keep(inode, names, aside)
        syncing.sync_each([os.path.dirname(content), os.path.dirname(aside)])
        for place, files in by_place(names):
            with self._locks.image(place.key, place.image):
                for path, file in files:
                    if file.is_shown and "/_referrers/" not in path:
                        self._hide(f"{self._layout.root}/{path}", inode)

    @staticmethod
    def _set_aside(content: str, aside: str, inode: int) -> None:
        """Move the bad file away from the filestore; a good one that is there stays."""
        status = walk.look_at(content)
        if status is None or status.st_ino != inode:
            return
        going = atomic.temporary_name(os.path.dirname(aside))
        if atomic.move(content, going):
            if os.lstat(going).st_ino != inode:
                # Somebody has put good content there in between.
                atomic.link(going, content)
                atomic.remove(going)
            else:
                atomic.link(going, aside)
                atomic.remove(going)

    def _keep(self, inode: int, names: Sequence[str], aside: str) -> None:
        """Keep a bad file that only images have by one of its names."""
        for path in (f"{self._layout.root}/{name}" for name in names):
            status = walk.look_at(path)
            if not os.path.exists(aside) and status is not None and status.st_ino == inode:
                with contextlib.suppress(FileNotFoundError):
                    atomic.link(path, aside)

    @staticmethod
    def _hide(path: str, inode: int) -> None:
        status = walk.look_at(path)
        if status is not None and status.st_ino == inode:
            atomic.remove(path)
            syncing.sync_folder(os.path.dirname(path))

    # --- healing -----------------------------------------------------------------------------

    def heal(self, digest: Digest) -> bool:
        """Put images right if content that was damaged has been pushed again.

        Returns whether there was something to heal, and it is done. Costs one look at the disk
        where there is nothing; never fails whoever has pushed.
        """
        if not self.has(digest):
            return False
        try:
            note = self.read(digest)
            return note is not None and self._heal(note)
        except (RegistryError, OSError) as error:
            logger.error("damaged content %s cannot be healed now: %s", digest, error)
            return False

    def heal_all(self) -> int:
        """Heal everything of which good content is here again; return how much was healed."""
        return sum(map(self.heal, self.digests()))

    def discard(self, digest: Digest) -> None:
        """Give up damaged content that nothing needs any more."""
        atomic.remove(self._layout.quarantined(digest))
        atomic.remove(self._note(digest))

    def _heal(self, note: Note) -> bool:
        good = walk.look_at(self._layout.content(note.digest))
        if good is None or good.st_ino in note.inodes:
            return False
        verifier = Verifier()
        for place, files in by_place(note.names):
            with self._locks.image(place.key, place.image):
                self._heal_image(note, good.st_ino, files, verifier)
        for name in note.names:
            if name.startswith("trash/"):
                self._put_right(note, name, good.st_ino, verifier)
        self.discard(note.digest)
        logger.warning("content %s was damaged and is whole again", note.digest)
        return True

    def _heal_image(
        self, note: Note, good: int, files: Sequence[tuple[str, ImageFile]], verifier: Verifier
    ) -> None:
        """Put right the names of one image; an image that needs it no more is left alone."""
        # Asked first: as soon as a manifest is good again, it no longer says that it waits.
        waiting = {name for name, file in files if self._needs(note, file)}
        for name, file in files:
            path = f"{self._layout.root}/{name}"
            if walk.look_at(path) is not None:
                self._put_right(note, name, good, verifier)
            elif name in waiting or (file.is_shown and waiting):
                self._filestore.give(note.digest, path)
                atomic.touch(path)

    def _put_right(self, note: Note, name: str, good: int, verifier: Verifier) -> None:
        """Let a name that stands for bad content stand for the good one, in one step."""
        path = f"{self._layout.root}/{name}"
        status = walk.look_at(path)
        if status is None or status.st_ino == good:
            return
        bad = status.st_ino in note.inodes
        if not bad and promises_bytes(name, note.digest):
            # After a restore from a backup inodes have other numbers; then the bytes tell. Other
            # names promise no bytes: a tag may stand for something else by now.
            bad = not verifier.is_good(path, note.digest)
        if bad:
            temporary = atomic.temporary_name(os.path.dirname(path))
            self._filestore.give(note.digest, temporary)
            atomic.put_in_place(temporary, path)
            syncing.sync_folder(os.path.dirname(path))
