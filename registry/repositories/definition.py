"""What is configured of one repository, as its document says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model.names import RepositoryKey, cache_key
from registry.model.repository_fields import (
    FIELDS,
    FIELDS_OF,
    FIXED,
    LOCAL,
    MASKED,
    PACKAGE_TYPE,
    REMOTE,
    VIRTUAL,
    FieldValue,
)
from registry.model.repository_values import MASK
from registry.repositories.reach import EVERYWHERE, Reach, reach_of

_AS_UPSTREAM_HAS_IT: Final = {"allowSparseIndexes": True, "blockPushingSchema1": False}
_FOREIGN_LAYERS: Final = "externalDependenciesPatterns"


@dataclass(frozen=True, slots=True)
class RepositoryDefinition:
    """A repository as configured."""

    key: RepositoryKey
    rclass: str
    fields: Mapping[str, FieldValue]
    """Every field of its kind; a password is among them."""
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What clients have given beside the fields, and want back."""
    reach: Reach = field(default=EVERYWHERE, compare=False)
    is_cache: bool = False
    """Whether it is not the remote repository itself, but what that has fetched."""

    def document(self) -> dict[str, Any]:
        """Return the definition in Artifactory's form, without secrets."""
        fields = dict(self.fields)
        if fields.get(MASKED):
            fields[MASKED] = MASK
        if fields.get("externalDependenciesEnabled") and not fields[_FOREIGN_LAYERS]:
            fields[_FOREIGN_LAYERS] = ["**"]
        fixed = {"key": self.key, "rclass": self.rclass, "packageType": PACKAGE_TYPE}
        return {**fixed, **fields, **self.unknown}

    def cache(self) -> RepositoryDefinition:
        """Return the definition of what a remote repository has fetched: it holds it, as a local
        one would, and takes whatever upstream has.
        """
        fields = {**self.fields, **_AS_UPSTREAM_HAS_IT}
        key = cache_key(self.key)
        return RepositoryDefinition(key, self.rclass, fields, reach=self.reach, is_cache=True)

    @property
    def is_remote(self) -> bool:
        """Whether it has an upstream: it is a remote repository, and not the cache of one."""
        return self.rclass == REMOTE and not self.is_cache

    @property
    def holding_key(self) -> RepositoryKey | None:
        """The key under which its images lie in the storage folder; None for a virtual one."""
        if self.rclass == VIRTUAL:
            return None
        return cache_key(self.key) if self.is_remote else self.key

    def flag(self, name: str) -> bool:
        """Return a field that is true or false; what its kind has not has its default."""
        return bool(self._value(name))

    def number(self, name: str) -> int:
        """Return a field that is a number."""
        value = self._value(name)
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        """Return a field that is a text."""
        return str(self._value(name))

    def _value(self, name: str) -> FieldValue:
        return self.fields[name] if name in self.fields else FIELDS[name].default


@dataclass(frozen=True, slots=True)
class NewRepository:
    """A repository that is to be created."""

    key: RepositoryKey
    rclass: str
    fields: Mapping[str, object]


def definition_of(document: Mapping[str, Any]) -> RepositoryDefinition:
    """Return the definition that a document is; fields that it has not have their defaults."""
    kind = document["rclass"]
    known = FIELDS_OF.get(kind, FIELDS_OF[LOCAL])
    fields = {name: document.get(name, known[name].default) for name in known}
    return RepositoryDefinition(
        key=RepositoryKey(document["key"]),
        rclass=kind,
        fields=fields,
        unknown={
            name: value
            for name, value in document.items()
            if name not in FIELDS and name not in FIXED
        },
        reach=reach_of(document["key"], kind, fields),
    )
