"""Which rows a query may want: by the condition that leaves the fewest, then by all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry.model.items import ItemQuery
from registry.model.names import ImageName, RepositoryKey
from registry.storage.index.hashes import digest_text
from registry.storage.index.rows import Row
from registry.storage.index.table import Choice, Table
from registry.storage.layout import MANIFEST_FILES, parse_content_name
from registry.storage.manifest_files import Place

_OF_CONTENT = frozenset({"sha256", "sha512"})
"""The properties that every layer has."""


def select(
    table: Table, query: ItemQuery, keys: Sequence[RepositoryKey], *, folders: bool = False
) -> list[Row]:
    """Return the rows of which the query may want a file, or with ``folders`` the folder."""
    choices = [table.in_repositories(keys), *_by_hashes(table, query), *_by_time(table, query)]
    if query.path_prefix:
        choices.append(_by_prefix(table, keys, query.path_prefix))
    if query.paths is not None:
        choices.append(_by_paths(table, keys, query.paths, folders=folders))
    _, get = min(choices, key=lambda choice: choice[0])
    wanted = frozenset(keys)
    rows = (table.row(number) for number in get())
    return [row for row in rows if row.place.key in wanted and _fits(row, query, folders=folders)]


def _by_hashes(table: Table, query: ItemQuery) -> Iterator[Choice]:
    conditions = [table.with_property(name, value) for name, value in query.properties.items()]
    if query.sha256 is not None:
        others = hash(digest_text("sha512"))
        conditions.append([*table.with_property("sha256", query.sha256), others])
    digests = [parse_content_name(name) for name in query.names or ()]
    if query.names is not None and all(digests):
        conditions.append([hash(digest_text(digest)) for digest in digests if digest])
    for hashes in conditions:
        yield table.count(hashes), lambda hashes=hashes: table.having(hashes)  # type: ignore[misc]


def _by_time(table: Table, query: ItemQuery) -> Iterator[Choice]:
    for timeline, first, last in (
        (table.created, query.created_from, query.created_to),
        (table.modified, query.modified_from, query.modified_to),
    ):
        if first or last:
            count = timeline.count(first, last) + len(table.undated)
            yield count, lambda t=timeline, f=first, u=last: {*t.between(f, u), *table.undated}  # type: ignore[misc]


def _by_prefix(table: Table, keys: Sequence[RepositoryKey], prefix: str) -> Choice:
    """Leave the images that are below a path, or above it."""
    found = [
        image
        for key in keys
        for image in table.images(key)
        if image.place.image.startswith(prefix) or prefix.startswith(f"{image.place.image}/")
    ]
    count = sum(len(image.numbers) for image in found)
    return count, lambda: (number for image in found for number in image.numbers.values())


def _by_paths(
    table: Table, keys: Sequence[RepositoryKey], paths: frozenset[str], *, folders: bool
) -> Choice:
    numbers = list[int]()
    for key in keys:
        for path in paths:
            if folders:
                image = table.image(Place(key, ImageName(path)))
                numbers += () if image is None else image.numbers.values()
            else:
                above, _, reference = path.rpartition("/")
                found = table.find(Place(key, ImageName(above)), reference)
                numbers += () if found is None else (found,)
    return len(numbers), lambda: numbers


def _fits(row: Row, query: ItemQuery, *, folders: bool) -> bool:
    path = row.place.image if folders else row.folder
    return (
        path.startswith(query.path_prefix)
        and (query.paths is None or path in query.paths)
        and (not folders or query.names is None or row.reference in query.names)
        and (not row.kind.is_dated or _is_in_time(row, query))
    )


def _is_in_time(row: Row, query: ItemQuery) -> bool:
    return (
        query.created_from <= row.created
        and (not query.created_to or row.created <= query.created_to)
        and query.modified_from <= row.modified
        and (not query.modified_to or row.modified <= query.modified_to)
    )


def wants_manifest(row: Row, query: ItemQuery) -> bool:
    """Return whether the manifest of a row that was selected may be wanted."""
    return (
        bool(row.kind.file)
        and (query.names is None or row.kind.file in query.names)
        and _is_in_time(row, query)
        and all(
            name in row.kind.names if value is None else value in row.values_of(name)
            for name, value in query.properties.items()
        )
    )


def wants_content(row: Row, query: ItemQuery) -> bool:
    """Return whether another file in the folder of a row that was selected may be wanted."""
    named = query.names is None or any(name not in MANIFEST_FILES for name in query.names)
    return named and (row.kind.has_more or query.properties.keys() <= _OF_CONTENT)


def wants_folder(row: Row, query: ItemQuery) -> bool:
    """Return whether the folder of a row that was selected may be wanted."""
    return query.sha256 is None and (row.kind.has_more or not query.properties)
