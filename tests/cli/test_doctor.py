"""``doctor`` as it is typed: what is printed, and with what it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.services.doctor import Doctor, Options
from registry.services.doctor_login import Login
from tests.cli.conftest import Run
from tests.support.live import free_port


@pytest.fixture
def here(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A storage folder whose server does not run."""
    monkeypatch.setenv("REGISTRY_LISTEN", f"127.0.0.1:{free_port()}")
    run("init")
    return run


def test_each_line_has_a_verdict_and_what_is_bad_a_remedy(here: Run) -> None:
    lines = here("doctor").stdout.splitlines()
    assert len(lines) > 5
    for line in lines:
        verdict = line[:6]
        assert verdict in ("ok    ", "warn  ", "fail  "), line
        assert (" — " in line) is (verdict != "ok    "), line
    assert any(line.startswith("warn  no server answers at 127.0.0.1:") for line in lines)


def test_warnings_are_no_failure_and_failures_are(here: Run, tmp_path: Path) -> None:
    here("doctor", code=0)
    (tmp_path / "settings.toml").write_text('listen = "unix:/nowhere"\n')
    (tmp_path / "open.toml").write_text('trusted_proxies = ["::/0"]\n')
    result = here("doctor", "--config", str(tmp_path / "open.toml"), code=1)
    assert "fail  everybody is believed" in result.stdout
    assert (
        result.stderr == f"Error: 1 of {len(result.stdout.splitlines())} checks fail; each "
        "says what helps.\n"
    )


def test_the_same_for_programs(here: Run) -> None:
    lines = here("doctor").stdout.splitlines()
    told = json.loads(here("doctor", "--json").stdout)
    assert told["url"] is None
    assert len(told["checks"]) == len(lines)
    assert sum(told["counts"].values()) == len(lines)
    assert told["counts"]["fail"] == 0
    server = next(check for check in told["checks"] if check["check"] == "server")
    assert server["verdict"] == "warn"
    assert server["what"].startswith("no server answers")
    assert server["remedy"] == "start it, or name its settings by --config"


def test_without_a_user_both_sides_are_looked_at(here: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    told = json.loads(here("doctor", "--url", url, "--json", code=1).stdout)
    assert told["url"] == url
    assert [c["check"] for c in told["checks"]][-2:] == ["pruning", "reach"]
    assert told["counts"]["fail"] == 1


def test_with_a_user_no_storage_folder_is_needed(run: Run, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = run("doctor", "--url", url, "--user", "bob", "--password-stdin", code=1, typed="x\n")
    assert result.stdout.startswith(f"fail  {url} cannot be reached: connection refused — ")
    assert result.stdout.count("\n") == 1
    assert not (tmp_path / "store").exists()


def test_the_options_are_those_of_the_visit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Options] = []

    def look(doctor: Doctor, options: Options) -> object:
        asked.append(options)
        return iter(())

    monkeypatch.setattr(Doctor, "look_from_outside", look)
    monkeypatch.setenv("REGISTRY_PASSWORD", "from the environment")
    common = ("doctor", "--url", "https://a", "--user", "bob")
    run(*common)
    run(*common, "--password-stdin", typed="from standard input\n")
    run(*common, "--ca", "ca.crt", "--repository", "docker-stage", "--size", "2",
        "--pause", "0.5", "--http-port", "8080")  # fmt: skip
    assert asked[0] == Options("https://a", None, Login("bob", "from the environment"))
    assert asked[1].login == Login("bob", "from standard input")
    assert (asked[2].authorities, asked[2].repository) == ("ca.crt", "docker-stage")
    assert (asked[2].size, asked[2].pause, asked[2].http_port) == (2 << 20, 0.5, 8080)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--url", "https://name:secret@a"), "the URL is https://HOST"),
        (("--url", "https://a", "--repository", "UPPER"), "repository key"),
        (("--url", "https://a", "--ca", "none.crt"), "none.crt"),
        (("--url", "https://a", "--ca", "settings.toml"), "no certificate in PEM form"),
        (("--url", "https://a", "--user", "bob"), "REGISTRY_PASSWORD"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_done(
    run: Run, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "settings.toml").write_text("")
    result = run("doctor", *options, code=1)
    assert said in result.stderr
    assert "secret" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize(
    "options",
    [
        ("--user", "bob"), ("--password-stdin",), ("--url", "https://a", "--password-stdin"),
        ("--size", "0"), ("--pause", "-1"), ("--http-port", "0"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_calls(run: Run, options: tuple[str, ...]) -> None:
    assert "Usage: " in run("doctor", *options, code=2).stderr


def test_help_names_every_option(run: Run) -> None:
    shown = run("doctor", "--help").stdout
    for option in ("--url", "--ca", "--user", "--password-stdin", "--repository", "--size",
                   "--pause", "--http-port", "--json", "--storage", "--config"):  # fmt: skip
        assert option in shown
