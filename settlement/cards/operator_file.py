"""The card operator's daily file against our books: every top-up and refund of a day, compared one by one.

CSV, UTF-8 (with or without a byte order mark) or GB 18030, first line the headers:
``交易流水号,卡号,交易类型,金额,交易时间`` -- type 充值 or 退款, amount in yuan, time ``2026-07-03 09:15:00`` local.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, update

from settlement.act import Act
from settlement.cards.tables import media, operator_files, top_ups
from settlement.findings import Finding
from settlement.money import format_yuan, parse_yuan
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people import sheets
from settlement.people.faults import Wrong
from settlement.periods import SHANGHAI, local_date

HEADERS = ("交易流水号", "卡号", "交易类型", "金额", "交易时间")
KINDS = {"充值": "top_up", "退款": "refund"}
BATCH = 500


@dataclass(frozen=True)
class Entry:
    """One line of the file; ``line`` counts from 1, headers included."""

    line: int
    id: str
    card_no: str
    kind: str
    amount_fen: int
    occurred_at: datetime


@dataclass(frozen=True)
class Reconciled:
    """``repeated``: this very file was compared before. ``total_fen``: top-ups less refunds of the file."""

    day: date
    rows: int
    matched: int
    total_fen: int
    findings: tuple[Finding, ...]
    repeated: bool


def read(content: bytes, zone: ZoneInfo = SHANGHAI) -> list[Entry]:
    """The file's lines. Raises Refused(BAD_INPUT) naming every line that cannot be read."""
    try:
        rows = [[str(cell).strip() for cell in row] for row in sheets.read_csv(content)]
    except Wrong as wrong:
        raise Refused(Reason.BAD_INPUT, detail=f"{wrong.problem.zh} {wrong.problem.en}") from None
    headers = rows[0] if rows else []
    missing = [name for name in HEADERS if name not in headers]
    if missing:
        raise Refused(Reason.BAD_INPUT, detail=f"缺少列 missing columns: {'、'.join(missing)}")
    entries: list[Entry] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for line, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        cells = dict(zip(headers, row, strict=False))
        try:
            entry = _entry(line, {name: cells.get(name, "") for name in HEADERS}, zone)
        except ValueError as error:
            faults.append(f"第{line}行 line {line}: {error}")
            continue
        if entry.id in seen:
            faults.append(
                f"第{line}行 line {line}: 流水号与第{seen[entry.id]}行重复 number repeats line {seen[entry.id]}"
            )
        seen[entry.id] = line
        entries.append(entry)
    if faults:
        raise Refused(Reason.BAD_INPUT, detail="; ".join(faults))
    return entries


def _entry(line: int, cells: dict[str, str], zone: ZoneInfo) -> Entry:
    id, card_no, kind, amount, moment = (cells[name] for name in HEADERS)
    if not id:
        raise ValueError("流水号为空 no transaction number")
    if kind not in KINDS:
        raise ValueError(f"交易类型应为充值或退款 type must be 充值 or 退款: {kind!r}")
    fen = parse_yuan(amount)
    if fen <= 0:
        raise ValueError(f"金额应大于零 amount must be above zero: {amount!r}")
    occurred = datetime.fromisoformat(moment)
    if not 1900 < occurred.year < 2200:
        raise ValueError(f"交易时间不对 the moment cannot be right: {moment!r}")
    return Entry(line, id, card_no, KINDS[kind], fen, occurred if occurred.tzinfo else occurred.replace(tzinfo=zone))


def reconcile(act: Act, day: date, content: bytes, zone: ZoneInfo = SHANGHAI) -> Reconciled:
    """Compare the operator's file of a day with what we hold. Nothing is booked: each finding says what to do about it.

    Comparing the same file again, or a corrected one for the same day, is harmless: the day's marks are made anew.
    """
    require(act, "card.top_up")
    entries = read(content, zone)
    digest = hashlib.sha256(content).hexdigest()
    before = act.conn.execute(select(operator_files.c.sha256).where(operator_files.c.day == day)).scalar_one_or_none()
    act.conn.execute(update(top_ups).where(top_ups.c.operator_day == day).values(operator_day=None))
    matched, findings = _compare(act, entries)
    for start in range(0, len(matched), BATCH):
        part = top_ups.c.id.in_(matched[start : start + BATCH])
        act.conn.execute(update(top_ups).where(part).values(operator_day=day))
    findings += _missing_there(act, day, {e.id for e in entries}, zone)
    findings += [_wrong_day(e, day) for e in entries if local_date(e.occurred_at, zone) != day]
    total = sum(e.amount_fen if e.kind == "top_up" else -e.amount_fen for e in entries)
    row = {"day": day, "sha256": digest, "rows": len(entries), "total_fen": total}
    act.conn.execute(delete(operator_files).where(operator_files.c.day == day))
    act.conn.execute(insert(operator_files), row | {"differences": len(findings), "recorded_at": act.now})
    if before != digest:
        act.audit(
            "operator_file.compare",
            f"operator_file:{day}",
            before={"sha256": before},
            after={"sha256": digest, "differences": len(findings)},
        )
    return Reconciled(day, len(entries), len(matched), total, tuple(findings), before == digest)


def _compare(act: Act, entries: list[Entry]) -> tuple[list[str], list[Finding]]:
    ours: dict[str, tuple[str, int, int, datetime, date | None]] = {}
    cards_by_no: dict[str, int] = {}
    for start in range(0, len(entries), BATCH):
        part = entries[start : start + BATCH]
        t, m = top_ups.c, media.c
        query = select(t.id, t.kind, t.card_id, t.amount_fen, t.occurred_at, t.operator_day)
        ours |= {row.id: tuple(row[1:]) for row in act.conn.execute(query.where(t.id.in_([e.id for e in part])))}
        numbers = select(m.card_no, m.card_id).where(m.card_no.in_([e.card_no for e in part]))
        cards_by_no |= {row.card_no: row.card_id for row in act.conn.execute(numbers)}
    matched, findings = [], []
    for e in entries:
        standing = ours.get(e.id)
        if standing is None:
            findings.append(_missing_here(e, known_card=e.card_no in cards_by_no))
            continue
        kind, card_id, amount_fen, _, other_day = standing
        if (kind, amount_fen) != (e.kind, e.amount_fen):
            findings.append(_differs(e, kind, amount_fen))
        elif card_id != cards_by_no.get(e.card_no):
            findings.append(_other_card(e, card_id))
        elif other_day is not None:
            findings.append(_twice(e, other_day))
        else:
            matched.append(e.id)
    return matched, findings


def _missing_there(act: Act, day: date, ids: set[str], zone: ZoneInfo) -> list[Finding]:
    start = datetime.combine(day, time.min, zone)
    t = top_ups.c
    query = select(t.id, t.amount_fen).where(t.occurred_at >= start, t.occurred_at < start + timedelta(days=1))
    rows = act.conn.execute(query.where(t.operator_day.is_(None)).order_by(t.id)).all()
    return [
        Finding(
            "operator_missing_there",
            f"topup:{row.id}",
            f"我方有记录 {format_yuan(row.amount_fen)} 元，运营方文件中没有；请与运营方核对",
            f"we hold {format_yuan(row.amount_fen)} yuan that the operator's file lacks; ask the operator",
            (f"topup:{row.id}",),
        )
        for row in rows
        if row.id not in ids
    ]


def _missing_here(e: Entry, *, known_card: bool) -> Finding:
    yuan = format_yuan(e.amount_fen)
    zh = "请按流水号补记" if known_card else "卡号不属于本区，请与运营方核对"
    en = "book it under its number" if known_card else "the card is not one of ours; ask the operator"
    return Finding(
        "operator_missing_here",
        f"topup:{e.id}",
        f"第{e.line}行 {yuan} 元我方没有记录；{zh}",
        f"line {e.line}: {yuan} yuan not in our books; {en}",
        (f"line:{e.line}",),
    )


def _differs(e: Entry, kind: str, amount_fen: int) -> Finding:
    theirs = f"{e.kind} {format_yuan(e.amount_fen)}"
    ours = f"{kind} {format_yuan(amount_fen)}"
    return Finding(
        "operator_differs",
        f"topup:{e.id}",
        f"第{e.line}行：运营方 {theirs} 元，我方 {ours} 元",
        f"line {e.line}: the operator has {theirs} yuan, we have {ours}",
        (f"line:{e.line}", f"topup:{e.id}"),
    )


def _other_card(e: Entry, card_id: int) -> Finding:
    return Finding(
        "operator_other_card",
        f"topup:{e.id}",
        f"第{e.line}行：卡号与我方记录的卡不同",
        f"line {e.line}: another card than in our books",
        (f"line:{e.line}", f"topup:{e.id}", f"card:{card_id}"),
    )


def _twice(e: Entry, other_day: date) -> Finding:
    return Finding(
        "operator_twice",
        f"topup:{e.id}",
        f"第{e.line}行：该流水已在 {other_day} 的文件中核对过",
        f"line {e.line}: already compared with the file of {other_day}",
        (f"line:{e.line}", f"operator_file:{other_day}"),
    )


def _wrong_day(e: Entry, day: date) -> Finding:
    return Finding(
        "operator_wrong_day",
        f"topup:{e.id}",
        f"第{e.line}行：交易时间不在 {day}",
        f"line {e.line}: did not happen on {day}",
        (f"line:{e.line}",),
    )
