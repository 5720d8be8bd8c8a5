"""The peer everybody knows: ``pgbench``, TPC-B-like, on the same server. One transaction updates three rows, reads one and inserts one."""

from __future__ import annotations

import re
import resource
import subprocess
from dataclasses import dataclass

import psutil

from bench.rig import Rig
from tests.postgres import USER, Server

SCALE = 50
"""5,000,000 accounts, 500 tellers, 50 branches; about 750 MB."""
THREADS = 2
DATABASE = "pgbench"


@dataclass(frozen=True)
class Slice:
    """``cpu``: microseconds of processor time per transaction, clients and server."""

    tps: float
    client_cpu: float
    server_cpu: float


class Pgbench:
    """Its tables are made on the first call for a rig's server."""

    def __init__(self, rig: Rig) -> None:
        self.server = rig.server
        self.server.execute(f"CREATE DATABASE {DATABASE} STRATEGY file_copy")
        self._run("-i", "-s", str(SCALE), "-I", "dtgvp", "-q")
        self.server.execute("CHECKPOINT")

    def run(self, clients: int, seconds: int, protocol: str = "simple") -> Slice:
        """Transactions per second; ``protocol``: simple, pgbench's default, or prepared."""
        before, client_before = server_cpu(self.server), _children_cpu()
        threads = str(min(clients, THREADS))
        said = self._run("-n", "-M", protocol, "-c", str(clients), "-j", threads, "-T", str(seconds))
        client, server = _children_cpu() - client_before, server_cpu(self.server) - before
        tps, done = re.search(r"^tps = ([\d.]+)", said, re.M), re.search(r"actually processed: (\d+)", said)
        if tps is None or done is None:
            raise RuntimeError(f"pgbench said: {said}")
        return Slice(float(tps[1]), 1e6 * client / int(done[1]), 1e6 * server / int(done[1]))

    def _run(self, *arguments: str) -> str:
        command = [
            str(self.server.programs / "pgbench"),
            "-h",
            str(self.server.folder),
            "-U",
            USER,
            *arguments,
            DATABASE,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"pgbench failed: {done.stderr[-500:]}")
        return done.stdout


def server_cpu(server: Server) -> float:
    """Seconds of processor time the server has used so far, its processes that ended included."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(pid)
    total = sum(postmaster.cpu_times()[:4])
    for child in postmaster.children():
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(total)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
