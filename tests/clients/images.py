"""Images to push: an OCI layout written byte by byte, a program from source, a Debian system."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.clients.wire import OCI_INDEX, OCI_MANIFEST, digest_of
from tests.support.tools import skip_or_fail

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

_GREETER = r"""
#include <stdio.h>

int main(int count, char **names) {
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "r");
        if (file == NULL) { perror(names[i]); return 1; }
        for (int c = fgetc(file); c != EOF; c = fgetc(file)) putchar(c);
        fclose(file);
    }
    return 0;
}
"""


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files whose bytes depend on nothing else."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def files_in(layer: bytes) -> dict[str, bytes]:
    """The regular files in a layer, compressed or not, by name without a leading slash."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for entry in archive:
            if entry.isfile():
                data = archive.extractfile(entry)
                assert data is not None
                found[entry.name.removeprefix("./").lstrip("/")] = data.read()
    return found


class Layout:
    """An OCI layout on disk, as ``oci:FOLDER:TAG`` addresses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tagged: list[dict[str, Any]] = []
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def image(
        self,
        layers: Sequence[Mapping[str, bytes]],
        labels: Mapping[str, str],
        architecture: str = "amd64",
        tag: str | None = None,
    ) -> dict[str, Any]:
        """Write an image with one layer for each mapping of files; return its descriptor."""
        archives = [tar(files) for files in layers]
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": dict(labels)},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(data) for data in archives]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._blob(_CONFIG, _encoded(config)),
            "layers": [self._blob(_LAYER, gzip.compress(data, mtime=0)) for data in archives],
        }
        descriptor = self._blob(OCI_MANIFEST, _encoded(manifest))
        descriptor["platform"] = {"os": "linux", "architecture": architecture}
        return self._tag(descriptor, tag)

    def index(self, children: Sequence[dict[str, Any]], tag: str) -> dict[str, Any]:
        """Write an index of these images; return its descriptor."""
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}
        return self._tag(self._blob(OCI_INDEX, _encoded(index)), tag)

    def _blob(self, media_type: str, data: bytes) -> dict[str, Any]:
        digest = digest_of(data)
        (self.folder / "blobs" / digest.replace(":", "/")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def _tag(self, descriptor: dict[str, Any], tag: str | None) -> dict[str, Any]:
        if tag is not None:
            annotations = {"org.opencontainers.image.ref.name": tag}
            self._tagged.append({**descriptor, "annotations": annotations})
            index = {"schemaVersion": 2, "manifests": self._tagged}
            (self.folder / "index.json").write_bytes(_encoded(index))
        return descriptor


def compile_greeter(folder: Path) -> Path:
    """A static program that prints the files it is called with: an image needs nothing else."""
    source, program = folder / "greeter.c", folder / "greeter"
    source.write_text(_GREETER)
    command = ["gcc", "-static", "-Os", "-s", "-o", str(program), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        skip_or_fail(f"gcc cannot link a static program: {done.stderr.strip()}")
    return program


def greeter_context(folder: Path, greeter: Path, files: Mapping[str, str], label: str) -> Path:
    """A build context for an image of the greeter and one layer for each file."""
    folder.mkdir()
    (folder / "greeter").write_bytes(greeter.read_bytes())
    (folder / "greeter").chmod(0o755)
    lines = ["FROM scratch", "COPY greeter /greeter"]
    for name, text in files.items():
        (folder / name).write_text(text)
        lines.append(f"COPY {name} /said/{name}")
    lines.append(f'LABEL org.example.purpose="{label}" org.example.layers="{len(files) + 1}"')
    command = json.dumps(["/greeter", *(f"/said/{name}" for name in files)])
    lines.append(f"CMD {command}")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    return folder


def debian_archive(folder: Path) -> Path:
    """A tar archive of a minimal Debian system, of the release and mirror that the machine uses."""
    release, mirror = _release(), _mirror()
    root, archive = folder / "root", folder / "debian.tar"
    command = ["debootstrap", "--variant=minbase", release, str(root), *mirror]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-5:])
        skip_or_fail(f"debootstrap could not make a {release} system: {tail}\n{done.stderr}")
    excluded = ("./proc/*", "./sys/*", "./dev/*", "./var/cache/apt/archives/*.deb")
    excludes = [f"--exclude={pattern}" for pattern in excluded]
    pack = ["tar", "--create", f"--file={archive}", f"--directory={root}", *excludes, "."]
    subprocess.run(pack, check=True, capture_output=True)
    subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True)
    return archive


def _release() -> str:
    """The code name of the machine's release."""
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    return "stable"


def _mirror() -> list[str]:
    """The mirror that apt takes the release's main component from; none means debootstrap's own."""
    wanted = "$(REPO_URI) $(CODENAME) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        uri, *rest = line.split()
        if rest == [_release(), "main"]:
            return [uri]
    return []


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
