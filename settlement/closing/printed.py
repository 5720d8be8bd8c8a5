"""A statement on paper: figures, the amount in capitals, and a text signed with the district's seal key that anybody can have checked.

The signed text stands on the paper and in its QR code. It names the figures, a digest of the lines and who signed when; :func:`check` says
whether it is ours, and what has become of the statement since.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from sqlalchemy import Connection, Row, select

from settlement.capitals import capitals
from settlement.cards import font
from settlement.cards.sheet import qr_svg
from settlement.cards.typeset import typeset
from settlement.closing import left_out
from settlement.closing.adjusting import KINDS
from settlement.closing.tables import adjustments, statement_lines, statements
from settlement.keys import KeyRing
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.periods import local_date
from settlement.policy import store
from settlement.providers.tables import providers
from settlement.spoken import chinese
from settlement.visits.tables import visits
from settlement.visits.words import VOID_REASONS

FORM = "songbai-statement-1"
FIGURES = ("visits", "subsidy_fen", "personal_fen", "adjustments_fen", "net_fen")


@dataclass(frozen=True)
class Checked:
    """A text that carries our signature. ``differs``: (name, as printed, as it stands), empty while the statement is what was printed; its
    status moving on is no difference."""

    statement_id: str
    fields: dict[str, str]
    differs: tuple[tuple[str, str, str], ...]


def signed_text(conn: Connection, ring: KeyRing, statement_id: str) -> str:
    """What the seal key signs, with the signature as its last line. Raises Refused: NOT_FOUND, NO_SEAL_KEY."""
    if not ring.seal_keys:
        raise Refused(Reason.NO_SEAL_KEY)
    fields = _fields(conn, statement_id)
    key_id = ring.newest_seal_key
    unsigned = "\n".join([FORM, *(f"{name} {value}" for name, value in fields.items()), f"key {key_id}"])
    return f"{unsigned}\nsignature {ring.sign_seal(key_id, unsigned)}"


def check(conn: Connection, ring: KeyRing, text: str) -> Checked:
    """Whether a printed or scanned text is ours, and how the statement differs from it by now.

    Raises Refused(SIGNED_TEXT_WRONG) for a text that was not signed with one of the district's seal keys, or was altered.
    """
    lines = [" ".join(line.split()) for line in text.strip().splitlines() if line.strip()]
    unsigned, told = "\n".join(lines[:-1]), dict(line.partition(" ")[::2] for line in lines[1:])
    public = ring.seal_public_keys().get(told.get("key", ""))
    try:
        if public is None or lines[0] != FORM or not lines[-1].startswith("signature "):
            raise Refused(Reason.SIGNED_TEXT_WRONG)
        public.verify(base64.b64decode(told["signature"], validate=True), unsigned.encode())
    except (InvalidSignature, ValueError):
        raise Refused(Reason.SIGNED_TEXT_WRONG) from None
    now = _fields(conn, told["id"])
    fixed = ("provider", "month", "town", *FIGURES, "lines")
    differs = tuple((name, told[name], now[name]) for name in fixed if told[name] != now[name])
    return Checked(told["id"], told, differs)


def _fields(conn: Connection, statement_id: str) -> dict[str, str]:
    row, provider = _rows(conn, statement_id)
    fields = {"id": row.id, "provider": provider.code, "month": row.month, "town": row.town}
    fields |= {name: str(getattr(row, name)) for name in FIGURES}
    fields |= {"lines": _digest(conn, row.id), "status": row.status, "drawn": _signature(row.drawn_by, row.drawn_at)}
    fields |= {"verified": _signature(row.verified_by, row.verified_at)}
    fields |= {"confirmed": _signature(row.confirmed_by, row.confirmed_at)}
    return {name: " ".join(value.split()) for name, value in fields.items()}


def _rows(conn: Connection, statement_id: str) -> tuple[Row[Any], Row[Any]]:
    row = conn.execute(select(statements).where(statements.c.id == statement_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"statement {statement_id}")
    return row, conn.execute(select(providers).where(providers.c.id == row.provider_id)).one()


def _signature(officer: str | None, moment: datetime | None) -> str:
    return "-" if officer is None or moment is None else f"{officer} {moment:%Y-%m-%dT%H:%M:%SZ}"


def _digest(conn: Connection, statement_id: str) -> str:
    line = statement_lines.c
    columns = (line.visit_id, line.debit_id, line.service_month, line.subsidy_fen, line.personal_fen)
    digest = sha256()
    for row in conn.execute(select(*columns).where(line.statement_id == statement_id).order_by(line.visit_id)):
        digest.update(("|".join(map(str, row)) + "\n").encode())
    return digest.hexdigest()


# -- the paper ----------------------------------------------------------------------------------------------------------------
def pdf(conn: Connection, ring: KeyRing, statement_id: str) -> bytes:
    """The statement as PDF; the same statement gives the same bytes. Raises Refused: NOT_FOUND, NO_SEAL_KEY."""
    row, _ = _rows(conn, statement_id)
    newest = row.confirmed_at or row.verified_at or row.drawn_at
    data = paper(conn, ring, statement_id)
    made: bytes = typeset(Path(__file__).with_name("statement.typ"), data, timestamp=int(newest.timestamp()))
    return made


def paper(conn: Connection, ring: KeyRing, statement_id: str) -> dict[str, Any]:
    """What the template prints."""
    row, provider = _rows(conn, statement_id)
    scheme = store.get(conn, row.scheme_code, row.scheme_version)
    text = signed_text(conn, ring, statement_id)
    zone = scheme.time_zone
    data = {
        "title": f"月结算单 {row.id}",
        "id": row.id,
        "heading": f"{row.month.replace('-', '年')}月 月结算单",
        "scheme": f"{scheme.name_zh} {scheme.version}",
        "facts": [
            ["结算单号 No.", row.id],
            ["镇街 Town", row.town],
            ["服务商 Provider", provider.name],
            ["统一社会信用代码 Code", provider.code],
            ["状态 Status", chinese(row.status)],
            ["出单 Drawn", f"{local_date(row.drawn_at, zone)}"],
        ],
        "net": format_yuan(row.net_fen),
        "capitals": capitals(row.net_fen),
        "figures": [str(row.visits), *(format_yuan(getattr(row, name)) for name in FIGURES[1:])],
        "days": _days(conn, row, zone),
        "adjustments": _adjustments(conn, row),
        "kept_out": _kept_out(conn, row),
        "signatures": [
            ["服务商 Provider", ""],
            ["镇街核实 Town", _who(row.verified_by, row.verified_at, zone)],
            ["区确认 District", _who(row.confirmed_by, row.confirmed_at, zone)],
        ],
        "text": text.split("\n"),
        "qr": qr_svg(text),
    }
    return {name: _printable(value) if name != "qr" else value for name, value in data.items()}


def _printable(value: Any) -> Any:
    return [_printable(one) for one in value] if isinstance(value, list) else font.printable(value)


def _who(officer: str | None, moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if officer is None or moment is None else f"{officer} {moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _days(conn: Connection, row: Row[Any], zone: ZoneInfo) -> list[list[str]]:
    line, v = statement_lines.c, visits.c
    query = select(v.check_in_at, line.subsidy_fen, line.personal_fen).join(visits, v.id == line.visit_id)
    days: dict[str, list[int]] = {}
    for at, subsidy, personal in conn.execute(query.where(line.statement_id == row.id)):
        day = days.setdefault(str(local_date(at, zone)), [0, 0, 0])
        for index, value in enumerate((1, subsidy, personal)):
            day[index] += value
    return [[day, str(n), format_yuan(s), format_yuan(p)] for day, (n, s, p) in sorted(days.items())]


def _adjustments(conn: Connection, row: Row[Any]) -> list[list[str]]:
    a = adjustments.c
    query = select(adjustments).where(a.statement_id == row.id).order_by(a.origin_month, a.id)
    return [
        [KINDS[one.kind][0], _reason(one), one.origin_month, format_yuan(one.amount_fen)] for one in conn.execute(query)
    ]


def _reason(adjustment: Row[Any]) -> str:
    listed = VOID_REASONS.get(adjustment.reason)
    return listed.zh if listed is not None else str(adjustment.reason)


def _kept_out(conn: Connection, row: Row[Any]) -> list[list[str]]:
    return [
        [left_out.words(one.reason)[0], str(one.visits), format_yuan(one.subsidy_fen)]
        for one in left_out.by_reason(conn, row)
    ]
