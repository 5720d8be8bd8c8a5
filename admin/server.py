"""The console as a server process: granian runs :func:`application` in each of its workers."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import make_url

from admin.app import create_app
from admin.frame.console import ConsoleConfig, SingleSignOn
from settlement import keys, serving
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
    proxies = int(os.environ.get(PROXIES, "0"))
    config = ConsoleConfig(ring, hosts=hosts, trusted_proxies=proxies, single=single_sign_on(os.environ))
    return create_app(make_engine(url, os.environ.get("SONGBAI_SCHEMA") or None), system_clock, config)


def single_sign_on(told: Mapping[str, str]) -> SingleSignOn | None:
    """The OpenID provider named by ``SONGBAI_OIDC_*``; None where none is. Raises ValueError for one that is named in part or not over TLS."""
    names = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "CONSOLE")
    given = [told.get(f"SONGBAI_OIDC_{name}", "") for name in names]
    if not any(given):
        return None
    missing = [f"SONGBAI_OIDC_{name}" for name, value in zip(names, given, strict=True) if not value]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    for address in (given[0], given[3]):
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
            raise ValueError(f"not https: {address}")
    issuer, client_id, secret, console = given
    return SingleSignOn(issuer, client_id, secret, console.rstrip("/"), told.get("SONGBAI_OIDC_CLAIM", "sub"))


def serve(host: str, port: int, workers: int, threads: int, tls: tuple[Path, Path] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, see :func:`settlement.serving.serve`."""
    serving.serve("admin.server:application", host, port, workers, threads, tls)
