"""A layer that an upstream has, and whether it has come into the cache."""

from __future__ import annotations

import os

from registry.model.digests import Digest
from registry.model.names import ImageName
from registry.repositories.remote.downloads import SMALL
from registry.storage.store import Store
from tests.repositories.remote.conftest import CACHE, IMAGE

OTHER = ImageName("team/other")
LAYER = os.urandom(3 * SMALL)
DIGEST = Digest.of(LAYER)
CONFIG = b'{"os":"linux"}'


def has_come(store: Store, image: ImageName = IMAGE) -> bool:
    return store.links.has(CACHE, image, DIGEST) and not os.listdir(store.layout.top("uploads"))
