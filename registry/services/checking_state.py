"""Checking all that is no image and no content: definitions, users, keys, uploads, journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from registry.model.digests import HEX_LENGTHS
from registry.model.repository_fields import MASKED
from registry.model.repository_values import wrong_fields
from registry.services.findings import Finding
from registry.services.inspection import Inspection
from registry.storage import walk
from registry.storage.layout import FOLDERS, FORMAT_VERSION, document_title
from registry.storage.line_files import ENDING
from registry.storage.walk import Entry

_SECRET: Final = 0o077
_USER: Final = {"name": str, "admin": bool, "passwordHash": str, "credential": str, "created": str}
_SETTLED: Final = 60.0
"""Seconds after which an upload's two files belong together: they are made one after the other."""
_RECORDS: Final = ("pruning.json", "scrubbing.json", "storage-summary.json")
_SINGLE: Final = ("keys.json", "security.json", "service.json", "web-server.json")
_DOCUMENTATION: Final = ("README.md", ".gitignore")
_MOUNTED: Final = "lost+found"


class StateChecker:
    """Checks the folders beside the images."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._layout = inspection.layout
        self._find = inspection.finding

    def run(self) -> Iterator[Finding]:
        """Report what is wrong in the storage folder and in its folders for small things."""
        yield from self._root()
        yield from self._format()
        yield from self._etc()
        yield from self._inspection.again([self._uploads])
        for folder in ("journal", "pulls"):
            for entry in self._files(folder):
                if entry.name.endswith(ENDING):
                    yield from self._lines(entry)
        for entry in self._files("builds"):
            yield from self._inspection.ordinary(entry)

    def _files(self, folder: str) -> Iterator[Entry]:
        """Yield the files of one of our folders, without those that cannot be listed."""
        found: list[Finding] = []
        for entry in self._inspection.listing(self._layout.top(folder), found):
            if entry.is_file:
                yield entry

    # --- the folder itself ---------------------------------------------------------------------

    def _root(self) -> Iterator[Finding]:
        ours = {name.partition("/")[0] for name in FOLDERS}
        files = {"format.json", *_RECORDS, *_DOCUMENTATION}
        found: list[Finding] = []
        for entry in self._inspection.listing(self._layout.root, found):
            if entry.name == _MOUNTED:
                continue
            yield from self._inspection.ordinary(entry)
            known = entry.name in (ours if entry.is_folder else files)
            if not known:
                yield from self._inspection.foreign(entry)
        for name in FOLDERS:
            path = self._layout.top(name)
            if walk.look_at(path) is None:
                yield self._find("folder-missing", path, "is missing")
        endings = {"journal": (ENDING,), "pulls": (ENDING, ".json")}
        endings |= {"locks": (".lock",), "upstreams": (".json",)}
        for name, wanted in endings.items():
            for entry in self._inspection.listing(self._layout.top(name), found):
                yield from self._inspection.ordinary(entry)
                if entry.is_folder or not entry.name.endswith(wanted):
                    yield from self._inspection.foreign(entry)
        yield from found

    def _format(self) -> Iterator[Finding]:
        path = self._layout.format_file()
        document, finding = self._document(path, "format-damaged")
        if finding is not None:
            yield finding
        elif document is None:
            yield self._find("format-missing", path, "is missing")
        elif document.get("version") != FORMAT_VERSION:
            message = f"is of version {document.get('version')}, not {FORMAT_VERSION}"
            yield self._find("format-damaged", path, message)
        for name in _RECORDS:
            _, finding = self._document(f"{self._layout.root}/{name}", "record-damaged")
            if finding is not None:
                yield finding
        for folder, kind in (("pulls", "pulls-damaged"), ("upstreams", "record-damaged")):
            for entry in self._files(folder):
                if entry.name.endswith(".json"):
                    _, finding = self._document(entry.path, kind)
                    if finding is not None:
                        yield finding

    def _document(self, path: str, kind: str) -> tuple[dict[str, Any] | None, Finding | None]:
        """Return a JSON document, or None; and what is wrong with it."""
        found: list[Finding] = []
        data = self._inspection.read(path, found)
        if data is None:
            return None, found[0] if found else None
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            return None, self._find(kind, path, "is no JSON document")
        return document, None

    # --- definitions and secrets ---------------------------------------------------------------

    def _etc(self) -> Iterator[Finding]:
        found: list[Finding] = []
        folders = {name.partition("/")[2] for name in FOLDERS if name.startswith("etc/")}
        for entry in self._inspection.listing(self._layout.top("etc"), found):
            yield from self._inspection.ordinary(entry)
            if entry.name not in (folders if entry.is_folder else _SINGLE):
                yield from self._inspection.foreign(entry)
        checks = {
            "repositories": self._definition,
            "users": self._user,
            "groups": self._titled,
            "permissions": self._titled,
            "logins": self._titled,
            "tokens": self._token,
        }
        for folder, check in checks.items():
            for entry in self._inspection.listing(self._layout.top(f"etc/{folder}"), found):
                yield from self._inspection.ordinary(entry)
                if entry.is_file and entry.name.endswith(".json"):
                    yield from check(entry, entry.name.removesuffix(".json"))
                else:
                    yield from self._inspection.foreign(entry)
        yield from found
        yield from self._keys()

    def _definition(self, entry: Entry, key: str) -> Iterator[Finding]:
        document, finding = self._document(entry.path, "definition-damaged")
        if finding is not None:
            yield finding
        if document is None:
            return
        if document.get("key") != key:
            message = f"is that of '{document.get('key')}'"
            yield self._find("definition-key-wrong", entry.path, message)
        wrong = wrong_fields(document)
        if wrong:
            message = f"has wrong values: {', '.join(wrong)}"
            yield self._find("definition-damaged", entry.path, message)
        if document.get(MASKED):
            yield from self._secret(entry)

    def _user(self, entry: Entry, name: str) -> Iterator[Finding]:
        document, finding = self._document(entry.path, "user-damaged")
        if finding is not None:
            yield finding
        if document is not None:
            wrong = [
                field for field, kind in _USER.items() if type(document.get(field)) is not kind
            ]
            if wrong or document["name"] != name:
                message = f"has wrong values: {', '.join(wrong) or 'name'}"
                yield self._find("user-damaged", entry.path, message)
        yield from self._secret(entry)

    def _titled(self, entry: Entry, name: str) -> Iterator[Finding]:
        """Report a damaged document, or one that has somebody else's name."""
        document, finding = self._document(entry.path, "access-damaged")
        if finding is not None:
            yield finding
        elif document is not None and document.get("name") not in (None, document_title(name)):
            message = f"is that of '{document.get('name')}'"
            yield self._find("access-damaged", entry.path, message)

    def _token(self, entry: Entry, name: str) -> Iterator[Finding]:
        _, finding = self._document(entry.path, "access-damaged")
        if finding is not None:
            yield finding
        yield from self._secret(entry)

    def _secret(self, entry: Entry) -> Iterator[Finding]:
        # What everybody can write is reported as that.
        if entry.mode & _SECRET and not entry.mode & 0o002:
            message = f"has the mode {entry.mode:04o}, so others can read it"
            yield self._find("secret-mode-wrong", entry.path, message)

    def _keys(self) -> Iterator[Finding]:
        path = self._layout.keys()
        document, finding = self._document(path, "keys-damaged")
        if finding is not None:
            yield finding
        elif document is None:
            yield self._find("keys-missing", path, "is missing")
        elif not _are_keys(document):
            yield self._find("keys-damaged", path, "has no keys")
        status = walk.look_at(path)
        if status is not None:
            yield from self._secret(Entry(path, "keys.json", status))

    # --- uploads and lines ---------------------------------------------------------------------

    def _uploads(self) -> Iterator[Finding]:
        found: list[Finding] = []
        parts: dict[str, dict[str, Entry]] = {}
        for entry in self._inspection.listing(self._layout.top("uploads"), found):
            yield from self._inspection.ordinary(entry)
            name, _, ending = entry.name.partition(".")
            if entry.is_file and name and ending in ("data", "jsonl"):
                parts.setdefault(name, {})[ending] = entry
            else:
                yield from self._inspection.foreign(entry)
        yield from found
        for files in parts.values():
            if all(self._inspection.age(entry.status) > _SETTLED for entry in files.values()):
                yield from self._upload(files)

    def _upload(self, files: Mapping[str, Entry]) -> Iterator[Finding]:
        data, record = files.get("data"), files.get("jsonl")
        if record is None and data is not None:
            yield self._find("upload-without-record", data.path, "has no record beside it")
        if record is None:
            return
        if data is None:
            yield self._find("upload-without-data", record.path, "has no bytes beside it")
        found: list[Finding] = []
        lines = (self._inspection.read(record.path, found) or b"").splitlines()
        yield from found
        try:
            first = json.loads(lines[0])
            whole = all(isinstance(first[name], str) for name in ("repository", "image", "owner"))
            whole = whole and first["algorithm"] in HEX_LENGTHS
        except (ValueError, IndexError, KeyError, TypeError):
            whole = False
        if not whole:
            yield self._find("upload-damaged", record.path, "does not say whose upload it is")

    def _lines(self, entry: Entry) -> Iterator[Finding]:
        """Report damaged lines; an empty one divides others after a failed write."""
        yield from self._inspection.again([partial(self._damaged_lines, entry)])

    def _damaged_lines(self, entry: Entry) -> Iterator[Finding]:
        try:
            with open(entry.path, "rb") as file:
                wrong = [number for number, line in enumerate(file, 1) if not _is_line(line)]
        except FileNotFoundError:
            return
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            yield self._find("unreadable", entry.path, message)
            return
        if wrong:
            message = f"has {len(wrong)} damaged lines, the first is line {wrong[0]}"
            yield self._find("line-damaged", entry.path, message)


def _is_line(line: bytes) -> bool:
    if line == b"\n":
        return True
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _are_keys(document: Mapping[str, Any]) -> bool:
    keys = document.get("keys")
    return (
        isinstance(keys, list)
        and bool(keys)
        and all(isinstance(key, dict) and isinstance(key.get("secret"), str) for key in keys)
    )
