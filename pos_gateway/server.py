"""The gateway as a server process: granian runs :func:`application` in each of its workers."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from flask import Flask
from sqlalchemy import make_url

from pos_gateway.api import create_app
from pos_gateway.api.gateway import GatewayConfig
from settlement import keys, serving
from settlement.clock import system_clock
from settlement.db import make_engine
from settlement.messages import senders

PROXIES = "SONGBAI_TRUSTED_PROXIES"
HOSTS = "SONGBAI_HOSTS"


def application() -> Flask:
    """The district named by ``SONGBAI_DB``, ``SONGBAI_SCHEMA`` and ``SONGBAI_KEYS``, as the command set them for its
    workers; answering to the host names in ``SONGBAI_HOSTS`` only, where it names any."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    url = os.environ["SONGBAI_DB"]
    database = make_url(url).database if url.startswith("sqlite") else None
    ring = keys.load(keys.ring_path(Path(database) if database else None))
    hosts = tuple(os.environ.get(HOSTS, "").split())
    proxies, sender = int(os.environ.get(PROXIES, "0")), senders.from_environment()
    config = GatewayConfig(ring, trusted_proxies=proxies, hosts=hosts, sender=sender)
    return create_app(make_engine(url, os.environ.get("SONGBAI_SCHEMA") or None), system_clock, config)


def serve(host: str, port: int, workers: int, threads: int, tls: tuple[Path, Path] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, see :func:`settlement.serving.serve`."""
    serving.serve("pos_gateway.server:application", host, port, workers, threads, tls)
