"""The TCP server for terminals: thousands of lines, a message at a time on each, the work in a pool of threads.

A line is cut when it says nothing genuine soon after it opened, stops within a message, does not read its answers, or sends what is no message.
Whatever was received whole is worked off and recorded also when its line is cut meanwhile: the terminal repeats and gets the same answer.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ssl import SSLContext

from pos_gateway.iso8583.codec import LENGTH_BYTES, LONGEST, framed
from settlement.faults import where

log = logging.getLogger(__name__)

Work = Callable[[bytes, str], "Reply"]
"""What is to be done with a message from a network address; runs in a thread, may take its time, never raises for what the message holds."""


@dataclass(frozen=True)
class Reply:
    """``answer``: without its length, None for none. ``genuine``: the message was a known terminal's. ``cut``: end the line."""

    answer: bytes | None = None
    genuine: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Limits:
    """Times in seconds. ``strangers``: lines on which nothing genuine was said yet, all together. ``mistakes``: messages in a row on one line that
    were not genuine, before it is cut. ``breath``: between two signs that only keep a line open."""

    lines: int = 5_000
    strangers: int = 2_000
    threads: int = 8
    mistakes: int = 5
    breath: float = 0.05
    introduction: float = 30
    message: float = 10
    idle: float = 900
    answer: float = 10
    farewell: float = 20


class Server:
    def __init__(self, work: Work, limits: Limits | None = None) -> None:
        self._work = work
        self._limits = limits or Limits()
        self._pool = ThreadPoolExecutor(self._limits.threads, "iso8583")
        self._lines: dict[asyncio.Task[None], _Line] = {}
        self._strangers = 0
        self._listening: asyncio.Server | None = None

    async def open(self, host: str, port: int, tls: SSLContext | None = None) -> int:
        """Listen; the port (0 picks a free one)."""
        self._listening = await asyncio.start_server(
            self._line,
            host,
            port,
            limit=LONGEST + LENGTH_BYTES,
            backlog=1024,
            ssl=tls,
            ssl_handshake_timeout=self._limits.introduction if tls else None,
            ssl_shutdown_timeout=self._limits.answer if tls else None,
        )
        return int(self._listening.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no new lines, finish what was received, end every line."""
        if self._listening is not None:
            self._listening.close()
        for task, line in list(self._lines.items()):
            line.closing = True
            if not line.working:
                task.cancel()
        if self._lines:
            await asyncio.wait(list(self._lines), timeout=self._limits.farewell)
        for task in list(self._lines):
            task.cancel()
        # A thread cannot be stopped; what it does is committed or not by itself.
        self._pool.shutdown(wait=True)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._room():
            writer.transport.abort()
            return
        line = self._lines[task] = _Line()
        self._strangers += 1
        try:
            await self._talk(line, reader, writer)
            async with asyncio.timeout(self._limits.answer):
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()  # cut off, by them or by us: there is nobody left to tell
        except Exception as error:
            log.error("a line failed: %s", where(error))
            writer.transport.abort()
        finally:
            del self._lines[task]
            self._strangers -= not line.genuine

    def _room(self) -> bool:
        return len(self._lines) < self._limits.lines and self._strangers < self._limits.strangers

    async def _talk(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = str((writer.get_extra_info("peername") or ("",))[0])
        loop = asyncio.get_running_loop()
        introduced_by = loop.time() + self._limits.introduction
        while not line.closing:
            until = loop.time() + self._limits.idle if line.genuine else introduced_by
            if loop.time() >= until:  # what lies ready is read without waiting, and only waiting can time out
                return
            data = await self._message(reader, until)
            if not data:  # a length of zero keeps a line open; a stream of them would keep us from everybody else
                await asyncio.sleep(self._limits.breath)
                continue
            line.working = True
            reply = await loop.run_in_executor(self._pool, self._work, data, source)
            if reply.genuine and not line.genuine:
                line.genuine = True
                self._strangers -= 1
            if reply.answer is not None:
                writer.write(framed(reply.answer))
                async with asyncio.timeout(self._limits.answer):
                    await writer.drain()
            line.working = False
            line.mistakes = 0 if reply.genuine else line.mistakes + 1
            if reply.cut or line.mistakes >= self._limits.mistakes:
                return

    async def _message(self, reader: asyncio.StreamReader, until: float) -> bytes:
        """The next message. Raises TimeoutError where nothing began by ``until``, or what began did not end in time, and
        IncompleteReadError where the line ended or a length is none of ours."""
        async with asyncio.timeout_at(until):
            first = await reader.readexactly(1)
        async with asyncio.timeout(self._limits.message):
            length = int.from_bytes(first + await reader.readexactly(LENGTH_BYTES - 1), "big")
            if length > LONGEST:
                raise asyncio.IncompleteReadError(first, length)
            return await reader.readexactly(length)


@dataclass(eq=False)
class _Line:
    genuine: bool = False
    mistakes: int = 0
    working: bool = False
    closing: bool = False


def serve(
    work: Work,
    host: str,
    port: int,
    limits: Limits | None = None,
    tls: SSLContext | None = None,
    ready: Callable[[int], None] = lambda port: None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is told the port."""
    limits = limits or Limits()
    _allow_files(limits.lines + 200)
    asyncio.run(_serve(Server(work, limits), host, port, tls, ready))


async def _serve(server: Server, host: str, port: int, tls: SSLContext | None, ready: Callable[[int], None]) -> None:
    enough = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, enough.set)
    ready(await server.open(host, port, tls))
    await enough.wait()
    log.info("stopping: no new lines, finishing what was received")
    await server.close()


def _allow_files(wanted: int) -> None:
    # Each line is an open file; the usual limit is 1,024.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
