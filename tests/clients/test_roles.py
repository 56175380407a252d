"""docker, podman and skopeo as a reader, a deployer and a stranger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.folders import engine_folder
from tests.clients.images import Layout, tar
from tests.clients.programs import ContainerTools, Docker, Program
from tests.support.live import LiveServer
from tests.support.tools import require_root, require_tool

PASSWORD = "wonder-Land-7"
USERS = ("reader", "deployer", "stranger")
MINE, THEIRS, NOBODYS = "docker-local/team/app", "docker-tenant/team/app", "docker-absent/team/app"
INSECURE = "--tls-verify=false"
FEW = 10
"""Requests of a client that takes a refusal for one: some for the token, one for each layer."""


@dataclass(frozen=True)
class World:
    """A new installation, in which three users have less than its readers have."""

    server: LiveServer
    layout: Layout

    def at(self, image: str, tag: str = "1") -> str:
        return f"{self.server.host}/{image}:{tag}"

    def lines(self) -> list[str]:
        """The requests that the server has answered."""
        return [line for line in self.server.log.read_text().splitlines() if " token=" in line]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_tool("skopeo")
    folder = tmp_path_factory.mktemp("roles")
    with LiveServer(folder / "storage", workers=2) as server, engine_folder("ct-") as tools:

        def run(*arguments: str) -> None:
            done = server.cli(*arguments, input=f"{PASSWORD}\n")
            assert done.returncode == 0, done.stdout + done.stderr

        for name in USERS:
            run("user", "add", name, "--password-stdin")
        run("group", "set", "readers", *(f"--remove={name}" for name in USERS))
        run("repo", "create", "docker-tenant")
        run("permission", "set", "team", "--repo=docker-local", "--include=team/**",
            "--user=reader=read", "--user=deployer=read,write")  # fmt: skip
        made = World(server, Layout(folder / "layout"))
        for tag in ("1", "2"):
            made.layout.image([{"file": tag.encode()}], {}, tag=tag)
        skopeo = ContainerTools(tools).skopeo
        access = (f"--dest-creds=admin:{server.admin_password}", "--dest-tls-verify=false")
        for image in (MINE, THEIRS):
            skopeo("copy", *access, f"oci:{made.layout.folder}:1", f"docker://{made.at(image)}")
        yield made


class DockerAs:
    """docker, logged in as one user."""

    def __init__(self, world: World, docker: Docker, user: str, folder: Path) -> None:
        self._world, self._docker = world, docker
        docker.login(world.server, user, PASSWORD)
        archive = folder / "image.tar"
        archive.write_bytes(tar({"file": user.encode()}))
        self._image = docker("import", str(archive)).strip()

    def pull(self, image: str) -> str:
        self._docker("pull", self._world.at(image))
        return self._docker("rmi", "--force", self._world.at(image))

    def pull_fails(self, image: str) -> str:
        return self._docker.fails("pull", self._world.at(image))

    def push(self, image: str, tag: str) -> str:
        self._docker("tag", self._image, self._world.at(image, tag))
        return self._docker("push", self._world.at(image, tag))

    def push_fails(self, image: str, tag: str) -> str:
        self._docker("tag", self._image, self._world.at(image, tag))
        return self._docker.fails("push", self._world.at(image, tag))


class SkopeoAs:
    """skopeo, with the credentials of one user."""

    def __init__(self, world: World, skopeo: Program, user: str, folder: Path) -> None:
        self._world, self._skopeo = world, skopeo
        self._into = f"dir:{folder}/pulled"
        self._from = f"oci:{world.layout.folder}:2"
        self._creds = f"creds={user}:{PASSWORD}"

    def _pull(self, image: str) -> tuple[str, ...]:
        access = (f"--src-{self._creds}", "--src-tls-verify=false")
        return ("copy", *access, f"docker://{self._world.at(image)}", self._into)

    def _push(self, image: str, tag: str) -> tuple[str, ...]:
        access = (f"--dest-{self._creds}", "--dest-tls-verify=false")
        return ("copy", *access, self._from, f"docker://{self._world.at(image, tag)}")

    def pull(self, image: str) -> str:
        return self._skopeo(*self._pull(image))

    def pull_fails(self, image: str) -> str:
        return self._skopeo.fails(*self._pull(image))

    def push(self, image: str, tag: str) -> str:
        return self._skopeo(*self._push(image, tag))

    def push_fails(self, image: str, tag: str) -> str:
        return self._skopeo.fails(*self._push(image, tag))


class PodmanAs:
    """podman, logged in as one user."""

    def __init__(self, world: World, podman: Program, user: str, folder: Path) -> None:
        self._world, self._podman = world, podman
        login = ("login", INSECURE, f"--username={user}", "--password-stdin", world.server.host)
        podman(*login, input=PASSWORD)
        archive = folder / "image.tar"
        archive.write_bytes(tar({"file": user.encode()}))
        self._image = podman("import", str(archive)).strip()

    def pull(self, image: str) -> str:
        return self._podman("pull", INSECURE, self._world.at(image))

    def pull_fails(self, image: str) -> str:
        return self._podman.fails("pull", INSECURE, self._world.at(image))

    def push(self, image: str, tag: str) -> str:
        return self._podman("push", INSECURE, self._image, self._world.at(image, tag))

    def push_fails(self, image: str, tag: str) -> str:
        return self._podman.fails("push", INSECURE, self._image, self._world.at(image, tag))


As = DockerAs | SkopeoAs | PodmanAs


@pytest.fixture(params=["docker", "podman", "skopeo"])
def client(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Callable[[str], As]:
    """Return a client as one user."""
    if request.param != "skopeo":
        require_root()
    program = request.getfixturevalue(request.param)
    kinds: dict[str, type[As]] = {"docker": DockerAs, "podman": PodmanAs, "skopeo": SkopeoAs}
    kind = kinds[request.param]

    def made(user: str) -> As:
        return kind(world, program, user, tmp_path)

    return made


def refused(world: World, ask: Callable[..., str], image: str, *more: str) -> str:
    """Return what a client said to a refusal, after counting the requests that it cost."""
    before = len(world.lines())
    said = ask(image, *more)
    asked = world.lines()[before:]
    assert 0 < len(asked) <= FEW, "\n".join(asked)
    assert "retrying" not in said
    assert not any("429" in line for line in asked)
    return said


def test_a_reader_pulls_and_does_not_push(world: World, client: Callable[[str], As]) -> None:
    reader = client("reader")
    reader.pull(MINE)
    for tag in ("new", "1"):
        said = refused(world, reader.push_fails, MINE, tag)
        assert f"denied: 'reader' may not write '{MINE}'" in said


def test_a_deployer_pushes_and_replaces_nothing(world: World, client: Callable[[str], As]) -> None:
    deployer = client("deployer")
    deployer.pull(MINE)
    deployer.push(MINE, f"new-{type(deployer).__name__}")
    said = refused(world, deployer.push_fails, MINE, "1")
    assert f"denied: 'deployer' may not delete '{MINE}:1'" in said
    deployer.pull(MINE)


def told(said: str, image: str) -> str:
    """Return what was said, without the name of the image and what differs from run to run."""
    text = re.sub(r'time="[^"]*"|sha256:[0-9a-f]+|\b[0-9a-f]{12}\b', "", said)
    return "\n".join(sorted(set(text.replace(image, "@").splitlines())))


def test_a_stranger_learns_nothing(world: World, client: Callable[[str], As]) -> None:
    """Whether an image is there, is in a repository of others, or in none: it is unknown."""
    stranger = client("stranger")
    pulls, pushes = set(), set()
    for image in (MINE, THEIRS, NOBODYS):
        pulls.add(told(refused(world, stranger.pull_fails, image), image))
        pushes.add(told(refused(world, stranger.push_fails, image, "1"), image))
    assert len(pulls) == 1, pulls
    assert len(pushes) == 1, pushes
    assert "name unknown: repository name not known to registry" in pulls.pop()
    assert "name unknown: repository name not known to registry" in pushes.pop()


def test_an_image_of_another_tenant_looks_like_none(
    world: World, client: Callable[[str], As]
) -> None:
    """Who may do something elsewhere is told no more than that."""
    deployer = client("deployer")
    seen = {told(refused(world, deployer.pull_fails, image), image) for image in (THEIRS, NOBODYS)}
    assert len(seen) == 1, seen
