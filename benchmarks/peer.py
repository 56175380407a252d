"""The reference registry as the other side of the comparison, with tokens checked as well.

Debian's docker-registry, or another build that is given by its path, such as one of version 3.
"""

import base64
import contextlib
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import clean_environment, free_port, running, wait_ready
from benchmarks.registry import Registry

PROGRAM = "docker-registry"
SERVICE = "benchmark"
ISSUER = "benchmark-issuer"
TOKEN_SECONDS = 24 * 3600

UNGUARDED = """\
version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: {storage}
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:{port}
  secret: benchmark-only
"""
CONFIGURATION = (
    UNGUARDED
    + """\
auth:
  token:
    realm: http://127.0.0.1:{port}/token
    service: {service}
    issuer: {issuer}
    rootcertbundle: {certificate}
"""
)


def version(program: str) -> str:
    """The first line of what the peer says about itself."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[0].removeprefix(f"{program} ")


@contextlib.contextmanager
def start(program: str, folder: Path, front_port: int | None = None) -> Iterator[Registry]:
    """The peer with its storage in ``folder``, while the context lasts.

    Behind a front, ``front_port`` is where clients find it; `Registry.backend` is its own.
    """
    issuer = TokenIssuer(folder, names_key_by_jwk=" v3." in version(program))
    port = free_port()
    configuration = folder / "config.yml"
    configuration.write_text(
        CONFIGURATION.format(
            storage=folder / "storage",
            port=port,
            service=SERVICE,
            issuer=ISSUER,
            certificate=issuer.certificate,
        )
    )
    log = folder / "server.log"
    command = [program, "serve", str(configuration)]
    with running(command, log, folder, clean_environment({})) as process:
        wait_ready(process, port, "/v2/", 401, log)
        yield Registry(
            label="peer",
            host="127.0.0.1",
            port=front_port or port,
            backend=port,
            prefix="bench",
            authorize=issuer.authorize,
            workers=lambda: [process.pid],
        )


class TokenIssuer:
    """Signs the JSON web tokens the peer asks for, with a certificate made for this run.

    RS256 and a key named by ``kid`` are the cheapest form the peer can check, so the comparison
    is not won by making its tokens expensive.
    """

    def __init__(self, folder: Path, *, names_key_by_jwk: bool) -> None:
        self._key = folder / "token.key"
        self.certificate = folder / "token.crt"
        self._known: dict[str, str] = {}
        request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        request += ["-subj", f"/CN={ISSUER}", "-keyout", str(self._key)]
        _openssl(*request, "-out", str(self.certificate))
        if names_key_by_jwk:
            modulus = _openssl("rsa", "-in", str(self._key), "-noout", "-modulus")
            self._key_id = _jwk_name(modulus.decode().strip().partition("=")[2])
        else:
            public = _openssl("pkey", "-in", str(self._key), "-pubout", "-outform", "DER")
            self._key_id = _libtrust_name(public)

    def authorize(self, image: str) -> str:
        """The Authorization header that may push and pull ``image`` for a day."""
        if image not in self._known:
            self._known[image] = f"Bearer {self._sign(image)}"
        return self._known[image]

    def _sign(self, image: str) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "admin",
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 60,
            "exp": now + TOKEN_SECONDS,
            "jti": f"{image}-{now}",
            "access": [{"type": "repository", "name": image, "actions": ["pull", "push"]}],
        }
        header = {"typ": "JWT", "alg": "RS256", "kid": self._key_id}
        parts = [_base64url(json.dumps(part).encode()) for part in (header, claims)]
        text = ".".join(parts)
        signature = _openssl("dgst", "-sha256", "-sign", str(self._key), stdin=text.encode())
        return f"{text}.{_base64url(signature)}"


def _openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwk_name(modulus: str) -> str:
    # Since version 3 the peer names a key by its thumbprint (RFC 7638); the exponent is 65537.
    key = f'{{"e":"AQAB","kty":"RSA","n":"{_base64url(bytes.fromhex(modulus))}"}}'
    return _base64url(hashlib.sha256(key.encode()).digest())


def _libtrust_name(public_key: bytes) -> str:
    # The peer names a key by 240 bits of its hash in base32, in groups of four letters.
    text = base64.b32encode(hashlib.sha256(public_key).digest()[:30]).decode().rstrip("=")
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))
