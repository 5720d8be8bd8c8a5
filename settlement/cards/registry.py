"""What happens to cards: issued one by one or for a whole town, and led through the transitions of ``lifecycle``.

Everything runs in the caller's act. Order of locks: the card's row, then its accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update

from settlement.act import Act
from settlement.cards import book, lifecycle, media
from settlement.cards.book import Card
from settlement.cards.lifecycle import Transition
from settlement.cards.tables import cards
from settlement.cards.tables import media as media_table
from settlement.keys import KeyRing
from settlement.ledger import accounts as account_book
from settlement.ledger import chart
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.people.tables import seniors

FREEZE_REASONS = ("died", "left", "removed", "order")
"""Why a card may be frozen from outside; ``loss`` is set by :func:`report_lost` alone."""

GONE = ("died", "left")
"""Those that the register of people gives; they hold whatever else froze the card."""

_THAWED = {"frozen_from": None, "freeze_reason": None, "ordered_from": None, "ordered_reason": None}

BATCH = 500

# -- issuing ------------------------------------------------------------------------------------------------------------------


def issue(
    act: Act, ring: KeyRing, scheme_code: str, senior_id: int, card_no: str | None = None, *, unit: str = "fen"
) -> int:
    """Make a card; it works once activated. A closed one is issued anew. Raises Refused(CARD_EXISTS, CARD_NUMBER_TAKEN)."""
    return _issue_one(act, ring, scheme_code, senior_id, card_no, "issue", unit)


def bind(act: Act, ring: KeyRing, scheme_code: str, senior_id: int, card_no: str, *, unit: str = "fen") -> int:
    """Take the citizen card the person already carries: ``card_no`` is what is printed on it. It works at once."""
    return _issue_one(act, ring, scheme_code, senior_id, card_no, "bind", unit)


def _issue_one(act: Act, ring: KeyRing, scheme: str, senior_id: int, card_no: str | None, event: str, unit: str) -> int:
    # Held: of two counters with one person the second finds the card that the first made.
    act.conn.execute(select(seniors.c.id).where(seniors.c.id == senior_id).with_for_update(key_share=True)).all()
    before = book.of_senior(act.conn, senior_id)
    if before is None:
        listed = lifecycle.transition(lifecycle.NONE, event)
        _require_towns(act, listed, [senior_id])
        return _create(act, ring, scheme, [senior_id], {} if card_no is None else {senior_id: card_no}, unit, listed)[
            senior_id
        ]
    card = book.get(act.conn, before.id, lock=True)
    if card.status != lifecycle.CLOSED:
        raise Refused(Reason.CARD_EXISTS)
    listed = may(act, card, event)
    number = media.add_next(act, ring, card.id, card_no)
    _thaw(act, card.id)
    activated = act.now if listed.target == lifecycle.ACTIVE else None
    _set(act, card, listed, activated_at=activated, closed_at=None, **_THAWED)
    _note(act, card, listed, issue=number)
    return card.id


def issue_many(
    act: Act,
    ring: KeyRing,
    scheme_code: str,
    senior_ids: Sequence[int],
    card_numbers: Mapping[int, str] | None = None,
    *,
    unit: str = "fen",
) -> dict[int, int]:
    """Cards for many people at once; those who have one keep it. The card ids of all, by senior.

    ``card_numbers``: printed numbers by senior, where the operator gave them. ``unit``: the scheme's, of the subsidy account.
    A town's officer issues to that town only. Raises Refused(NOT_FOUND, CARD_NUMBER_TAKEN).
    """
    listed = lifecycle.transition(lifecycle.NONE, "issue")
    wanted = list(dict.fromkeys(senior_ids))
    have = _require_towns(act, listed, wanted)
    missing = [id for id in wanted if id not in have]
    made = _create(act, ring, scheme_code, missing, card_numbers or {}, unit, listed) if missing else {}
    return have | made


def _require_towns(act: Act, listed: Transition, senior_ids: Sequence[int]) -> dict[int, int]:
    """Check the right to issue to these people; the cards that exist, by senior. Raises Refused(NOT_FOUND, NOT_ALLOWED)."""
    have: dict[int, int] = {}
    towns: set[str] = set()
    known = 0
    query = select(seniors.c.id, seniors.c.town, cards.c.id.label("card_id"))
    query = query.outerjoin(cards, cards.c.senior_id == seniors.c.id)
    for start in range(0, len(senior_ids), BATCH):
        for row in act.conn.execute(query.where(seniors.c.id.in_(senior_ids[start : start + BATCH]))):
            known += 1
            towns.add(row.town)
            if row.card_id is not None:
                have[row.id] = row.card_id
    if known < len(senior_ids):
        raise Refused(Reason.NOT_FOUND, what="senior")
    for town in sorted(towns):
        require(act, listed.permission, town=town)
    return have


def _create(
    act: Act,
    ring: KeyRing,
    scheme_code: str,
    senior_ids: Sequence[int],
    numbers: Mapping[int, str],
    unit: str,
    listed: Transition,
) -> dict[int, int]:
    ids = dict(zip(senior_ids, _reserve_ids(act.conn, len(senior_ids)), strict=True))
    printed = {card_id: numbers.get(senior_id) or media.own_number(card_id, 1) for senior_id, card_id in ids.items()}
    media.refuse_taken(act.conn, list(printed.values()))
    owners = [chart.card(card_id) for card_id in printed]
    subsidy = account_book.open_accounts(act, chart.CARD_SUBSIDY, owners, unit=unit, guarded=True)
    personal = account_book.open_accounts(act, chart.CARD_PERSONAL, owners, guarded=True)
    same = {"scheme_code": scheme_code, "status": listed.target, "created_at": act.now}
    same |= {"activated_at": act.now if listed.target == lifecycle.ACTIVE else None}
    act.conn.execute(
        insert(cards),
        [
            same
            | {
                "id": card_id,
                "senior_id": senior_id,
                "subsidy_account_id": subsidy[chart.card(card_id)],
                "personal_account_id": personal[chart.card(card_id)],
            }
            for senior_id, card_id in ids.items()
        ],
    )
    act.conn.execute(insert(media_table), [media.row(act, ring, card_id, 1, no) for card_id, no in printed.items()])
    subject = f"card:{next(iter(printed))}" if len(printed) == 1 else "cards"
    after = {"status": listed.target, "issue": 1, "scheme": scheme_code, "cards": list(printed)}
    act.audit(f"card.{listed.event}", subject, after=after)
    return ids


def _reserve_ids(conn: Connection, count: int) -> list[int]:
    # A card and its accounts name each other, so the card's id must be known before either is written.
    if conn.dialect.name == "postgresql":
        query = text("SELECT nextval(pg_get_serial_sequence('cards', 'id')) FROM generate_series(1, :n)")
        return [int(id) for id in conn.execute(query, {"n": count}).scalars()]
    last = conn.execute(select(func.coalesce(func.max(cards.c.id), 0))).scalar_one()
    return list(range(last + 1, last + 1 + count))


# -- transitions --------------------------------------------------------------------------------------------------------------


def activate(act: Act, card_id: int) -> None:
    """The card was handed over. Raises Refused(CARD_STATE)."""
    activate_many(act, [card_id])


def activate_many(act: Act, card_ids: Sequence[int]) -> None:
    """Cards that were handed over, a village's at a time. Raises Refused(CARD_STATE) when one is in another state: none is changed."""
    wanted = sorted(set(card_ids))
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        query = book.query().where(cards.c.id.in_(part)).order_by(cards.c.id).with_for_update(of=cards)
        found = [book.card_of(row) for row in act.conn.execute(query)]
        if len(found) < len(part):
            raise Refused(Reason.NOT_FOUND, what="card")
        for card in found:
            may(act, card, "activate")
        handed_over = update(cards).where(cards.c.id.in_(part))
        act.conn.execute(handed_over.values(status=lifecycle.ACTIVE, activated_at=act.now))
        subject = f"card:{part[0]}" if len(part) == 1 else "cards"
        act.audit("card.activate", subject, after={"status": lifecycle.ACTIVE, "cards": part})


def report_lost(act: Act, card_id: int, *, at: datetime | None = None) -> None:
    """Spending stops and the code is dead from ``at`` on, the moment the loss was reported (default: now)."""
    since = act.now if at is None else min(at, act.now)
    card = book.get(act.conn, card_id, lock=True)
    listed = may(act, card, "report_lost")
    media.kill(act, card_id, since, "lost")
    _set(act, card, listed, frozen_from=since, freeze_reason="loss")
    _freeze_accounts(act, card_id, since)
    _note(act, card, listed, since=since)


def replace(act: Act, ring: KeyRing, card_id: int, card_no: str | None = None) -> int:
    """A new medium with the next issue counter and the same accounts; the old code is dead. The new counter.

    Raises Refused(CARD_STATE) for a frozen or closed card, Refused(CARD_NUMBER_TAKEN).
    """
    card = book.get(act.conn, card_id, lock=True)
    listed = may(act, card, "replace")
    number = media.add_next(act, ring, card_id, card_no)
    if card.status == lifecycle.LOST:
        _thaw(act, card_id)
        activated = card.activated_at or act.now
        _set(act, card, listed, frozen_from=None, freeze_reason=None, activated_at=activated)
    _note(act, card, listed, issue=number)
    return number


def freeze(act: Act, card_id: int, *, since: datetime, reason: str) -> None:
    """Decline spending that occurred at or after ``since``; an earlier freeze keeps its moment. ``reason``: of FREEZE_REASONS."""
    if reason not in FREEZE_REASONS:
        raise Refused(Reason.BAD_INPUT, detail=f"reason {reason}")
    card = book.get(act.conn, card_id, lock=True)
    listed = may(act, card, "freeze")
    moment = since if card.frozen_from is None else min(since, card.frozen_from)
    kept: dict[str, object] = {}
    if card.status == lifecycle.FROZEN and reason in GONE and card.freeze_reason not in GONE:
        kept = {"ordered_from": card.frozen_from, "ordered_reason": card.freeze_reason}
    _set(act, card, listed, frozen_from=moment, freeze_reason=reason, **kept)
    _freeze_accounts(act, card_id, moment)
    _note(act, card, listed, why=reason, since=moment)


def unfreeze(act: Act, card_id: int, *, why: str) -> str:
    """End a freeze. The state it returns to: lost when its medium died meanwhile, issued when never handed over, else active."""
    card = book.get(act.conn, card_id, lock=True)
    if book.live_medium(act.conn, card_id) is None:
        target = lifecycle.LOST
    else:
        target = lifecycle.ISSUED if card.activated_at is None else lifecycle.ACTIVE
    listed = may(act, card, "unfreeze", target)
    _thaw(act, card_id)
    lost_at: datetime | None = None
    if target == lifecycle.LOST:
        m = media_table.c
        lost_at = act.conn.execute(select(func.max(m.dead_from)).where(m.card_id == card_id)).scalar_one()
        _freeze_accounts(act, card_id, lost_at or act.now)
    _set(act, card, listed, **_THAWED | {"frozen_from": lost_at, "freeze_reason": "loss" if lost_at else None})
    _note(act, card, listed, why=why)
    return target


def undo_gone(act: Act, card: Card, *, why: str) -> str:
    """The death or leaving that froze a card was recorded by mistake; its state now. A freeze by order that stood before stands again."""
    if card.status != lifecycle.FROZEN or card.freeze_reason not in GONE:
        return card.status
    state = unfreeze(act, card.id, why=why)
    if card.ordered_from is None or card.ordered_reason is None:
        return state
    freeze(act, card.id, since=card.ordered_from, reason=card.ordered_reason)
    return lifecycle.FROZEN


def mark_closed(act: Act, card: Card, listed: Transition) -> None:
    """The register's side of closing; ``money.close`` moves the money."""
    since = act.now if card.frozen_from is None else min(act.now, card.frozen_from)
    media.kill(act, card.id, act.now, "closed")
    _set(act, card, listed, frozen_from=since, closed_at=card.closed_at or act.now)
    _freeze_accounts(act, card.id, since)
    _note(act, card, listed)


def may(act: Act, card: Card, event: str, target: str | None = None) -> Transition:
    """The listed transition, checked against state, role and town. Raises Refused(CARD_STATE, NOT_ALLOWED)."""
    listed = lifecycle.transition(card.status, event, target)
    require(act, listed.permission, town=card.town)
    return listed


def _freeze_accounts(act: Act, card_id: int, since: datetime) -> None:
    for id in book.account_ids(act.conn, card_id):
        account_book.freeze(act, id, since)


def _thaw(act: Act, card_id: int) -> None:
    for id in book.account_ids(act.conn, card_id):
        account_book.unfreeze(act, id)


def _set(act: Act, card: Card, listed: Transition, **values: object) -> None:
    act.conn.execute(update(cards).where(cards.c.id == card.id).values(status=listed.target, **values))


def _note(act: Act, card: Card, listed: Transition, *, why: str | None = None, **after: object) -> None:
    changed = {"status": listed.target, **after}
    act.audit(f"card.{listed.event}", f"card:{card.id}", before={"status": card.status}, after=changed, why=why)
