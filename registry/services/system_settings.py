"""The settings of this registry for reading: as a text, and as Artifactory's configuration.

The document has what there is here and nothing else. It is only written, never read back:
settings come from the settings file, and repositories and users have calls of their own.
"""

from __future__ import annotations

import dataclasses
import platform
import re
import xml.etree.ElementTree as ElementTree
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from registry import __version__
from registry.config import Config
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions

NAMESPACE: Final = "http://artifactory.jfrog.org/xsd/3.1.19"
_KINDS: Final = ("local", "remote", "virtual")
_DAY: Final = 86400
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that have no form in XML 1.0."""


class SystemSettings:
    """The settings of one registry."""

    def __init__(self, config: Config, definitions: Definitions) -> None:
        self._config = config
        self._definitions = definitions

    def text(self) -> str:
        """Return all settings in force, a line each; none of them is a secret."""
        config = self._config
        lines = [
            f"docker-registry | {__version__}",
            f"artifactory     | {config.artifactory_version}",
            f"python          | {platform.python_version()}",
            f"system          | {platform.system()} {platform.release()}",
            "",
        ]
        for setting in dataclasses.fields(config):
            value = getattr(config, setting.name)
            lines.append(f"{setting.name:<20}| {_shown(value)}")
        return "\n".join(lines) + "\n"

    def document(self) -> bytes:
        """Return the configuration in the form of Artifactory's XML document."""
        config = self._config
        root = Element("config", {"xmlns": NAMESPACE})
        _add(root, "offlineMode", False)
        if config.external_url:
            _add(root, "urlBase", config.external_url)
        _add(SubElement(root, "security"), "anonAccessEnabled", config.anonymous_pull)
        trash = SubElement(root, "trashcanConfig")
        _add(trash, "enabled", config.trash_lifetime > 0)
        _add(trash, "retentionPeriodDays", config.trash_lifetime // _DAY)
        found = self._definitions.all()
        for kind in _KINDS:
            group = SubElement(root, f"{kind}Repositories")
            for definition in found:
                if definition.rclass == kind:
                    _add_repository(SubElement(group, f"{kind}Repository"), definition)
        ElementTree.indent(root)
        return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True)) + b"\n"


def _add_repository(parent: Element, definition: RepositoryDefinition) -> None:
    """Add a repository with the fields that Artifactory's document has, too."""
    _add(parent, "key", definition.key)
    _add(parent, "type", "docker")
    for name in ("description", "notes"):
        text = definition.fields.get(name)
        if text:
            _add(parent, name, str(text))
    for name in ("maxUniqueTags", "dockerTagRetention", "blockPushingSchema1"):
        value = definition.fields.get(name)
        if isinstance(value, (bool, int)):
            _add(parent, name, value)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _add(parent: Element, name: str, value: str | int | bool) -> None:
    SubElement(parent, name).text = _NO_XML.sub("", _shown(value))
