"""TLS for a scripted upstream."""

from __future__ import annotations

import ssl

from tests.support.nginx import Certificate


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """Return what a server shows its certificate with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context
