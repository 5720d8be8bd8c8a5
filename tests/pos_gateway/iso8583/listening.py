"""A server on a port of its own, in a thread, for one test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pos_gateway.iso8583.server import Limits, Server, Work


@contextmanager
def listening(work: Work, limits: Limits | None = None) -> Iterator[int]:
    """The port, while the server runs; on leaving it is closed as SIGTERM would close it."""
    ports: list[int] = []
    up, loop = threading.Event(), asyncio.new_event_loop()
    enough = asyncio.Event()

    async def run() -> None:
        server = Server(work, limits)
        ports.append(await server.open("127.0.0.1", 0))
        up.set()
        await enough.wait()
        await server.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert up.wait(20)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(enough.set)
        thread.join(60)
        loop.close()
    assert not thread.is_alive()
