"""What a card did in a month, for the paper statement: balances at both ends, every line between them, and what could be told in no other way.

A month holds what the books learnt in it (a visit of the 31st that arrived on the 2nd belongs to the next one, with its own day), so that it
reads the same whenever it is asked, and its opening balance is the closing balance of the month before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from settlement.act import Act
from settlement.cards.media import masked
from settlement.cards.tables import card_years, cards, media
from settlement.errors import BrokenInvariant
from settlement.keys import KeyRing
from settlement.ledger import chart
from settlement.ledger.balance import POSTED_KINDS
from settlement.ledger.tables import accounts, transfers
from settlement.messages import outbox, recipients
from settlement.messages.tables import messages
from settlement.money import format_yuan
from settlement.outcomes import Reason, Refused
from settlement.people.scope import among_theirs
from settlement.people.tables import seniors
from settlement.periods import Month
from settlement.policy.store import in_force
from settlement.providers.tables import caregivers, providers
from settlement.visits.movements import items_of
from settlement.visits.tables import debits, visits
from settlement.vouchers import cap

ACTS = {
    "issue": "发放补贴 subsidy issued",
    "take_back": "收回补贴 subsidy taken back",
    "lapse": "到期收回 subsidy lapsed",
    "top_up": "充值 own money paid in",
    "refund": "退款 own money paid out",
    "void": "扣款撤销，退回 debit taken back",
}
OTHER_ACT = "其他 other"


@dataclass(frozen=True)
class Line:
    """One thing that happened. Amounts in fen, signed: negative was taken. ``cash``: paid at the door besides. ``debit``: one can say it is not true; ``back``: a debit
    taken back."""

    at: datetime
    what: str
    who: str
    subsidy: int
    personal: int
    cash: int = 0
    debit: bool = False
    back: bool = False


@dataclass
class Account:
    """A person's month. Balances in fen, at the month's end; ``opening`` (subsidy, personal) at its beginning. ``year_left``: what may still be spent from subsidy this year
    as of the printing; None where nothing limits it. ``notices``: what could be told in no other way."""

    senior_id: int
    card_id: int
    name: str
    village: str
    number: str
    opening: tuple[int, int] = (0, 0)
    closing: tuple[int, int] = (0, 0)
    year_left: int | None = None
    lines: list[Line] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def accounts_of(
    act: Act, ring: KeyRing, town: str, village: str, month: Month, *, unreached: bool = False
) -> list[Account]:
    """What the statements of a village say. Raises Refused(NOT_ALLOWED), BrokenInvariant when a card's lines do not add up to its balances."""
    people = _people(act, town, village)
    if unreached:
        people = _only_unreached(act, ring, people, month)
    by_card = {each.card_id: each for each in people}
    _balances(act, by_card, month)
    for card_id, line in _debit_lines(act, list(by_card), month):
        by_card[card_id].lines.append(line)
    for each in people:
        each.lines.sort(key=lambda line: line.at)
        _check(each)
    _year(act, by_card, month)
    _notices(act, ring, {each.senior_id: each for each in people}, month)
    return people


def _people(act: Act, town: str, village: str) -> list[Account]:
    s, c = seniors.c, cards.c
    query = (
        select(s.id, c.id.label("card_id"), s.name, s.town, s.village, func.max(media.c.card_no).label("number"))
        .join(cards, c.senior_id == s.id)
        .outerjoin(media, and_(media.c.card_id == c.id, media.c.dead_from.is_(None)))
        .where(s.town == town, s.village == village, c.status != "closed")
        .group_by(s.id, c.id, s.name, s.town, s.village)
        .order_by(s.name, s.id)
    )
    rows = act.conn.execute(query).all()
    if len(among_theirs(act, rows)) != len(rows):
        raise Refused(Reason.NOT_ALLOWED)
    return [Account(r.id, r.card_id, r.name, r.village, masked(r.number) if r.number else "—") for r in rows]


def _only_unreached(act: Act, ring: KeyRing, people: list[Account], month: Month) -> list[Account]:
    ids = [each.senior_id for each in people]
    whom = recipients.of_many(act.conn, ring, ids)
    m = messages.c
    lost = select(m.senior_id).where(m.senior_id.in_(ids), m.status == "given_up", *within(m.created_at, month))
    missed = set(act.conn.execute(lost.where(m.kind != "code")).scalars())
    return [each for each in people if whom[each.senior_id].channel == "paper" or each.senior_id in missed]


def within(column: Any, month: Month) -> tuple[Any, Any]:
    return column >= month.start(), column < month.end()


# -- balances -----------------------------------------------------------------------------------------------------------------
def _balances(act: Act, people: dict[int, Account], month: Month) -> None:
    """Both balances of every card, and the lines of what was no debit. Only what was recorded by the month's end is read: nothing that happens
    meanwhile can change it."""
    a = accounts.c
    owners = {chart.card(id): id for id in people}
    own = act.conn.execute(select(a.id, a.owner, a.code).where(a.owner.in_(owners)))
    purse_of = {row.id: (owners[row.owner], row.code) for row in own}
    total: dict[tuple[int, str], int] = {}
    for account_id, amount in _before(act, list(purse_of), month):
        total[purse_of[account_id]] = total.get(purse_of[account_id], 0) + amount
    _set(people, "opening", total)
    lines: dict[tuple[int, str, str], Line] = {}
    for row in _moved(act, list(purse_of), month):
        for account_id, sign in ((row.debit_account_id, -1), (row.credit_account_id, 1)):
            if account_id in purse_of:
                purse, amount = purse_of[account_id], sign * int(row.amount)
                total[purse] = total.get(purse, 0) + amount
                _add(lines, purse, row, amount)
    _set(people, "closing", total)
    for (card_id, _, _), line in lines.items():
        people[card_id].lines.append(line)


def _set(people: dict[int, Account], which: str, total: dict[tuple[int, str], int]) -> None:
    for card_id, account in people.items():
        purses = (chart.CARD_SUBSIDY, chart.CARD_PERSONAL)
        setattr(account, which, tuple(total.get((card_id, purse), 0) for purse in purses))


def _before(act: Act, own: Sequence[int], month: Month) -> Iterable[tuple[int, int]]:
    """(account, what was credited or, negative, debited before the month)."""
    t = transfers.c
    for side, sign in ((t.debit_account_id, -1), (t.credit_account_id, 1)):
        earlier = side.in_(own), t.kind.in_(POSTED_KINDS), t.recorded_at < month.start()
        for account_id, amount in act.conn.execute(select(side, func.sum(t.amount)).where(*earlier).group_by(side)):
            yield account_id, sign * int(amount)


def _moved(act: Act, own: Sequence[int], month: Month) -> Sequence[Any]:
    t = transfers.c
    columns = (t.group_id, t.code, t.amount, t.occurred_at, t.debit_account_id, t.credit_account_id)
    mine = or_(t.debit_account_id.in_(own), t.credit_account_id.in_(own))
    query = select(*columns).where(mine, t.kind.in_(POSTED_KINDS), *within(t.recorded_at, month)).order_by(t.seq)
    return act.conn.execute(query).all()


def _add(lines: dict[tuple[int, str, str], Line], purse: tuple[int, str], row: Any, amount: int) -> None:
    """One line for each act on a card, however many lots it touched."""
    if row.code in ("debit_subsidy", "debit_personal"):
        return  # its line tells more: see _debit_lines
    key = (purse[0], row.group_id, row.code)
    before = lines.get(key, Line(row.occurred_at, ACTS.get(row.code, OTHER_ACT), "", 0, 0, back=row.code == "void"))
    subsidised = purse[1] == chart.CARD_SUBSIDY
    lines[key] = replace(
        before,
        subsidy=before.subsidy + (amount if subsidised else 0),
        personal=before.personal + (0 if subsidised else amount),
    )


def _check(account: Account) -> None:
    for purse in (0, 1):
        moved = sum((line.subsidy, line.personal)[purse] for line in account.lines)
        if account.opening[purse] + moved != account.closing[purse]:
            raise BrokenInvariant(f"card {account.card_id}: the lines of a statement do not add up to its balance")


# -- lines --------------------------------------------------------------------------------------------------------------------
def _debit_lines(act: Act, card_ids: Sequence[int], month: Month) -> Iterable[tuple[int, Line]]:
    d, v = debits.c, visits.c
    query = (
        select(
            d.card_id, d.visit_id, d.subsidy_fen, d.personal_fen, d.cash_fen, d.shortfall_fen, v.check_in_at, v.seconds
        )
        .add_columns(providers.c.name.label("provider"), caregivers.c.name.label("caregiver"))
        .join(visits, v.id == d.visit_id)
        .join(providers, providers.c.id == d.provider_id)
        .join(caregivers, caregivers.c.id == v.caregiver_id)
        .where(d.card_id.in_(card_ids), d.status != "declined", *within(d.recorded_at, month))
    )
    rows = act.conn.execute(query).all()
    items = items_of(act.conn, [row.visit_id for row in rows])
    for row in rows:
        what = "、".join(item.name_zh for item in items.get(row.visit_id, ())) or "服务"
        minutes = f" {row.seconds // 60}分钟 min" if row.seconds else ""
        if row.shortfall_fen:
            minutes += f"（不足的{format_yuan(row.shortfall_fen)}元由服务商承担 borne by the provider）"
        who = f"{row.provider} {row.caregiver}"
        yield (
            row.card_id,
            Line(row.check_in_at, what + minutes, who, -row.subsidy_fen, -row.personal_fen, row.cash_fen, debit=True),
        )


def _year(act: Act, by_card: dict[int, Account], month: Month) -> None:
    y, c = card_years.c, cards.c
    query = select(y.card_id, y.entitled, y.spent, c.scheme_code).join(cards, c.id == y.card_id)
    capped: dict[str, bool] = {}
    for row in act.conn.execute(query.where(y.card_id.in_(by_card), y.year == month.year)):
        if row.scheme_code not in capped:
            capped[row.scheme_code] = in_force(act.conn, row.scheme_code, month).purses.yearly_cap.applies
        if capped[row.scheme_code]:
            by_card[row.card_id].year_left = cap.Year(row.entitled, row.spent).left


# -- what waited for paper ----------------------------------------------------------------------------------------------------
_ON_PAPER = ("paper", "printed", "given_up")
_IN_THE_TABLE = ("debit", "debit_back", "code")


def _notices(act: Act, ring: KeyRing, by_senior: dict[int, Account], month: Month) -> None:
    m = messages.c
    wanted = m.senior_id.in_(by_senior), m.status.in_(_ON_PAPER), m.kind.not_in(_IN_THE_TABLE)
    query = select(m.senior_id, m.text_cipher).where(*wanted, *within(m.created_at, month))
    for row in act.conn.execute(query.order_by(m.created_at, m.id)):
        by_senior[row.senior_id].notices.append(ring.decrypt(row.text_cipher, outbox.TEXT))
