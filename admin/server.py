"""The console as a server process: granian runs :func:`application` in each of its workers."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from flask import Flask
from granian import Granian
from granian.constants import Interfaces, SSLProtocols
from sqlalchemy import make_url

from admin.app import create_app
from admin.frame.console import ConsoleConfig
from settlement import keys
from settlement.clock import system_clock
from settlement.db import make_engine

PROXIES = "SONGBAI_TRUSTED_PROXIES"
HOSTS = "SONGBAI_CONSOLE_HOSTS"


def application() -> Flask:
    """The district named by ``SONGBAI_DB``, ``SONGBAI_SCHEMA`` and ``SONGBAI_KEYS``, as the command set them for its workers; answering to the
    host names in ``SONGBAI_CONSOLE_HOSTS`` only, where it names any."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    url = os.environ["SONGBAI_DB"]
    database = make_url(url).database if url.startswith("sqlite") else None
    ring = keys.load(keys.ring_path(Path(database) if database else None))
    hosts = tuple(os.environ.get(HOSTS, "").split())
    config = ConsoleConfig(ring, hosts=hosts, trusted_proxies=int(os.environ.get(PROXIES, "0")))
    return create_app(make_engine(url, os.environ.get("SONGBAI_SCHEMA") or None), system_clock, config)


def serve(host: str, port: int, workers: int, threads: int, tls: tuple[Path, Path] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. ``tls``: certificate chain and key; without, TLS ends at a proxy in front, which hands the Host header on
    unchanged."""
    chain, key = tls or (None, None)
    Granian(
        "admin.server:application",
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
