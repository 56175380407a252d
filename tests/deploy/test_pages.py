"""What the pages and the files of docs/deploy say of each other, of the settings and the layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry import config
from registry.config import Config
from registry.storage.layout import FORMAT_VERSION
from tests.deploy.pages import ROOT, blocks, page

PAGES = ("install.md", "upgrading.md")
DEPLOY = ROOT / "docs/deploy"


@pytest.fixture(scope="module")
def settings() -> Config:
    """The settings that an installed server has."""
    return config.load(str(DEPLOY / "settings.toml"), {}, {})


def deployed(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def value_in(name: str, option: str) -> str:
    """The value of an option that a unit has once."""
    (value,) = re.findall(rf"^{option}=(.*)$", deployed(name), re.MULTILINE)
    return str(value)


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page(name)):
        file, _, anchor = target.partition("#")
        found = ROOT / "docs" / (file or name)
        assert found.is_file(), target
        headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = [heading.lower().replace(" ", "-") for heading in headings]
        assert not anchor or anchor in anchors, target


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_root_is_tried(name: str) -> None:
    """Only a firewall is left out, which the tests' machine has not."""
    fenced = re.findall(r"^```(.*?)\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    untried = [text for kind, text in fenced if kind in ("", "sh") and "──" not in text]
    assert untried == (["ufw allow 443/tcp\n"] if name == "install.md" else [])


@pytest.mark.parametrize("file", sorted(DEPLOY.iterdir()), ids=lambda file: file.name)
def test_every_file_has_its_use(file: Path) -> None:
    if file.name == "__pycache__":
        pytest.skip("not a file of the project")
    scripts = "".join(block.script for name in PAGES for block in blocks(name, *ROLES[name]))
    others = "".join(deployed(name) for name in ("registry.service", "Dockerfile"))
    text = scripts + others + page("install.md")
    assert re.search(rf"docs/deploy/{re.escape(file.name)}\b", text)


ROLES = {
    "install.md": ("server", "client", "compose", "container"),
    "upgrading.md": ("server", "compose"),
}


def test_the_version_of_the_layout_is_the_one_of_the_code() -> None:
    assert f"in which version its layout is: {FORMAT_VERSION}, so far" in page("upgrading.md")


def test_the_unit_fits_the_settings(settings: Config) -> None:
    unit = "registry.service"
    folder = value_in(unit, "RuntimeDirectory")
    assert str(settings.address).startswith(f"/run/{folder}/")
    assert f" {settings.listen} " in value_in(unit, "ExecStartPost")
    assert settings.storage_root.startswith(f"/var/lib/{value_in(unit, 'StateDirectory')}/")
    assert settings.trusted_proxies == (config.UNIX_PEER,)
    assert int(value_in(unit, "LimitNOFILE")) >= 2 * settings.connection_limit + 256
    assert int(value_in(unit, "TimeoutStopSec")) > settings.shutdown_timeout


def test_the_containers_fit_the_settings(settings: Config) -> None:
    compose = deployed("compose.yaml")
    assert f"REGISTRY_LISTEN: {settings.listen}\n" in compose
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", compose)
    assert int(grace) > settings.shutdown_timeout
    places = {"storage": settings.storage_root, "socket": str(settings.address)}
    for volume, path in places.items():
        folder = str(Path(path).parent)
        assert compose.count(f"- {volume}:{folder}") == 2
        assert folder in deployed("Dockerfile")


def test_the_copy_of_the_night_is_made_as_the_page_on_backups_says(settings: Config) -> None:
    (row,) = re.findall(
        r"^\| rsync \| `rsync (.*?) storage_root/ BACKUP/`", page("backup.md"), re.M
    )
    commands = re.findall(r"^ExecStart=rsync (.*)$", deployed("registry-backup.service"), re.M)
    folder = value_in("registry-backup.service", "ReadWritePaths")
    wanted = f"{row.replace(chr(39), '')} {settings.storage_root}/ {folder}/"
    assert commands == [wanted, wanted]
