"""Serving a web application: granian with the settings that gateway and console share."""

from __future__ import annotations

from pathlib import Path

from granian import Granian
from granian.constants import Interfaces, SSLProtocols


def serve(
    application: str, host: str, port: int, workers: int, threads: int, tls: tuple[Path, Path] | None = None
) -> None:
    """Serve what ``application`` (``module:function``) makes in each worker, until SIGINT or SIGTERM. ``tls``: certificate chain and key; without,
    TLS ends at a proxy in front, which hands the Host header on unchanged."""
    chain, key = tls or (None, None)
    Granian(
        application,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        factory=True,
        log_access=False,
        ssl_cert=chain,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,
    ).serve()
