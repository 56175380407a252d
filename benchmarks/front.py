"""One nginx in front of both servers: ours by the configuration it writes itself, the peer by the
recipe of its documentation, and a file served by nginx alone."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import CannotStart
from benchmarks.processes import clean_environment, free_port, running, wait_ready

PROGRAM = "nginx"
STATIC = "/static/"

MAIN = """\
daemon off;
user {user};
worker_processes 2;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    include {folder}/ours.conf;
    include {folder}/peer.conf;
}}
"""

PEER = """\
upstream peer {{
    server 127.0.0.1:{backend};
    keepalive 32;
}}
server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    chunked_transfer_encoding on;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_read_timeout 900s;
    location / {{ proxy_pass http://peer; }}
    location {static} {{
        alias {folder}/static/;
        sendfile on;
        etag off;
    }}
}}
"""


@dataclass(frozen=True)
class Front:
    """Where nginx listens, and what it is told; it is started when both servers run."""

    folder: Path
    ours_port: int
    peer_port: int
    socket: Path

    @property
    def static(self) -> Path:
        """The folder of the files that nginx serves by itself, at the peer's port."""
        return self.folder / "static"


def prepare(folder: Path) -> Front:
    """Return a front whose ports are chosen; nothing runs yet."""
    front = Front(folder / "front", free_port(), free_port(), folder / "ours.sock")
    front.static.mkdir(parents=True)
    return front


def settings_file(front: Front, storage: Path) -> Path:
    """Write the settings of our server behind the front; return the file."""
    path = front.folder / "ours.toml"
    path.write_text(
        f'storage_root = "{storage}"\nlisten = "unix:{front.socket}"\ntrusted_proxies = ["unix"]\n'
    )
    return path


@contextlib.contextmanager
def start(front: Front, root: Path, settings: Path, peer_backend: int) -> Iterator[None]:
    """Run nginx in front of both while the context lasts."""
    written = subprocess.run(
        [sys.executable, "app.py", "reverse-proxy", "nginx", "--server-name", "127.0.0.1",
         "--http-port", str(front.ours_port), "--config", str(settings)],
        cwd=root, env=clean_environment({}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if written.returncode != 0:
        raise CannotStart(f"The configuration of nginx could not be written: {written.stderr}")
    folder = front.folder
    (folder / "ours.conf").write_text(written.stdout)
    (folder / "peer.conf").write_text(
        PEER.format(backend=peer_backend, port=front.peer_port, folder=folder, static=STATIC)
    )
    user = "root" if os.geteuid() == 0 else "nobody"
    configuration = folder / "nginx.conf"
    configuration.write_text(MAIN.format(folder=folder, user=user))
    log = folder / "nginx.log"
    command = [PROGRAM, "-c", str(configuration), "-p", str(folder), "-e", "stderr"]
    with running(command, log, folder, clean_environment({})) as process:
        wait_ready(process, front.ours_port, "/readyz", 200, log)
        wait_ready(process, front.peer_port, "/v2/", 401, log)
        yield


def version() -> str:
    """What nginx says about itself."""
    done = subprocess.run([PROGRAM, "-v"], capture_output=True, text=True, check=True)
    return done.stderr.strip().rpartition(" ")[2]
