"""What was last heard of each upstream registry: a document for each remote repository.

State, and no configuration: it is written without making it durable, because what a power cut
takes is heard again with the next question. Every process reads what any of them has written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from registry.model.errors import RegistryError
from registry.storage import atomic, documents
from registry.storage.documents import Documents
from registry.storage.layout import Layout


class UpstreamNotes:
    """The notes of one storage folder."""

    def __init__(self, layout: Layout, cache: Documents) -> None:
        self._layout = layout
        self._cache = cache

    def read(self, key: str) -> Mapping[str, Any] | None:
        """Return what is noted of the upstream of a remote repository; None where nothing is.

        Raises:
            StorageFailed, OSError: the document is damaged, or cannot be read.
        """
        return self._cache.read(self._layout.upstream_note(key))

    def write(self, key: str, document: Mapping[str, Any]) -> None:
        """Note that instead; nothing, if there is no such repository any more.

        A repository that is deleted at this very moment may leave its note. That harms nobody: a
        new one of that key believes it only if it has the same upstream.

        Raises:
            RegistryError, OSError: it cannot be written.
        """
        if not os.path.exists(self._layout.repository_definition(key)):
            return
        path = self._layout.upstream_note(key)
        data = documents.encode(dict(document))
        written = atomic.write_temporary(
            os.path.dirname(path), data, atomic.DOCUMENT_MODE, durable=False
        )
        atomic.put_in_place(written, path)

    def forget(self, key: str) -> None:
        """Remove the note of a repository that is gone; one that cannot be removed harms nobody."""
        with contextlib.suppress(RegistryError, OSError):
            atomic.remove(self._layout.upstream_note(key))
