"""By what rows are found: hashes of texts, and of kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.storage.index.reader import Reading
from registry.storage.index.rows import Kind, Row


def digest_text(digest: str) -> str:
    """Return what rows are found by that have a manifest, configuration or layer."""
    return f"#{digest}"


def reference_text(reference: str) -> str:
    """Return what the rows of a tag or digest are found by."""
    return f":{reference}"


def image_text(image: str) -> str:
    """Return what the rows of an image are found by, whichever its repository."""
    return f"/{image}"


class HashedKind(NamedTuple):
    """What is needed of a kind for each of its rows."""

    hashed: int
    own: Sequence[str]


def hashed_kind(kind: Kind) -> HashedKind:
    """Return what is needed of a kind."""
    return HashedKind(hash(kind), kind.own())


def hashes_of(row: Row, kind: HashedKind) -> list[int]:
    """Return the hashes of what a row is found by, as far as it can be seen from the row."""
    found = [kind.hashed, hash(f":{row.reference}"), hash(f"/{row.place.image}")]
    digest = row.digest
    if digest:
        found.append(hash(f"#{digest}"))
        if not digest.startswith("sha256:"):
            found.append(hash(digest_text(digest.partition(":")[0])))
    for name, value in zip(kind.own, row.values, strict=True):
        if isinstance(value, str):
            found.append(hash(f"@{name}={value}"))
        else:
            found += [hash(f"@{name}={one}") for one in value]
    return found


def hashes_of_others(reading: Reading) -> list[int]:
    """Return the hashes of what a row is found by because of other files in its folder."""
    found = [hash(f"#{digest}") for digest in reading.content]
    for digest in reading.content:
        if not digest.startswith("sha256:"):
            algorithm = digest.partition(":")[0]
            found += (hash(digest_text(algorithm)), hash(f"@{algorithm}"))
    for name, value in reading.more:
        found += (hash(f"@{name}={value}"), hash(f"@{name}"))
    return found
