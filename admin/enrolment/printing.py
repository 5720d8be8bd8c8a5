"""What the enrolment desk prints: the notice of a posting and the letter to somebody who was refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from admin.frame import words
from settlement.cards.font import printable
from settlement.cards.typeset import typeset
from settlement.people.notice import Notice
from settlement.policy.scheme import Scheme

SEXES = {"F": "女", "M": "男"}


def notice(scheme: Scheme, posted: Notice, now: datetime) -> bytes:
    """The notice as a PDF, names masked."""
    lines = [
        {"number": str(each.enrolment_id), "name": printable(each.name), "sex": SEXES[each.sex], "age": str(each.age)}
        | {"benefit": printable(each.benefit_zh) or "—", "amount": words.yuan(each.amount)}
        for each in posted.lines
    ]
    data: dict[str, Any] = {"scheme": printable(scheme.name_zh), "place": printable(posted.town + posted.village)}
    data |= {"posted_on": words.day(posted.posted_on), "until": words.day(posted.until), "lines": lines}
    data |= {"days": str(scheme.enrolment.publicity.working_days), "village": printable(posted.village)}
    data |= {"town": printable(posted.town), "title": printable(scheme.notice.title_zh)}
    pdf: bytes = typeset(Path(__file__).with_name("notice.typ"), data, timestamp=int(now.timestamp()))
    return pdf


def letter(scheme: Scheme, row: Any, step: tuple[str, str], refused: Any, now: datetime) -> bytes:
    """The letter as a PDF. ``row``: the enrolment with its senior; ``refused``: reason and moment."""
    data = {
        "name": printable(row.name),
        "place": printable(row.town + row.village),
        "number": str(row.id),
        "scheme": printable(scheme.name_zh),
        "title": printable(scheme.notice.title_zh),
        "applied_on": words.day(row.applied_on),
        "step": printable(step[0]),
        "reason": printable(refused.reason or ""),
        "decided_on": words.day(refused.at),
        "today": words.day(now),
        "issuer": printable(scheme.notice.issuer_zh),
        "town": printable(row.town),
    }
    pdf: bytes = typeset(Path(__file__).with_name("letter.typ"), data, timestamp=int(now.timestamp()))
    return pdf
