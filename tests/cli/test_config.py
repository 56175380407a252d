"""The settings: registry/config.py, which belongs to no room."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from registry.config import ENVIRONMENT, Config, default_of, example_file, load, type_of
from registry.model.errors import SettingInvalid

SETTINGS = dataclasses.fields(Config)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_every_setting_is_documented(setting: dataclasses.Field[Any]) -> None:
    description = setting.metadata["description"]
    assert len(description) > 20
    assert description[0].isupper()
    assert description.endswith(".")
    assert type_of(setting) in ("true or false", "a whole number", "a text", "a list of texts")
    assert f"# {description} ({type_of(setting)})\n# {setting.name} = " in example_file()


def test_the_example_file_has_the_defaults(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in example_file().splitlines() if " = " in line]
    names = {setting.name for setting in SETTINGS}
    text = "\n".join(line for line in lines if line.partition(" = ")[0] in names)
    values = tomllib.loads(text)
    assert values.keys() == names
    file = tmp_path / "settings.toml"
    file.write_text(text)
    assert load(str(file), {}, {}) == Config()


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('listen = "127.0.0.1:1111"\nworkers = 1\nthreads = 3\n')
    environment = {"REGISTRY_LISTEN": "127.0.0.1:2222", "REGISTRY_WORKERS": "2"}
    config = load(str(file), environment, {"listen": "127.0.0.1:3333", "workers": None})
    assert (config.listen, config.workers, config.threads) == ("127.0.0.1:3333", 2, 3)
    assert load(None, environment | {"REGISTRY_CONFIG": str(file)}, {}).threads == 3
    assert load(None, {}, {}) == Config()


def test_the_environment_gives_settings_that_exist() -> None:
    assert set(ENVIRONMENT.values()) <= {setting.name for setting in SETTINGS}
    assert load(None, dict.fromkeys(ENVIRONMENT, ""), {}) == Config()


WRONG: list[tuple[str, Any]] = [
    ("storage_root", 1), ("storage_root", ""), ("listen", ""), ("listen", "x"), ("listen", ":1"),
    ("listen", "h:0"), ("listen", "h:65536"), ("listen", "h:-1"), ("listen", "h:１"),
    ("listen", "h:" + "9" * 5000), ("workers", -1), ("workers", True), ("workers", 1.0),
    ("workers", "1"), ("threads", 0), ("connection_limit", 15), ("idle_timeout", 9),
    ("shutdown_timeout", -1), ("token_lifetime", 59), ("anonymous_pull", 1),
    ("anonymous_pull", "true"), ("log_level", "loud"), ("log_level", "INFO"),
    ("external_url", "registry.example.com"), ("external_url", "ftp://x"),
    ("artifactory_version", "7.33.2"), ("artifactory_version", "7.77"),
    ("artifactory_version", "7.77.5-rc"), ("artifactory_version", ""), ("artifactory_version", 7),
    ("trusted_proxies", "127.0.0.1"), ("trusted_proxies", (1,)), ("trusted_proxies", ("x",)),
    ("trusted_proxies", ("10.0.0.1/8",)), ("trusted_proxies", None),
    ("upstream_proxy", "proxy.example.com"), ("upstream_proxy", "http://u:p@proxy.example.com"),
    ("upstream_ca", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_with_the_settings_name(name: str, value: Any) -> None:
    with pytest.raises(SettingInvalid, match=name):
        Config(**{name: value})


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "１", "9" * 5000])
def test_a_wrong_number_in_the_environment_is_refused(text: str) -> None:
    if not text:
        assert load(None, {"REGISTRY_WORKERS": text}, {}) == Config()
        return
    with pytest.raises(SettingInvalid, match=r"REGISTRY_WORKERS|workers"):
        load(None, {"REGISTRY_WORKERS": text}, {})


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8082", ("127.0.0.1", 8082)),
        ("[::1]:65535", ("::1", 65535)),
        ("localhost:1", ("localhost", 1)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
    ],
)
def test_an_address_is_host_and_port(listen: str, address: tuple[str, int]) -> None:
    assert Config(listen=listen).address == address


def test_no_workers_means_one_for_each_core() -> None:
    assert Config(workers=0).worker_count >= 1
    assert Config(workers=7).worker_count == 7


@pytest.mark.parametrize("harm", ["missing", "folder", "bytes", "toml", "unknown"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, harm: str) -> None:
    file = tmp_path / "settings.toml"
    if harm == "folder":
        file.mkdir()
    elif harm != "missing":
        file.write_bytes({"bytes": b"\xff", "toml": b"x", "unknown": b"nonsense = 1"}[harm])
    with pytest.raises(SettingInvalid) as caught:
        load(str(file), {}, {})
    assert str(file) in caught.value.message
    assert "\n" not in caught.value.message


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().workers = 1  # type: ignore[misc]
    assert [s.name for s in SETTINGS if default_of(s) is None] == []
