"""A live server behind a real nginx, and a doctor who looks at it from outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.config import Config
from registry.model.diagnosis import Diagnosis, Verdict
from registry.model.reverse_proxy import Method, ReverseProxy, Server
from registry.services.doctor import Options
from registry.services.doctor_login import Login
from registry.wiring import build
from tests.support.live import LiveServer
from tests.support.nginx import Certificate, Nginx, free_port

OK, WARN, FAIL = Verdict
ALL = [
    "reach", "login", "challenge", "version", "header", "plain", "size", "buffering", "pause",
    "upload", "pull", "headers", "offload", "range", "path", "spoofing", "address", "cleaning",
]  # fmt: skip
"""Every check from outside, in its order."""
ANYWHERE = "server_tokens"
"""A directive that means nothing here, in whose place others can stand."""
SIZE = 3 << 20
QUICK = Options("", size=SIZE, pause=0.0, patience=30.0)
"""A large layer that is small, and much patience: bytes come on a busy machine, too."""
IMPATIENT = 1.0
"""Seconds to wait for bytes that the test does not expect."""

Edit = Callable[[str], str]


def without(directive: str) -> Edit:
    """Return what takes a directive out of a configuration of nginx, wherever it stands."""
    return instead(directive, "")


def instead(directive: str, other: str) -> Edit:
    """Return what puts another text in the place of a directive."""

    def edit(text: str) -> str:
        pattern = re.compile(rf"(?<=[ ;]){re.escape(directive)}(?![^ ;])[^;]*;")
        edited, count = pattern.subn(lambda found: other, text)
        assert count, f"there is no {directive}\n{text}"
        return edited

    return edit


def unchanged(text: str) -> str:
    """Edit nothing."""
    return text


@dataclass(frozen=True)
class Site:
    """A server, and a certificate for the proxy in front of it."""

    server: LiveServer
    certificate: Certificate
    folder: Path

    @property
    def login(self) -> Login:
        """The admin."""
        return Login("admin", self.server.admin_password)

    def proxy(self, method: Method = Method.PATH, http_port: int | None = None) -> ReverseProxy:
        """Return a proxy on free ports."""
        return ReverseProxy(
            "localhost",
            method,
            http_port,
            free_port(),
            str(self.certificate.certificate),
            str(self.certificate.key),
            self.server.host,
        )

    @contextmanager
    def front(self, proxy: ReverseProxy, edit: Edit = unchanged) -> Iterator[Nginx]:
        """Run nginx with the configuration that is made for a proxy, edited."""
        instance = build(Config(storage_root=str(self.server.storage)))
        text = edit(instance.proxy_writer.write(Server.NGINX, proxy))
        with Nginx(self.folder / f"nginx-{proxy.https_port}", text) as nginx:
            yield nginx

    def options(self, port: int | None, host: str = "localhost", **more: Any) -> Options:
        """Return how to look at the proxy, as the admin unless told otherwise."""
        defaults: dict[str, Any] = {
            "authorities": str(self.certificate.authority),
            "login": self.login,
        }
        defaults["url"] = f"https://{host}:{port}"
        return replace(QUICK, **(defaults | more))

    def look(self, options: Options) -> list[Diagnosis]:
        """Return all lines."""
        doctor = build(Config(storage_root=str(self.server.storage))).doctor
        return list(doctor.look_from_outside(options))

    def look_through(self, edit: Edit = unchanged, **more: Any) -> list[Diagnosis]:
        """Return all lines about a proxy with an edited configuration."""
        proxy = self.proxy()
        with self.front(proxy, edit):
            return self.look(self.options(proxy.https_port, **more))


def bad(lines: list[Diagnosis]) -> dict[str, tuple[Verdict, str, str]]:
    """Return what is not as it should be, by its check."""
    return {d.check: (d.verdict, d.what, d.remedy) for d in lines if d.verdict is not Verdict.OK}


def text(lines: list[Diagnosis]) -> str:
    """Return lines as they are printed."""
    return "\n".join(diagnosis.line() for diagnosis in lines)
