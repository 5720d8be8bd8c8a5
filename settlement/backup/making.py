"""Making a backup: one snapshot, encrypted, read back, restored beside and compared; only then it gets its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from io import BufferedRandom
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from settlement import verify
from settlement.backup import envelope, figures, postgres, scratch, sqlite
from settlement.backup.envelope import Opened, Sealer
from settlement.backup.figures import Figures
from settlement.backup.ring import Ring
from settlement.db import migrate, reading
from settlement.errors import BrokenInvariant
from settlement.findings import Finding
from settlement.ledger import seal_check
from settlement.outcomes import Reason, Refused

Step = Callable[[str, str], None]
"""Told in Chinese and English what begins."""


@dataclass(frozen=True)
class Made:
    """``head``: what the file says of itself in the clear; ``checked``: restored beside and compared; ``seals_checked``: its ring was at hand for that. ``findings``: what the books
    themselves say in the copy, and a check that could not be made."""

    path: Path
    bytes: int
    sha256: str
    head: dict[str, Any]
    figures: Figures
    with_keys: bool
    checked: bool
    seals_checked: bool
    findings: list[Finding] = field(default_factory=list)


UNCHECKED = Finding(
    "backup_unchecked",
    "backup",
    "未做试恢复：该数据库角色不能建模式（CREATE）。文件已加密并逐块复核，但没有证明能恢复",
    "it was not restored beside: this role may make no schema (CREATE). The file was read back block by block, yet nothing proves that it restores",
)


def make(
    engine: Engine,
    path: Path,
    to: X25519PublicKey,
    now: datetime,
    ring: Ring | None,
    *,
    with_keys: bool,
    check: bool,
    step: Step,
) -> Made:
    """Write the backup ``path``. Raises Refused; then there is no such file, and what was half-made is gone.

    Books that contradict themselves are no reason to have no backup of them: what ``verify`` says is in ``findings``.
    """
    if path.exists():
        raise Refused(Reason.BACKUP_FILE_EXISTS, file=str(path))
    with scratch.part_of(path) as (part, file):
        step("复制并加密", "copying and encrypting")
        with _taken(engine) as (found, database), scratch.writing(path):
            sealer = Sealer(file, to, _head(engine, found, now))
            sealer.write_part(figures.written({"figures": found, "ring": ring.facts if ring else {}}))
            sealer.write_part(ring.content if ring and with_keys else b"")
            for piece in database:
                sealer.write(piece)
            sealer.finish()
            file.flush()
        step("逐块复核", "reading every block back")
        envelope.prove(file, sealer.head, sealer.key)
        findings = []
        checked = False
        if check:
            step("试恢复并核对", "restoring beside and verifying")
            try:
                findings = _check(engine, file, sealer, found, ring)
                checked = True
            except postgres.NoScratch:
                findings = [UNCHECKED]
        digest = _digest(file)
        size = part.stat().st_size
        with scratch.writing(path):
            scratch.keep(part, path)
    return Made(
        path, size, digest, sealer.head.facts, found, with_keys, checked, checked and ring is not None, findings
    )


def _taken(engine: Engine) -> AbstractContextManager[tuple[Figures, Iterator[bytes]]]:
    return sqlite.taken(engine) if engine.dialect.name == "sqlite" else postgres.taken(engine)


def _head(engine: Engine, found: Figures, now: datetime) -> dict[str, Any]:
    """In the clear: nothing personal, and nothing of the books but their revision."""
    return {
        "songbai": version("songbai"),
        "engine": engine.dialect.name,
        "server": ".".join(str(number) for number in engine.dialect.server_version_info or ()),
        "district": district_of(engine),
        "revision": found["revision"],
        "made_at": now.isoformat(timespec="seconds"),
    }


def district_of(engine: Engine) -> str:
    """The schema, or the name of the SQLite file without its ending."""
    if engine.dialect.name == "sqlite":
        return sqlite.file_of(engine).stem
    with reading(engine) as conn:
        return postgres.schema_of(conn)


def _check(engine: Engine, file: BufferedRandom, sealer: Sealer, found: Figures, ring: Ring | None) -> list[Finding]:
    opened = Opened(file, sealer.head, sealer.key)
    opened.part(), opened.part()
    findings: list[Finding] = []
    if engine.dialect.name == "sqlite":
        beside = sqlite.beside(engine, opened.rest())
    else:
        beside = postgres.beside(engine, opened.rest(), sealer.head.facts["district"])
    with beside as copy:
        with reading(copy) as conn:
            differing = figures.differences(found, figures.read(conn))
        if differing:
            raise Refused(Reason.BACKUP_CHECK_FAILED, detail="; ".join(differing[:5]))
        findings += proved(copy, ring)
    return findings


def proved(copy: Engine, ring: Ring | None) -> list[Finding]:
    """Brought to the newest tables: what the books say of themselves and, where their ring is at hand, what the seals say of them."""
    findings = sqlite.corruption(copy) if copy.dialect.name == "sqlite" else []
    migrate(copy)
    findings += _asked(copy, "verify", verify.run)
    if ring is not None:
        keys = ring.keys.seal_public_keys()
        findings += _asked(copy, "verify --seals", lambda conn: seal_check.check(conn, keys).findings)
    return findings


def _asked(copy: Engine, check: str, run: Callable[[Connection], list[Finding]]) -> list[Finding]:
    """What a check finds. One that stops at something it cannot even read is told: just then one wants the copy."""
    try:
        with reading(copy) as conn:
            return run(conn)
    except (DBAPIError, BrokenInvariant, ValueError, TypeError, ArithmeticError) as error:
        kind = type(error).__name__
        zh = f"songbai {check} 中断（{kind}）：库中有无法读取的内容，核对未做完"
        en = f"songbai {check} stopped ({kind}) at something it cannot read: the copy is not verified to its end"
        return [Finding("copy_unverified", "backup", zh, en)]


def _digest(file: BufferedRandom) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()
