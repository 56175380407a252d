"""One storage folder: the parts of this room, put together."""

from __future__ import annotations

import os

from registry.storage.arrivals import Arrivals
from registry.storage.catalog import Catalog
from registry.storage.checksums import ChecksumStore
from registry.storage.documents import Documents
from registry.storage.filestore import LEASE_RENEWAL, Filestore
from registry.storage.folder_records import FolderRecords
from registry.storage.index.index import Index
from registry.storage.journal import Journal
from registry.storage.journal_reader import JournalReader
from registry.storage.layout import Layout
from registry.storage.links import Links
from registry.storage.locks import Locks
from registry.storage.manifests import Manifests
from registry.storage.pull_stats import PullStats
from registry.storage.pulls import Pulls
from registry.storage.quarantine import Quarantine
from registry.storage.references import References
from registry.storage.trash import Trash
from registry.storage.tree import Tree
from registry.storage.uploads import Uploads
from registry.storage.upstream_notes import UpstreamNotes


class Store:
    """Everything that is kept in one storage folder. Cheap to make; nothing is read or started.

    ``renewal`` is after how many seconds a "yes, it is here" renews the age of content again; it
    must be a small part of the grace of whoever prunes the folder. Without ``keeps_trash`` what is
    deleted cannot be brought back.
    """

    def __init__(
        self, root: str, renewal: float = LEASE_RENEWAL, *, keeps_trash: bool = True
    ) -> None:
        self.layout = Layout(os.path.abspath(root))
        self.documents = Documents()
        self.locks = Locks(self.layout)
        self.filestore = Filestore(self.layout, renewal)
        self.uploads = Uploads(self.layout)
        self.arrivals = Arrivals(self.layout)
        self.links = Links(self.layout, self.filestore)
        self.manifests = Manifests(self.layout, self.filestore, self.documents)
        self.references = References(self.layout, self.manifests)
        self.trash = Trash(self.layout, self.filestore, self.documents, keeps=keeps_trash)
        self.catalog = Catalog(self.layout)
        self.folder_records = FolderRecords(self.layout, self.locks, self.documents)
        self.tree = Tree(self.layout, self.manifests, self.folder_records)
        self.index = Index(self.layout, self.tree, self.catalog, self.folder_records)
        self.checksums = ChecksumStore(self.layout, self.filestore)
        self.journal = Journal(self.layout)
        self.journal_reader = JournalReader(self.layout)
        self.pulls = Pulls(self.layout)
        self.pull_stats = PullStats(self.layout)
        self.upstream_notes = UpstreamNotes(self.layout, self.documents)
        self.quarantine = Quarantine(self.layout, self.filestore, self.locks)
