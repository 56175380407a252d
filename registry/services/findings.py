"""What a check can find: every kind of damage, how bad it is, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from registry.model.digests import Digest
from registry.model.names import Reference
from registry.storage.manifest_files import Place


class Severity(Enum):
    """How bad a finding is."""

    DATA = "data"
    """An image does not pull completely, or bytes are wrong."""
    STRUCTURE = "structure"
    """Everything pulls, but something that should protect or describe it is not as it should be."""
    LEFTOVER = "leftover"
    """Something is left that nothing needs."""


REPAIR: Final = "'fsck --repair' puts it right"
PUSH: Final = "push the image again"
TRY: Final = "'fsck --repair' puts it right if the content is still somewhere; else push again"
SCRUB: Final = "'scrub' takes the content out of reach and names the tags; push one of them again"
BACKUP: Final = "restore the file from a backup"
HAND: Final = "look at it, and move it out of the storage folder by hand"
PRUNE: Final = "'prune' clears it, as a running server does by itself"
CHOWN: Final = "run 'chown' and 'chmod' on it, as the user that owns the storage folder, or root"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of damage."""

    severity: Severity
    meaning: str
    remedy: str


def _kinds(severity: Severity, *rows: tuple[str, str, str]) -> dict[str, Kind]:
    return {name: Kind(severity, meaning, remedy) for name, meaning, remedy in rows}


KINDS: Final[Mapping[str, Kind]] = {
    **_kinds(
        Severity.DATA,
        ("manifest-damaged", "the file of a manifest is no manifest", TRY),
        ("tag-digest-wrong", "the manifest of a tag is not the one that was recorded", TRY),
        ("folder-digest-wrong", "a folder of a digest has another manifest", TRY),
        ("manifest-digest-wrong", "a manifest shown by digest has another digest", TRY),
        ("manifest-link-missing", "a tag or folder has a manifest not shown by digest", REPAIR),
        ("blob-link-missing", "the image does not show a blob that a manifest has", REPAIR),
        ("layer-missing", "a blob that a manifest names is nowhere in the storage folder", PUSH),
        ("layer-size-wrong", "a blob has another size than the manifest says", SCRUB),
        ("child-missing", "a manifest that an index names is not in the image", PUSH),
        ("content-empty", "content is empty, and its digest is not that of nothing", SCRUB),
        ("content-damaged", "content has bytes of another digest", SCRUB),
        ("content-quarantined", "damaged content that images still need is in quarantine", PUSH),
        ("unreadable", "a file or folder cannot be read", CHOWN),
    ),
    **_kinds(
        Severity.STRUCTURE,
        ("layer-link-missing", "a manifest folder has no link to a blob of it", REPAIR),
        ("child-without-folder", "a manifest that an index names has no folder", REPAIR),
        ("referrer-missing", "a manifest is not listed as referrer of its subject", REPAIR),
        ("referrer-dangling", "a listed referrer is not in the image", REPAIR),
        ("referrer-wrong-subject", "a listed referrer has another subject, or none", REPAIR),
        ("sidecar-missing", "a manifest has no sidecar", REPAIR),
        ("sidecar-damaged", "a sidecar is no JSON document", REPAIR),
        ("sidecar-of-another", "a sidecar is that of another manifest", REPAIR),
        ("sidecar-wrong", "a sidecar has wrong facts", REPAIR),
        ("manifest-name-wrong", "an index has the file name of an image, or the reverse", REPAIR),
        ("manifest-both-names", "a manifest folder has a manifest under both names", REPAIR),
        ("filestore-missing", "content that images have has no name in the filestore", REPAIR),
        ("split", "content that could be one file is several", REPAIR),
        ("filestore-misplaced", "content is in the wrong folder of the filestore", REPAIR),
        ("filestore-name-wrong", "a file in the filestore has not the name of a digest", HAND),
        ("content-mode-wrong", "the file of content can be written, or not be read", REPAIR),
        ("secret-mode-wrong", "a file with secrets can be read by others", REPAIR),
        ("open-to-others", "a file or folder can be written by everybody", REPAIR),
        ("owner-wrong", "a file or folder belongs to another user than the others", CHOWN),
        ("repository-undefined", "a folder of images has no definition of a repository", BACKUP),
        ("definition-damaged", "the definition of a repository is damaged", BACKUP),
        ("definition-key-wrong", "a definition is that of another repository", BACKUP),
        ("user-damaged", "the document of a user is damaged", BACKUP),
        ("access-damaged", "what is kept of a group, permission or token is damaged", BACKUP),
        ("keys-damaged", "the signing keys are damaged", "remove the file; all tokens end"),
        ("keys-missing", "there are no signing keys", "the server makes new ones at its start"),
        ("format-missing", "the version of the layout is not recorded", "run 'init'"),
        ("format-damaged", "the version of the layout cannot be read, or is another", BACKUP),
        ("folder-missing", "a folder of the layout is missing", REPAIR),
        ("record-damaged", "a record of the server's own work is damaged", REPAIR),
        ("pulls-damaged", "the counted pulls of a day are damaged", BACKUP),
        ("symbolic-link", "there is a symbolic link", HAND),
        ("special-file", "there is a device, pipe or socket", HAND),
        ("foreign-file", "there is a file that is not ours", HAND),
        ("foreign-folder", "there is a folder that is not ours", HAND),
        ("trash-note-missing", "an entry of the trash has no note", HAND),
        ("trash-note-damaged", "the note of an entry of the trash is damaged", HAND),
        ("trash-incomplete", "an entry of the trash lacks what it takes to restore it", TRY),
        ("quarantine-note-damaged", "a note on damaged content is damaged or missing", HAND),
    ),
    **_kinds(
        Severity.LEFTOVER,
        ("folder-without-manifest", "a manifest folder has links and no manifest", REPAIR),
        ("layer-link-stale", "a manifest folder has a blob that its manifest lacks", REPAIR),
        ("manifest-without-folder", "a manifest is shown by digest and has no folder", REPAIR),
        ("stale-temporary", "half-done work has been left for long", REPAIR),
        ("stale-hold", "a name has been on hold for long", PRUNE),
        ("stale-deletion", "a deletion has been left half-done for long", PRUNE),
        ("upload-without-record", "bytes of an upload belong to nobody", PRUNE),
        ("upload-without-data", "an upload has no bytes and cannot be gone on with", PRUNE),
        ("upload-damaged", "the record of an upload is damaged", PRUNE),
        ("quarantine-unneeded", "damaged content in quarantine that nothing needs", REPAIR),
        ("line-damaged", "a line of the journal or of the pulls is lost", "nothing has to be done"),
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    path: str
    """Relative to the storage folder."""
    message: str
    tags: Sequence[str] = ()
    """What does not pull completely because of it, where that is known."""
    place: Place | None = None
    reference: Reference | None = None
    digest: Digest | None = None
    inode: int | None = None
    """The file that it is about, whichever of its names was met first."""
    source: str = ""
    """A path that has the content that is missing."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.kind].severity

    @property
    def remedy(self) -> str:
        """What helps."""
        return KINDS[self.kind].remedy

    def document(self) -> dict[str, object]:
        """Return the finding for programs."""
        return {
            "kind": self.kind,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "tags": list(self.tags),
            "remedy": self.remedy,
        }
