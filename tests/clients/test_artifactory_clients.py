"""Artifactory's own clients in Python, which nobody here wrote, on an image that docker pushed.

dohq-artifactory and pyartifactory run in this process and talk to a live server.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import pytest
from artifactory import ArtifactoryPath
from dohq_artifactory import RepositoryLocal, RepositoryVirtual
from pydantic import SecretStr

from tests.clients.conftest import User
from tests.clients.images import greeter_context
from tests.clients.programs import Docker
from tests.clients.wire import Wire
from tests.support.live import LiveServer

with warnings.catch_warnings():
    # Its models are written for an older pydantic, which the present one tells of.
    warnings.simplefilter("ignore")
    import pyartifactory
    from pyartifactory.exception import ArtifactNotFoundError, PropertyNotFoundError
    from pyartifactory.models import LocalRepository
    from pyartifactory.models.repository import PackageTypeEnum

IMAGE = "clients/greeter"
TAG_FOLDER = f"docker-local/{IMAGE}/1.0"


@pytest.fixture(scope="module")
def pushed(
    engine: Any, greeter: Any, registry: LiveServer, user: User, tmp_path_factory: Any
) -> str:
    """An image with labels that docker built and pushed; returns its reference."""
    folder = tmp_path_factory.mktemp("pushed")
    docker = Docker(engine, folder / "config")
    docker.login(registry, user.name, user.password)
    reference = f"{registry.host}/docker-local/{IMAGE}:1.0"
    context = greeter_context(folder / "context", greeter, {"f": "hello\n"}, label="clients")
    docker("build", "--tag", reference, str(context))
    docker("push", reference)
    # Other tests count on an engine that has none of its layers.
    docker("rmi", "--force", reference)
    return reference


@pytest.fixture
def root(registry: LiveServer, pushed: str) -> ArtifactoryPath:
    """The server as dohq-artifactory sees it, as admin."""
    return ArtifactoryPath(f"{registry.url}/artifactory", auth=("admin", registry.admin_password))


@pytest.fixture
def tag(root: ArtifactoryPath) -> ArtifactoryPath:
    """The folder of the pushed tag."""
    return root / TAG_FOLDER


@pytest.fixture
def pya(registry: LiveServer, pushed: str) -> Any:
    """The server as pyartifactory sees it."""
    return pyartifactory.Artifactory(
        url=f"{registry.url}/artifactory",
        auth=("admin", SecretStr(registry.admin_password)),
        api_version=1,
    )


class TestDohqPaths:
    def test_the_tree_is_walked(self, tag: ArtifactoryPath, wire: Wire) -> None:
        manifest = wire.manifest(f"docker-local/{IMAGE}", "1.0")
        names = {path.name for path in tag}
        layers = {layer["digest"].replace(":", "__") for layer in manifest.json["layers"]}
        config = manifest.json["config"]["digest"].replace(":", "__")
        assert names == {"manifest.json", config, *layers}
        assert tag.is_dir()
        assert (tag / "manifest.json").is_file()
        assert not (tag / "absent").exists()
        assert [path.name for path in tag.parent.glob("*/manifest.json")] == ["manifest.json"]

    def test_what_is_known_of_a_file(self, tag: ArtifactoryPath, wire: Wire) -> None:
        body = wire.manifest(f"docker-local/{IMAGE}", "1.0").body
        stat = (tag / "manifest.json").stat()
        assert stat.size == len(body)
        assert (stat.sha1, stat.md5, stat.sha256) == (
            hashlib.sha1(body).hexdigest(),
            hashlib.md5(body).hexdigest(),
            hashlib.sha256(body).hexdigest(),
        )
        assert stat.created_by == "alice"
        assert not stat.is_dir

    def test_a_file_is_read(self, tag: ArtifactoryPath, wire: Wire) -> None:
        body = wire.manifest(f"docker-local/{IMAGE}", "1.0").body
        assert (tag / "manifest.json").read_bytes() == body
        with (tag / "manifest.json").open() as file:
            assert file.read() == body

    def test_pulls_are_counted(self, tag: ArtifactoryPath, wire: Wire) -> None:
        before = (tag / "manifest.json").download_stats().download_count
        wire.manifest(f"docker-local/{IMAGE}", "1.0")
        assert (tag / "manifest.json").download_stats().download_count == before + 1

    def test_properties_are_set_changed_and_deleted(self, tag: ArtifactoryPath) -> None:
        path = tag / "manifest.json"
        path.set_properties({"build.name": "b", "two": ["x", "y,z"]}, recursive=False)
        assert path.properties["two"] == ["x", "y,z"]
        assert path.properties["docker.repoName"] == [IMAGE]
        assert path.properties["docker.label.org.example.purpose"] == ["clients"]
        path.update_properties({"two": ["w"], "build.name": None})
        assert path.properties["two"] == ["w"]
        assert "build.name" not in path.properties
        path.del_properties(["two"], recursive=False)
        assert "two" not in path.properties

    def test_folders_are_made_and_removed(self, root: ArtifactoryPath) -> None:
        folder = root / "docker-local" / "made" / "here"
        folder.mkdir()
        assert folder.is_dir()
        folder.rmdir()
        assert not folder.exists()

    def test_layers_and_a_manifest_are_deployed(
        self, root: ArtifactoryPath, tag: ArtifactoryPath, wire: Wire, tmp_path: Any
    ) -> None:
        target = root / "docker-local" / "clients" / "deployed" / "2.0"
        for path in sorted(tag, key=lambda path: path.name == "manifest.json"):
            if path.name == "manifest.json":
                file = tmp_path / "manifest.json"
                file.write_bytes(path.read_bytes())
                (target / path.name).deploy_file(
                    str(file), calc_md5=True, calc_sha1=True, calc_sha256=True,
                    parameters={"build.name": "a b"},
                )  # fmt: skip
            else:
                (target / path.name).deploy_by_checksum(sha256=path.stat().sha256)
        assert (target / "manifest.json").properties["build.name"] == ["a b"]
        manifest = wire.manifest("docker-local/clients/deployed", "2.0")
        assert manifest.body == (tag / "manifest.json").read_bytes()
        target.rmdir()

    def test_aql_finds_the_image(self, root: ArtifactoryPath) -> None:
        arguments = [
            "items.find",
            {"name": "manifest.json", "path": {"$match": f"{IMAGE}/*"}, "repo": "docker-local"},
            ".include", ["name", "path", "repo", "type", "property"],
        ]  # fmt: skip
        (found,) = root.aql(*arguments)
        assert (found["repo"], found["path"]) == ("docker-local", f"{IMAGE}/1.0")
        assert {"key": "docker.manifest", "value": "1.0"} in found["properties"]
        assert root.from_aql(found).exists()

    def test_content_is_found_by_its_checksum(
        self, root: ArtifactoryPath, tag: ArtifactoryPath
    ) -> None:
        sha1 = (tag / "manifest.json").stat().sha1
        found = root.find_by_checksum(sha1=sha1) if hasattr(root, "find_by_checksum") else None
        assert found is None or any(path.name == "manifest.json" for path in found)


class TestDohqImages:
    def test_copies_and_moves(
        self, root: ArtifactoryPath, tag: ArtifactoryPath, wire: Wire
    ) -> None:
        copied = root / "docker-second" / "clients" / "copied"
        copied.mkdir()
        assert "messages" in tag.copy(copied / "1.0", dry_run=True)
        tag.copy(copied / "1.0")
        assert wire.manifest("docker-second/clients/copied", "1.0").body
        moved = root / "docker-second" / "clients" / "moved"
        moved.mkdir()
        (copied / "1.0").move(moved / "1.0")
        assert not (copied / "1.0").exists()
        assert (moved / "1.0" / "manifest.json").exists()
        moved.rmdir()

    def test_a_promoted_image_is_pulled_and_runs(
        self, root: ArtifactoryPath, registry: LiveServer, user: User, docker: Docker
    ) -> None:
        (root / "docker-local").promote_docker_image(
            "docker-local", "docker-second", IMAGE, "1.0", copy=True
        )
        docker.login(registry, user.name, user.password)
        reference = f"{registry.host}/docker-second/{IMAGE}:1.0"
        docker("pull", reference)
        assert "hello" in docker("run", "--rm", "--network=none", reference)
        docker("rmi", "--force", reference)

    def test_repositories_are_made_changed_and_removed(self, root: ArtifactoryPath) -> None:
        local = RepositoryLocal(root, "dohq-local", package_type=RepositoryLocal.DOCKER,
                                docker_api_version=RepositoryLocal.V2)  # fmt: skip
        local.create()
        found = root.find_repository_local("dohq-local")
        assert found is not None
        assert (found.package_type, found.docker_api_version) == ("docker", "V2")
        local.description = "changed"
        local.update()
        assert root.find_repository_local("dohq-local").description == "changed"
        virtual = RepositoryVirtual(root, "dohq", repositories=[local],
                                    package_type=RepositoryVirtual.DOCKER)  # fmt: skip
        virtual.create()
        keys = {repository.name for repository in root.get_repositories()}
        assert {"dohq-local", "dohq", "docker-local"} <= keys
        virtual.delete()
        local.delete()
        assert root.find_repository_local("dohq-local") is None


class TestPyartifactory:
    def test_repositories(self, pya: Any) -> None:
        keys = {repository.key for repository in pya.repositories.list()}
        assert {"docker-local", "docker-second"} <= keys
        made = pya.repositories.create_repo(
            LocalRepository(key="pya-local", packageType=PackageTypeEnum.docker, description="one")
        )
        assert (made.key, made.description) == ("pya-local", "one")
        made.description = "two"
        assert pya.repositories.update_repo(made).description == "two"
        pya.repositories.delete("pya-local")

    def test_artifacts(self, pya: Any, tmp_path: Any, wire: Wire) -> None:
        body = wire.manifest(f"docker-local/{IMAGE}", "1.0").body
        info = pya.artifacts.info(f"{TAG_FOLDER}/manifest.json")
        assert int(info.size) == len(body)
        assert info.checksums.sha256 == hashlib.sha256(body).hexdigest()
        listed = pya.artifacts.list(f"docker-local/{IMAGE}", depth=2)
        assert any(entry.uri == "/1.0/manifest.json" for entry in listed.files)
        path = pya.artifacts.download(f"{TAG_FOLDER}/manifest.json", str(tmp_path))
        assert Path(path).read_bytes() == body
        with pytest.raises(ArtifactNotFoundError):
            pya.artifacts.info(f"{TAG_FOLDER}/absent")

    def test_properties_and_statistics(self, pya: Any) -> None:
        path = f"{TAG_FOLDER}/manifest.json"
        found = pya.artifacts.set_properties(path, {"pya": ["v1", "v2"], "z": ["q r"]})
        assert (found.properties["pya"], found.properties["z"]) == (["v1", "v2"], ["q r"])
        found = pya.artifacts.update_properties(path, {"pya": ["v3"]})
        assert found.properties["pya"] == ["v3"]
        with pytest.raises(PropertyNotFoundError):
            pya.artifacts.properties(path, ["absent"])
        assert pya.artifacts.stats(path).downloadCount >= 0

    def test_copy_move_and_delete(self, pya: Any) -> None:
        copied = pya.artifacts.copy(TAG_FOLDER, "docker-second/pya/copied")
        assert copied.repo == "docker-second"
        moved = pya.artifacts.move("docker-second/pya/copied", "docker-second/pya/moved")
        assert moved.path == "/pya/moved"
        pya.artifacts.delete("docker-second/pya/moved")
        with pytest.raises(ArtifactNotFoundError):
            pya.artifacts.info("docker-second/pya/moved")
