"""Restoring a backup into an empty place: proved to its last byte first, then loaded, brought to the newest tables, and verified."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url

from settlement.backup import envelope, figures, postgres, recipient, ring, sqlite
from settlement.backup.envelope import Opened
from settlement.backup.making import Step, proved
from settlement.backup.ring import Ring
from settlement.db import make_engine, reading
from settlement.findings import Finding
from settlement.outcomes import Reason, Refused


@dataclass(frozen=True)
class Restored:
    """``figures``: as they were when the backup was made. ``ring``: restored (it was inside), fits, missing or other; ``seals_checked``: it was at hand for that."""

    head: dict[str, Any]
    figures: dict[str, Any]
    schema: str | None
    ring: str
    seals_checked: bool
    findings: list[Finding]


def restore(path: Path, key: Path, url: str, schema: str | None, keys_path: Path, step: Step) -> Restored:
    """Restore the backup ``path`` into ``url``; on PostgreSQL into ``schema``, by default the one it came from.

    Raises Refused for a target that is not empty, a key that does not fit, and a file that is incomplete or altered: before anything is written.
    """
    mine = recipient.private_key(key)
    with path.open("rb") as file:
        head = envelope.read_head(file)
        content_key = envelope.key_of(head, mine)
        kind = make_url(url).get_backend_name()
        if kind != head.facts["engine"]:
            raise Refused(Reason.BACKUP_OTHER_ENGINE, was=head.facts["engine"], into=kind)
        target = None if kind == "sqlite" else schema or str(head.facts["district"])
        _refuse_full(url, target)
        step("逐块核验备份", "proving every block")
        envelope.prove(file, head, content_key)
        opened = Opened(file, head, content_key)
        facts = json.loads(opened.part())
        content = opened.part()
        inside = ring.of(content, path) if content else None
        if inside is not None:
            ring.refuse_other(keys_path, inside)
        ours = inside or ring.at(keys_path)
        fitting = ours if ours is not None and ours.fits(facts["ring"]) else None
        step("恢复并核对", "restoring and verifying")
        with _restored(url, target, opened, str(head.facts["district"])) as engine:
            with reading(engine) as conn:
                differing = figures.differences(facts["figures"], figures.read(conn))
            findings = [_differs(line) for line in differing] + proved(engine, fitting)
    return Restored(
        head.facts, facts["figures"], target, _ring(keys_path, inside, fitting), fitting is not None, findings
    )


def _refuse_full(url: str, schema: str | None) -> None:
    if schema is None:
        sqlite.refuse_tables(url)
        return
    engine = make_engine(url)
    with reading(engine) as conn:
        postgres.refuse_tables(conn, schema)
    engine.dispose()


def _restored(url: str, schema: str | None, opened: Opened, source: str) -> AbstractContextManager[Engine]:
    if schema is None:
        return sqlite.restored(url, opened.rest())
    return postgres.restored(url, schema, opened.rest(), source)


def _ring(path: Path, inside: Ring | None, fitting: Ring | None) -> str:
    if inside is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(inside.content)
        return "restored"
    if not path.is_file():
        return "missing"
    return "other" if fitting is None else "fits"


def _differs(line: str) -> Finding:
    return Finding(
        "restored_differs", "backup", f"恢复后与备份时不符：{line}", f"not as it was when the backup was made: {line}"
    )
