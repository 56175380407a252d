"""``reverse-proxy``: what is written, what is refused, and what nginx itself says of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.tools import require_tool

NAME = ("--server-name", "registry.example.com")


@pytest.fixture(autouse=True)
def registry(run: Run) -> None:
    """A registry with its first repository."""
    run("init")


def written(run: Run, *arguments: str, server: str = "nginx") -> str:
    return str(run("reverse-proxy", server, *NAME, *arguments).stdout)


@pytest.mark.parametrize("method", ["path", "subdomain", "port"])
def test_nothing_limits_or_buffers_bodies(run: Run, method: str) -> None:
    lines = {line.strip() for line in written(run, "--method", method).splitlines()}
    assert {
        "listen 80;", "client_max_body_size 0;", "proxy_request_buffering off;",
        "proxy_buffering off;", "gzip off;", "internal;", "etag off;",
        "proxy_set_header Host $http_host;", "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Registry-Offload /_content/;", "proxy_http_version 1.1;",
    } <= lines  # fmt: skip


def test_sub_domains_become_paths(run: Run) -> None:
    text = written(run, "--method", "subdomain")
    assert r"server_name ~^(?<repository>[a-z0-9][a-z0-9.-]*)\.registry\.example\.com$;" in text
    assert "http://registry/artifactory/api/docker/$repository$request_uri;" in text


def test_ports_become_paths(run: Run) -> None:
    run("repo", "create", "docker-stage")
    run("repo", "set", "docker-stage", "registryPort=5001")
    text = written(run, "--method", "port")
    assert "listen 5001;" in text
    assert "http://registry/artifactory/api/docker/docker-stage$request_uri;" in text
    assert "docker-local" not in text


def test_without_the_method_ports_are_not_listened_on(run: Run) -> None:
    run("repo", "set", "docker-local", "registryPort=5001")
    assert "5001" not in written(run)


def test_https_has_its_certificate(run: Run) -> None:
    text = written(
        run, "--https-port", "443", "--cert", "/etc/ssl/registry.pem", "--key", "/etc/ssl/key.pem"
    )
    assert "listen 443 ssl;" in text
    assert "ssl_certificate /etc/ssl/registry.pem;" in text
    assert "listen 80;" not in text


@pytest.mark.parametrize("backend", ["127.0.0.1:9000", "[::1]:9000", "unix:/run/registry/sock"])
@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_backend_is_named(run: Run, server: str, backend: str) -> None:
    assert backend in written(run, "--backend", backend, server=server)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server-name", "a b"], "host name"),
        (["--server-name", "evil;}"], "host name"),
        (["--backend", "nowhere"], "backend"),
        (["--backend", "unix:relative"], "absolute path"),
        (["--https-port", "443"], "certificate"),
        (["--https-port", "443", "--cert", "/a b", "--key", "/k"], "certificate"),
        (["--https-port", "443", "--cert", "/c", "--key", "/k;x"], "key"),
        (["--http-port", "0"], "between 1 and 65535"),
        (["--http-port", "5000", "--https-port", "5000", "--cert", "/c", "--key", "/k"], "each"),
    ],
)
def test_what_cannot_be_written_down_is_refused(run: Run, arguments: list[str], said: str) -> None:
    assert said in run("reverse-proxy", "nginx", *NAME, *arguments, code=1).stderr


def test_one_port_cannot_stand_for_two_repositories(run: Run) -> None:
    run("repo", "create", "docker-stage")
    for key in ("docker-local", "docker-stage"):
        run("repo", "set", key, "registryPort=5001")
    done = run("reverse-proxy", "nginx", *NAME, "--method", "port", code=1)
    assert "port 5001 stands for 'docker-stage' and for 'docker-local'" in done.stderr


@pytest.mark.parametrize("port", ["65536", "-1", "x"])
def test_a_port_that_is_none_cannot_be_set(run: Run, port: str) -> None:
    run("repo", "set", "docker-local", f"registryPort={port}", code=1)


@pytest.mark.parametrize("method", ["path", "subdomain", "port"])
@pytest.mark.parametrize("secure", [False, True])
def test_nginx_accepts_it(run: Run, tmp_path: Path, method: str, secure: bool) -> None:
    require_tool("nginx", "openssl")
    run("repo", "set", "docker-local", "registryPort=5001")
    arguments = ["--method", method]
    if secure:
        pair = [str(tmp_path / name) for name in ("cert.pem", "key.pem")]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
             "-subj", "/CN=registry.example.com", "-out", pair[0], "-keyout", pair[1]],
            check=True, capture_output=True,
        )  # fmt: skip
        arguments += ["--https-port", "443", "--cert", pair[0], "--key", pair[1]]
    (tmp_path / "registry.conf").write_text(written(run, *arguments))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{ }}\nhttp {{\n  include {tmp_path}/registry.conf;\n}}\n"
    )
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-c", f"{tmp_path}/nginx.conf"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr
