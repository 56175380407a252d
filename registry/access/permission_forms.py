"""Permission targets as clients write them: three forms of one thing.

Version 1 has letters and patterns with commas between them, version 2 words and lists, and the
Access API capitals and patterns by repository. A form is taken as clients send it: with nulls,
without what has its default, and with fields of others, which mean nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from registry.access.permission_targets import (
    EVERYTHING,
    WORDS,
    Allowed,
    PermissionTarget,
    Section,
)
from registry.model.errors import PermissionInvalid

LETTERS: Final[Mapping[str, str]] = dict(
    zip(("r", "w", "n", "d", "m", "mxm", "x"), WORDS, strict=True)
)
_CAPITALS: Final[Mapping[str, str]] = dict(
    zip(("READ", "WRITE", "ANNOTATE", "DELETE", "MANAGE", "SCAN", "DISTRIBUTE"), WORDS, strict=True)
)
_WORDS: Final[Mapping[str, str]] = {word: word for word in WORDS}
RESOURCES: Final[Mapping[str, str]] = {
    "artifact": "repo",
    "build": "build",
    "release_bundle": "releaseBundle",
}
"""What the Access API calls the sections."""
_SECTIONS: Final = tuple(RESOURCES.values())
_PRINCIPALS: Final = ("users", "groups")


# --- version 1 -----------------------------------------------------------------------------------


def from_v1(name: str, document: Any, before: PermissionTarget | None) -> PermissionTarget:
    """Return the target that a document of version 1 describes.

    It speaks of images alone; what ``before`` says of builds stays.

    Raises:
        PermissionInvalid: a value is wrong.
    """
    given = _about(name, document)
    principals = _object(given.get("principals"), "principals")
    section = Section(
        _texts(given.get("repositories"), "repositories"),
        _patterns(_split(given.get("includesPattern"), "includesPattern")) or (EVERYTHING,),
        _patterns(_split(given.get("excludesPattern"), "excludesPattern")),
        *(_allowed(principals.get(kind), kind, LETTERS) for kind in _PRINCIPALS),
    )
    others = {} if before is None else before.sections
    return PermissionTarget(name, {**others, "repo": section})


def to_v1(target: PermissionTarget) -> dict[str, Any]:
    """Return a target in the form of version 1: what it says of images."""
    section = target.repo
    return {
        "name": target.name,
        "includesPattern": ",".join(section.includes),
        "excludesPattern": ",".join(section.excludes),
        "repositories": list(section.repositories),
        "principals": _principals(section, LETTERS),
    }


def _split(value: object, name: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, str):
        raise PermissionInvalid(f"'{name}' is a text")
    return value.split(",")


# --- version 2 -----------------------------------------------------------------------------------


def from_v2(name: str, document: Any) -> PermissionTarget:
    """Return the target that a document of version 2 describes. Raises PermissionInvalid."""
    given = _about(name, document)
    found = {}
    for each in _SECTIONS:
        if given.get(each) is not None:
            section = _object(given[each], each)
            actions = _object(section.get("actions"), "actions")
            found[each] = Section(
                _texts(section.get("repositories"), "repositories"),
                _patterns(_texts(section.get("include-patterns"), "include-patterns"))
                or (EVERYTHING,),
                _patterns(_texts(section.get("exclude-patterns"), "exclude-patterns")),
                *(_allowed(actions.get(kind), kind, _WORDS) for kind in _PRINCIPALS),
            )
    return PermissionTarget(name, found)


def to_v2(target: PermissionTarget) -> dict[str, Any]:
    """Return a target in the form of version 2; sections that it has not are not there."""
    document: dict[str, Any] = {"name": target.name}
    for each, section in target.sections.items():
        document[each] = {
            "include-patterns": list(section.includes),
            "exclude-patterns": list(section.excludes) or [""],
            "repositories": list(section.repositories),
            "actions": _principals(section, _WORDS),
        }
    return document


# --- the Access API ------------------------------------------------------------------------------


def from_access(name: str, document: Any) -> PermissionTarget:
    """Return the target that a document of the Access API describes. Raises PermissionInvalid."""
    resources = _object(_about(name, document).get("resources"), "resources")
    return PermissionTarget(
        name,
        {
            each: section_from_access(resources[resource])
            for resource, each in RESOURCES.items()
            if resources.get(resource) is not None
        },
    )


def section_from_access(document: Any, before: Section | None = None) -> Section:
    """Return a section; what is not given is as it was ``before``. Raises PermissionInvalid."""
    given, made = _object(document, "resource"), before or Section()
    if given.get("targets") is not None:
        made = _placed(made, _object(given["targets"], "targets"))
    actions = _object(given.get("actions"), "actions")
    if actions.get("users") is not None:
        made = replace(made, users=_allowed(actions["users"], "users", _CAPITALS))
    if actions.get("groups") is not None:
        made = replace(made, groups=_allowed(actions["groups"], "groups", _CAPITALS))
    return made


def _placed(section: Section, targets: Mapping[str, Any]) -> Section:
    """Return a section for other repositories; all of them have the same patterns here."""
    patterns = {
        (
            _patterns(_texts(_object(one, key).get("include_patterns"), "include_patterns"))
            or (EVERYTHING,),
            _patterns(_texts(_object(one, key).get("exclude_patterns"), "exclude_patterns")),
        )
        for key, one in targets.items()
    }
    if len(patterns) > 1:
        raise PermissionInvalid(
            "all repositories of one permission have the same patterns; make one for each"
        )
    includes, excludes = next(iter(patterns), ((EVERYTHING,), ()))
    return replace(section, repositories=tuple(targets), includes=includes, excludes=excludes)


def to_access(target: PermissionTarget) -> dict[str, Any]:
    """Return a target in the form of the Access API."""
    resources = {
        resource: section_to_access(target.sections[each])
        for resource, each in RESOURCES.items()
        if each in target.sections
    }
    return {"name": target.name, "resources": resources}


def section_to_access(section: Section) -> dict[str, Any]:
    """Return a section in the form of the Access API."""
    patterns = {
        "include_patterns": list(section.includes),
        "exclude_patterns": list(section.excludes),
    }
    return {
        "actions": _principals(section, _CAPITALS),
        "targets": {key: dict(patterns) for key in section.repositories},
    }


# --- what the forms have in common ---------------------------------------------------------------


def _about(name: str, document: Any) -> Mapping[str, Any]:
    given = _object(document, "body")
    if given.get("name") not in (None, "", name):
        raise PermissionInvalid("the name is one in the path and another one in the document")
    return given


def _object(value: object, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PermissionInvalid(f"'{name}' is an object")
    return value


def _texts(value: object, name: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise PermissionInvalid(f"'{name}' is a list of texts")
    return tuple(dict.fromkeys(value))


def _patterns(texts: Iterable[str]) -> Sequence[str]:
    return tuple(text.strip() for part in texts for text in part.split(",") if text.strip())


def _allowed(value: object, kind: str, spelled: Mapping[str, str]) -> Allowed:
    """Return who may do what; who may do nothing is left out."""
    found = {}
    for name, spellings in _object(value, kind).items():
        texts = _texts(spellings, name)
        for text in texts:
            if text not in spelled:
                raise PermissionInvalid(
                    f"'{text[:40]}' is nothing that can be allowed; known are {', '.join(spelled)}"
                )
        words = {spelled[text] for text in texts}
        if words:
            found[name.lower() if kind == "users" else name] = tuple(w for w in WORDS if w in words)
    return found


def _principals(section: Section, spelled: Mapping[str, str]) -> dict[str, Any]:
    return {
        "users": _spelled(section.users, spelled),
        "groups": _spelled(section.groups, spelled),
    }


def _spelled(allowed: Allowed, spelled: Mapping[str, str]) -> dict[str, list[str]]:
    spelling = {word: text for text, word in spelled.items()}
    return {
        name: [spelling[word] for word in words if word in spelling]
        for name, words in allowed.items()
    }
