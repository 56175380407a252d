"""``reverse-proxy``: print the configuration of a reverse proxy in front of the registry."""

from __future__ import annotations

import click

from registry.cli.common import Faces, open_instance, says_why, storage_option
from registry.model.reverse_proxy import Method, ReverseProxy, Server


@click.command("reverse-proxy")
@click.argument("server", type=click.Choice([server.value for server in Server]))
@storage_option
@click.option(
    "--server-name", required=True, metavar="NAME", help="Host name by which clients come."
)
@click.option(
    "--method",
    type=click.Choice([method.value for method in Method]),
    default=Method.PATH.value,
    show_default=True,
    help="How clients name a repository: first part of the path, sub-domain, or port.",
)
@click.option("--http-port", type=int, metavar="N", help="Port for HTTP; 80 if no port is given.")
@click.option("--https-port", type=int, metavar="N", help="Port for HTTPS.")
@click.option("--cert", "certificate", default="", metavar="FILE", help="Certificate, with chain.")
@click.option("--key", default="", metavar="FILE", help="Key of the certificate.")
@click.option(
    "--backend",
    metavar="HOST:PORT|unix:PATH",
    help="Where the server listens; by default as its settings say.",
)
@click.pass_obj
@says_why
def reverse_proxy(
    faces: Faces,
    server: str,
    config_file: str | None,
    storage: str | None,
    server_name: str,
    method: str,
    http_port: int | None,
    https_port: int | None,
    certificate: str,
    key: str,
    backend: str | None,
) -> None:
    """Print a configuration of nginx or Apache in front of this registry.

    With the method 'port', each repository that has a 'registryPort' is at a port of its own
    ('repo set KEY registryPort=PORT').
    """
    instance = open_instance(faces, config_file, storage)
    proxy = ReverseProxy(
        server_name,
        Method(method),
        80 if http_port is None and https_port is None else http_port,
        https_port,
        certificate,
        key,
        backend or instance.config.listen,
    )
    click.echo(instance.proxy_writer.write(Server(server), proxy), nl=False)
