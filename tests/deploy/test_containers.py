"""The containers of docs/deploy, built and used by the commands of the pages, word for word."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.network import NAME, Network, shell
from tests.deploy.pages import Block, blocks
from tests.support.tools import require_tool

IMAGE = f"{NAME}/docker-local/team/alpine:1.0"
_HEALTH_SECONDS = 90

# The base has all packages, the wheels are in the project's folder, and the group is that of the
# nginx that Debian has.
BUILD = {"BASE": "debian:local", "GROUP_ID": "33", "PIP_NO_INDEX": "1"}

# Debian's compose is a program of its own, called otherwise than the plugin that the pages mean.
COMPOSE = """
docker() {
    if [ "$1" = compose ] && ! command docker compose version > /dev/null 2>&1; then
        shift
        command docker-compose "$@"
    else
        command docker "$@"
    fi
}
"""


@dataclass(frozen=True)
class Composed:
    """What runs after the commands of docs/install.md, and what those said."""

    network: Network
    project: Path
    said: dict[Block, str]

    def __call__(self, script: str) -> str:
        """Run a script in the folder of compose.yaml."""
        return self.network.program(*command(f"{self.project}/docs/deploy", script))()

    @property
    def password(self) -> str:
        """The admin's, as it was printed."""
        (found,) = re.findall(r"Password: +(\S+)", "\n".join(self.said.values()))
        return str(found)

    def container(self, service: str) -> str:
        """The container of a service."""
        return self(f"docker compose ps --quiet {service}").strip()


def command(folder: str, script: str) -> list[str]:
    """The command that runs a script in a folder, with the settings of this machine."""
    settings = {**BUILD, "PROXY_IMAGE": "proxy:local"}
    exports = "".join(f"export {name}={value}\n" for name, value in settings.items())
    return shell(f"cd {folder}\n{exports}{COMPOSE}{script}")


@pytest.fixture(scope="module")
def context(network: Network, debian: str, project: Path, wheels: Path) -> Path:
    """The project's folder with the wheels, and with what must not be sent to the engine."""
    folder = network.folder / "registry"
    shutil.copytree(project, folder)
    shutil.copytree(wheels, folder / "wheels")
    (folder / ".venv").mkdir()
    (folder / ".venv/of-another-machine").touch()
    return folder


@pytest.fixture(scope="module")
def composed(network: Network, context: Path, image_to_push: str) -> Iterator[Composed]:
    """Make the certificate and give the commands of the page, in its order."""
    require_tool("docker-compose", "openssl")
    dockerfile = network.folder / "proxy"
    dockerfile.mkdir()
    foreground = '["nginx", "-g", "daemon off;"]'
    (dockerfile / "Dockerfile").write_text(f"FROM debian:local\nCMD {foreground}\n")
    network.docker("build", "--tag=proxy:local", str(dockerfile))
    tls = context / "docs/deploy/nginx/tls"
    tls.mkdir(parents=True)
    (certificate,) = [b for b in blocks("install.md", "server") if "openssl req" in b.script]
    network.program(*command("/", f"{certificate.script}\ncp /etc/nginx/tls/* {tls}"))()
    here = f"{context}/docs/deploy"
    said = {}
    try:
        for block in blocks("install.md", "compose"):
            said[block] = network.at_a_terminal(*command(here, block.script), password="")
        composed = Composed(network, context, said)
        authority = f"/etc/docker/certs.d/{NAME}"
        composed(f"mkdir -p {authority}\ncp nginx/tls/ca.crt {authority}/")
        yield composed
    finally:
        network.program(*command(here, "docker compose down --volumes"))()


def wait_until_healthy(network: Network, container: str) -> None:
    """Return when the image's own health check says so."""
    deadline = time.monotonic() + _HEALTH_SECONDS
    while True:
        health = network.docker("inspect", "--format={{.State.Health.Status}}", container).strip()
        if health == "healthy":
            return
        assert health == "starting", health
        assert time.monotonic() < deadline, network.docker("logs", container)
        time.sleep(0.1)


def push_and_pull(network: Network, host: str, password: str) -> None:
    """Log in as admin, push the small image, and get it back from there."""
    image = f"{host}/docker-local/team/alpine:1.0"
    docker = network.program("docker")
    docker("login", host, "--username=admin", "--password-stdin", input=password)
    docker("tag", "alpine", image)
    docker("push", image)
    docker("rmi", image)
    assert f"Status: Downloaded newer image for {image}" in docker("pull", image)


def test_an_image_goes_through_both_containers(composed: Composed) -> None:
    push_and_pull(composed.network, NAME, composed.password)
    (said,) = [text for block, text in composed.said.items() if "user list" in block.script]
    assert "admin\tadmin" in said


def test_nginx_reads_layers_from_the_volume(composed: Composed) -> None:
    push_and_pull(composed.network, NAME, composed.password)
    curl = "curl --silent --fail --cacert nginx/tls/ca.crt"
    curl += f" --user admin:{composed.password} https://{NAME}/v2/docker-local/team/alpine"
    accept = "--header 'Accept: application/vnd.docker.distribution.manifest.v2+json'"
    layer = json.loads(composed(f"{curl}/manifests/1.0 {accept}"))["layers"][0]
    head = composed(f"{curl}/blobs/{layer['digest']} --head --request GET")
    assert "X-Registry-Sent-By: proxy" in head
    assert f"Content-Length: {layer['size']}" in head


def test_the_registry_has_no_more_rights_than_it_needs(composed: Composed) -> None:
    inside = "docker compose exec -T registry sh -c"
    assert composed(f"{inside} 'id --user --name'") == "registry\n"
    written = composed(f"{inside} 'touch /run/made /opt/registry/made 2>&1 || true'")
    assert written.count("Read-only file system") == 2
    rights = composed(f"{inside} 'grep -E \"^(CapBnd|NoNewPrivs)\" /proc/1/status'")
    assert dict(line.split() for line in rights.splitlines()) == {
        "CapBnd:": "0" * 16,
        "NoNewPrivs:": "1",
    }


def test_nothing_of_the_folder_but_the_code_is_in_the_image(composed: Composed) -> None:
    there = composed("docker compose exec -T registry find /opt/registry -maxdepth 1 -printf '%f '")
    assert set(there.split()) - {"__pycache__"} == {
        "registry", ".venv", "app.py", "ready.py",
    }  # fmt: skip


def test_the_engine_is_sent_what_it_needs_and_no_more(network: Network, context: Path) -> None:
    dockerfile = "FROM debian:local\nCOPY . /sent\n"
    docker = network.docker
    docker("build", "--tag=sent", "--file=-", str(context), input=dockerfile)
    found = docker("run", "--rm", "sent", "find", "/sent", "-mindepth", "1", "-maxdepth", "1")
    assert {name.rpartition("/")[2] for name in found.split()} == {
        "app.py", "registry", "setup.cfg", "Makefile", "docs", "wheels",
    }  # fmt: skip
    listed = docker("run", "--rm", "sent", "find", "/sent/docs", "-mindepth", "1", "-maxdepth", "1")
    assert listed == "/sent/docs/deploy\n"


def test_an_upgrade_keeps_what_is_there(composed: Composed) -> None:
    push_and_pull(composed.network, NAME, composed.password)
    before = composed.container("registry")
    with (composed.project / "app.py").open("a") as code:
        code.write("# The new version.\n")
    for block in blocks("upgrading.md", "compose"):
        composed(block.script)
    after = composed.container("registry")
    assert after != before
    assert composed("docker compose exec -T registry tail -n 1 app.py") == "# The new version.\n"
    wait_until_healthy(composed.network, after)
    docker = composed.network.program("docker")
    docker("rmi", IMAGE)
    assert f"Status: Downloaded newer image for {IMAGE}" in docker("pull", IMAGE)


def test_a_stop_is_orderly(composed: Composed) -> None:
    container = composed.container("registry")
    composed("docker compose stop")
    inspect = ("inspect", "--format={{.State.ExitCode}}", container)
    assert composed.network.docker(*inspect) == "0\n"
    composed("docker compose up --detach")


def test_the_image_serves_by_itself(network: Network, context: Path, image_to_push: str) -> None:
    """The engine of the tests has no bridge to publish ports from, so its network is taken."""
    (block,) = blocks("install.md", "container")
    build = "docker build " + "".join(f"--build-arg {name}={BUILD[name]} " for name in BUILD)
    script = block.script.replace("docker build ", build)
    script = script.replace("--publish 8082:8082", "--network host")
    try:
        network.program(*command(str(context), script))()
        wait_until_healthy(network, "registry")
        logs = network.docker("logs", "registry")
        (password,) = re.findall(r"Password: +(\S+)", logs)
        push_and_pull(network, "localhost:8082", password)
        network.docker("stop", "registry")
        assert network.docker("inspect", "--format={{.State.ExitCode}}", "registry") == "0\n"
    finally:
        network.docker("rm", "--force", "registry")
