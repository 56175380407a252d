"""The documentation says what the code does: nothing is missing, nothing is outdated."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import click
import pytest

import app
from registry import config, wiring
from registry.config import Config, default_of, type_of
from registry.model import properties
from registry.model.digests import Digest
from registry.model.manifests import MANIFEST_LIMIT, PARTS_LIMIT
from registry.model.names import NAME_LIMIT, TAG_LIMIT, ImageName, Tag
from registry.model.repository_fields import FIELDS_OF, KINDS
from registry.storage import layout
from registry.web.errors import STATUSES
from registry.web.paging import PAGE_LIMIT

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def tables(name: str) -> list[list[str]]:
    """The rows of all tables of a page, without the back-quotes."""
    rows = [line for line in read(name).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def bare(text: str) -> str:
    return text.replace("`", "").strip()


def test_every_setting_is_documented_with_its_type_default_and_meaning() -> None:
    documented = {
        bare(row[0]): [bare(cell) for cell in row[1:]] for row in tables("docs/settings.md")
    }
    for setting in dataclasses.fields(Config):
        kind, default, meaning = documented[setting.name]
        assert type_of(setting).removeprefix("a ") == kind
        value = default_of(setting)
        assert json.loads(default) == (list(value) if isinstance(value, tuple) else value)
        assert meaning == setting.metadata["description"]


def test_every_environment_variable_is_documented() -> None:
    page = read("docs/settings.md")
    for variable in (
        *config.ENVIRONMENT,
        config.ENVIRONMENT_CONFIG,
        config.ENVIRONMENT_ADMIN_PASSWORD,
    ):
        assert f"| `{variable}` |" in page


@pytest.mark.parametrize("kind", KINDS)
def test_every_repository_field_is_documented(kind: str) -> None:
    rows = tables("docs/repositories.md")
    documented = {(bare(row[0]), bare(row[1])): [bare(cell) for cell in row[2:]] for row in rows}
    for name, field in FIELDS_OF[kind].items():
        kinds = ", ".join(each for each in KINDS if name in FIELDS_OF[each])
        shown = "empty" if field.default in ("", []) else json.dumps(field.default).strip('"')
        assert documented[name, kinds] == [shown, field.description]


def tree(text: str) -> list[str]:
    """The drawn lines of a tree, without their indentation as a block."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(("├", "└", "│", "storage_root/"))]


def test_the_tree_of_the_storage_folder_is_that_of_the_layout() -> None:
    assert layout.__doc__
    assert tree(read("storage_root/README.md")) == tree(layout.__doc__)
    assert read("docs/on-disk-format.md") == read("storage_root/README.md")


def test_the_tree_names_every_folder_that_is_made() -> None:
    drawn = "\n".join(tree(read("storage_root/README.md")))
    for folder in layout.FOLDERS:
        assert f"{folder.rpartition('/')[2]}/" in drawn


def test_the_sidecar_and_its_properties_are_documented() -> None:
    page = read("storage_root/README.md")
    made = properties.manifest_properties(
        ImageName("a"), Tag("t"), Digest.of(b""), "type", "hex", {"x": "y"}
    )
    for name in made:
        assert name.replace("docker.label.x", "docker.label.<label>") in page
    for field in ("digest", "sha256", "size", "mediaType"):
        assert f"`{field}`" in page
    for field in ("created", "createdBy", "modified", "modifiedBy"):
        assert f"`{field}`" in page


def test_every_route_is_documented(tmp_path: Path) -> None:
    application = wiring.create_app(Config(storage_root=str(tmp_path)))
    page = read("docs/api.md")
    for rule in application.url_map.iter_rules():
        path = re.sub(r"<\w+:", "<", rule.rule)
        for prefix in ("/artifactory/api/docker/<key>/v2", "/api/docker/<key>/v2", "/v2/<key>"):
            path = path.removeprefix(prefix)
        path = path.removeprefix("/artifactory").removeprefix("/v2")
        path = re.sub(r"^/(artifactory/)?api/docker/<key>", "", path).strip("/")
        assert path in page, rule.rule
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert f"`{method}" in page


def test_every_error_code_and_status_is_documented() -> None:
    page = read("docs/api.md")
    for status, code in STATUSES.values():
        assert f"`{code}`" in page
        assert str(status) in page or status in (414,)


@pytest.mark.parametrize(
    "limit",
    [
        f"{MANIFEST_LIMIT // 1024**2} MiB, {PARTS_LIMIT:,} entries",
        f"{NAME_LIMIT} characters together",
        f"{TAG_LIMIT} characters",
        f"{PAGE_LIMIT} entries",
        f"{properties.LABELS_LIMIT}, keys of {properties.LABEL_KEY_LIMIT}",
    ],
)
def test_the_limits_are_those_of_the_code(limit: str) -> None:
    assert limit in read("docs/api.md")


def test_the_readme_names_every_command_and_no_other() -> None:
    page = read("README.md")
    commands = set(re.findall(r"app\.py ([a-z]+)", page))
    assert isinstance(app.main, click.Group)
    assert commands <= set(app.main.commands)
    for command in app.main.commands:
        assert f"`{command}`" in page


@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "docs/settings.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", read(page)):
        assert (ROOT / page).parent.joinpath(target).exists()


def test_make_targets_of_the_readme_exist() -> None:
    makefile = read("Makefile")
    for target in re.findall(r"^make ([a-z]+)$", read("README.md"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
