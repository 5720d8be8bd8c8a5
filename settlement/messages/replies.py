"""A file of short messages that people sent back, as the carrier hands it over: each is matched with an open invitation by its telephone.

Only a plain yes or no counts. Whatever else somebody wrote is listed for an office to ask again; nothing of its words is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from settlement.act import Act
from settlement.keys import KeyRing
from settlement.messages import invitations
from settlement.officers import require
from settlement.outcomes import Refused
from settlement.people import agents, cells, register, registers, sheets
from settlement.people.faults import Fault, Problem, Wrong
from settlement.people.scope import among_theirs
from settlement.people.sheets import Value, present
from settlement.people.tables import agents as agent_table
from settlement.people.tables import invitations as invitation_table
from settlement.people.tables import seniors
from settlement.periods import local_date

HEADERS: Mapping[str, tuple[str, ...]] = {
    "phone": ("手机号", "手机号码", "电话", "号码", "主叫号码"),
    "words": ("回复内容", "短信内容", "内容", "回复"),
    "on": ("回复日期", "回复时间", "接收时间", "日期", "时间"),
}
YES = frozenset({"是", "是的", "同意", "愿意", "申请", "好", "好的", "要", "1", "y", "yes"})
NO = frozenset({"否", "不", "不是", "不同意", "不愿意", "不申请", "不要", "不用", "2", "n", "no"})


@dataclass
class Replies:
    """``rows``: messages in the file; ``yes`` and ``no``: invitations answered; ``others``: from telephones nobody was asked at. ``faults``: with their rows,
    for an office to ask again."""

    rows: int = 0
    yes: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    others: int = 0
    faults: list[Fault] = field(default_factory=list)


def take_in(act: Act, ring: KeyRing, content: bytes, file_name: str) -> Replies:
    """Write down every plain answer to an open invitation of the actor's own people; the rest is told. The same file again finds nothing open.

    Raises Refused(NOT_ALLOWED).
    """
    require(act, "invitation.answer")
    done = Replies()
    try:
        found = [sheet for sheet in sheets.read(content, file_name) if sheet.rows]
    except Wrong as error:
        done.faults.append(Fault(file_name, None, None, "", error.problem))
        return done
    for sheet in found:
        heads = registers.headers(sheet, HEADERS, {"phone", "words"})
        if heads is None:
            done.faults.append(Fault(sheet.name, None, None, "", _NO_HEADERS))
            continue
        at, first = heads
        for number, values in enumerate(sheet.rows[first:], start=first + 1):
            if any(present(value) for value in values):
                done.rows += 1
                cell = {key: values[index] if index < len(values) else None for key, index in at.items()}
                try:
                    _take(act, ring, cell, done)
                except Wrong as error:
                    done.faults.append(Fault(sheet.name, number, None, "", error.problem))
    after = {"rows": done.rows, "yes": len(done.yes), "no": len(done.no), "unclear": len(done.faults)}
    act.audit("invitation.replies", "invitations", after=after)
    return done


def _take(act: Act, ring: KeyRing, cell: Mapping[str, Value], done: Replies) -> None:
    phone = cells.phone(cell["phone"])
    asked = [] if phone is None else _asked(act, ring, phone)
    if not asked:
        done.others += 1
        return
    word = re.sub(r"[\s。.，,！!“”\"']", "", cells.tidy(cell["words"])).casefold()
    if word not in YES | NO:
        raise Wrong(_UNCLEAR)
    if len(asked) > 1:
        raise Wrong(_SEVERAL)
    said_on = cells.day(local_date(act.now))(cell.get("on")) or local_date(act.now)
    _answer(act, asked[0], word in YES, said_on)
    (done.yes if word in YES else done.no).append(asked[0])


def _answer(act: Act, invitation_id: int, wants: bool, said_on: date) -> None:
    """One row that is refused is told as a fault of its row and leaves nothing behind; the others stand."""
    with act.conn.begin_nested() as trial:
        try:
            invitations.answer(act, invitation_id, wants, "sms", said_on)
        except Refused as refused:
            trial.rollback()
            words = refused.reason.words
            raise Wrong(Problem(refused.reason.code, refused.zh, refused.en, words.do_zh, words.do_en)) from refused


def _asked(act: Act, ring: KeyRing, phone: str) -> list[int]:
    """Open invitations of people with this telephone, or whose agent has it."""
    v, s, a = invitation_table.c, seniors.c, agent_table.c
    theirs: list[Any] = [s.phone_index == ring.index(phone, register.PHONE)]
    by_agent = select(a.senior_id).where(
        a.phone_index == ring.index(phone, agents.PHONE), a.withdrawn_at.is_(None), a.waits_since.is_(None)
    )
    theirs.append(s.id.in_(by_agent))
    found: dict[int, Any] = {}
    for condition in theirs:
        query = select(v.id, s.town, s.village).join(seniors, s.id == v.senior_id).where(v.answer.is_(None), condition)
        found |= {row.id: row for row in act.conn.execute(query)}
    return sorted(row.id for row in among_theirs(act, found.values()))


_NO_HEADERS = Problem(
    "header_row_missing",
    "找不到表头：手机号、回复内容",
    "has no headers 手机号 and 回复内容",
    "请在前10行之内写明",
    "Put them into one of the first 10 rows",
)
_UNCLEAR = Problem(
    "reply_unclear",
    "回复不是“是”或“否”",
    "is no plain yes or no",
    "请打电话问清后登记",
    "Ask by telephone and record the answer",
)
_SEVERAL = Problem(
    "reply_for_several",
    "这个电话邀请了不止一位老人",
    "belongs to more than one person who was asked",
    "请问清是谁后逐人登记",
    "Ask for whom, and record it person by person",
)
