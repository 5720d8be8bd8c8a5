"""Purchases at a counter: a meal at a hatch, a day at a day-care centre. Nobody checks out; one act makes the visit, its lines and its debit, so that
closing, explanations, fraud signals and ``songbai verify`` see it as they see any other.

What is refused is answered, not raised, and kept (``counter_sales``). A purchase that was made without a line and is told afterwards is never
undone by us: the meal is eaten. Its visit is kept as soon as we know whose it was, also when nothing can be debited; then the provider bears it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, func, insert, select, update

from settlement.act import Act, Actor
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.outcomes import Declined, Reason, Refused, declined
from settlement.periods import local_date
from settlement.policy.tariff import Price, prices_in_force
from settlement.providers.tables import caregivers, terminals
from settlement.visits import admission, debiting, offline, rules, service, shown, voiding
from settlement.visits.admission import Facts
from settlement.visits.forms import CheckIn, Debit, DebitRequest, Line
from settlement.visits.shown import Read, Shown
from settlement.visits.tables import counter_sales, debits, visit_lines, visits
from settlement.visits.words import VOID_REASONS

CHECK_OUT = "check_out"
How = Literal["void", "refund", "reversal"]


@dataclass(frozen=True, kw_only=True)
class Sale:
    """``id``: the caller's, at most 40 characters; the same again answers the same. ``items``: quantity by item code. ``total_fen`` and
    ``personal_fen``: what the holder saw and agreed to, in all and from own money; ``cash_fen``: paid there against ``receipt_no``. ``offline``: made
    without a line and told afterwards."""

    id: str
    terminal_id: str
    staff_no: str
    items: Mapping[str, int]
    shown: Shown
    occurred_at: datetime
    total_fen: int
    personal_fen: int = 0
    cash_fen: int = 0
    receipt_no: str | None = None
    offline: bool = False

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(Line(item=item, quantity=quantity) for item, quantity in self.items.items())


@dataclass(frozen=True)
class TakenBack:
    """``visit_id``: void now; ``card_id``: where the money went back to, so much to each purse."""

    visit_id: str
    card_id: int
    subsidy_fen: int
    personal_fen: int


def sale(act: Act, ring: KeyRing, asked: Sale) -> Debit | Declined:
    """Sell at a counter: the debit, or why not. The act is to be committed whatever the answer. The same sale again answers the first result.

    Checks, in this order, the first that fails decides: terminal not revoked; staff number; the card as it was shown; clock and age; the scheme
    takes this way of showing it; items on the price list, and sold at counters (ITEM_NOT_AT_COUNTER); card, senior, provider and caregiver as
    at a door; the consent (chip, dynamic code, PIN); then those of :func:`debiting.debit`. Raises Refused: NOT_FOUND (terminal), NOT_ALLOWED,
    BAD_INPUT for amounts that cannot be, ID_REUSED for other content under the same id.
    """
    # Locked: two sales of one terminal take turns.
    theirs = select(terminals).where(terminals.c.id == asked.terminal_id).with_for_update(key_share=True)
    terminal = act.conn.execute(theirs).one_or_none()
    if terminal is None:
        raise Refused(Reason.NOT_FOUND, what=f"terminal {asked.terminal_id}")
    require(act, "visit.record", provider_id=terminal.provider_id)
    before = act.conn.execute(select(counter_sales).where(counter_sales.c.id == asked.id)).one_or_none()
    if before is not None:
        return _again(act, asked, before)
    counter = _Counter(act, ring, terminal, asked)
    answer = counter.sell()
    counter.keep(answer)
    return answer


def _again(act: Act, asked: Sale, before: Row[Any]) -> Debit | Declined:
    said = (asked.terminal_id, dict(asked.items), asked.occurred_at, asked.total_fen, asked.personal_fen, asked.offline)
    kept = (before.terminal_id, before.items, before.occurred_at, before.agreed_fen, before.agreed_personal_fen)
    if said != (*kept, before.offline):
        raise Refused(Reason.ID_REUSED)
    if before.status == "declined":
        return declined(Reason[before.decline_reason.upper()])
    return debiting.debit(act, _request(asked, before.consent, before.medium_id))


def _request(asked: Sale, consent: str, medium_id: int | None) -> DebitRequest:
    return DebitRequest(
        id=asked.id,
        visit_id=asked.id,
        consent=consent,
        occurred_at=asked.occurred_at,
        total_fen=asked.total_fen,
        confirm_personal_fen=asked.personal_fen,
        cash_fen=asked.cash_fen,
        receipt_no=asked.receipt_no,
        medium_id=medium_id,
        queued=asked.offline,
    )


@dataclass
class _Counter:
    """One sale under way. ``read``: the piece of card, once it is known; ``served``: its visit is written."""

    act: Act
    ring: KeyRing
    terminal: Row[Any]
    sale: Sale
    read: Read | None = None
    served: bool = False

    def sell(self) -> Debit | Declined:
        act, asked = self.act, self.sale
        if asked.total_fen <= 0 or min(asked.personal_fen, asked.cash_fen) < 0:
            raise Refused(Reason.BAD_INPUT, detail="total_fen > 0, personal_fen >= 0, cash_fen >= 0")
        if self.terminal.revoked_at is not None:
            return declined(Reason.DEVICE_REVOKED)
        c = caregivers.c
        who = select(c.id).where(c.provider_id == self.terminal.provider_id, c.staff_no == asked.staff_no)
        caregiver_id = act.conn.execute(who).scalar_one_or_none()
        if caregiver_id is None:
            return declined(Reason.CAREGIVER_UNKNOWN)
        found = shown.read(act.conn, self.ring, asked.shown)
        if isinstance(found, Declined):
            return found
        self.read = found
        arrival = CheckIn(
            visit_id=asked.id,
            caregiver_id=caregiver_id,
            method=asked.shown.method,
            occurred_at=asked.occurred_at,
            medium_id=found.medium_id,
        )
        facts = admission.gather(act, arrival, at_counter=True)
        if isinstance(facts, Declined):
            return facts
        prices = prices_in_force(act.conn, facts.scheme.code, facts.who.provider_id, facts.on)
        return (
            # How old an advice is, the debit asks: its visit is kept, and a second person may let it count.
            admission.clock_refused(act, facts.scheme, asked.occurred_at, released=asked.offline)
            or self._clock_behind(facts)
            or admission.method_refused(facts.scheme, asked.shown.method)
            or service.unsold(asked.lines, prices)
            or self._not_at_counter(facts, prices)
            or admission.people_refused(act, facts, asked.occurred_at)
            or shown.proved(act, self.ring, asked.shown, found, asked.total_fen, asked.occurred_at, late=asked.offline)
            or self._serve(facts, prices, found)
        )

    def _clock_behind(self, facts: Facts) -> Declined | None:
        """Whoever waits for our answer waits now: another time is a clock that goes wrong."""
        late = not rules.at_the_door(facts.scheme, self.sale.occurred_at, self.act.now)
        minutes = facts.scheme.door.offline.clock_off_minutes
        return declined(Reason.CLOCK_BEHIND, minutes=minutes) if late and not self.sale.offline else None

    def _not_at_counter(self, facts: Facts, prices: Mapping[str, Price]) -> Declined | None:
        """Items that must be proved by a check-out are served at home."""
        at_home = [
            item for item in self.sale.items if CHECK_OUT in facts.scheme.evidence(prices[item].evidence_kind).needs
        ]
        return declined(Reason.ITEM_NOT_AT_COUNTER, items="、".join(at_home)) if at_home else None

    def _serve(self, facts: Facts, prices: dict[str, Price], read: Read) -> Debit | Declined:
        """Visit, lines and debit; a decline leaves none of them and no code used up, unless it was made without a line."""
        asked, conn = self.sale, self.act.conn
        undo = conn.begin_nested()
        refusal = shown.redeemed(self.act, self.ring, asked.shown, read, asked.total_fen, asked.occurred_at, asked.id)
        if refusal is not None:
            undo.commit()  # a wrong guess counts
            return refusal
        conn.execute(insert(visits), self._visit(facts, read))
        conn.execute(insert(visit_lines), list(service.line_rows(asked.id, asked.lines, prices)))
        answer = debiting.debit(self.act, _request(asked, asked.shown.consent, read.medium_id))
        self.served = asked.offline or isinstance(answer, Debit)
        if self.served:
            undo.commit()
        else:
            undo.rollback()
        return answer

    def _visit(self, facts: Facts, read: Read) -> dict[str, Any]:
        who, at = facts.who, self.sale.occurred_at
        return {
            "id": self.sale.id,
            "senior_id": who.senior_id,
            "card_id": who.card_id,
            "caregiver_id": who.caregiver_id,
            "provider_id": who.provider_id,
            "town": who.town,
            "scheme_code": facts.scheme.code,
            "month": str(facts.month),
            "check_in_at": at,
            # The counter's own place. How far from home it lies says nothing.
            "in_latitude_e7": self.terminal.latitude_e7,
            "in_longitude_e7": self.terminal.longitude_e7,
            "in_method": self.sale.shown.method,
            "in_medium_id": read.medium_id,
            "received_at": self.act.now,
            "completed_at": self.act.now,
            "status": "served",
        }

    def keep(self, answer: Debit | Declined) -> None:
        asked = self.sale
        refusal = answer.reason.code if isinstance(answer, Declined) else None
        row = {
            "id": asked.id,
            "terminal_id": asked.terminal_id,
            "visit_id": asked.id if self.served else None,
            "medium_id": self.read.medium_id if self.read else None,
            "consent": asked.shown.consent,
            "items": dict(asked.items),
            "offline": asked.offline,
            "occurred_at": asked.occurred_at,
            "recorded_at": self.act.now,
            "agreed_fen": asked.total_fen,
            "agreed_personal_fen": asked.personal_fen,
            "cash_fen": asked.cash_fen,
            "receipt_no": asked.receipt_no,
            "status": "declined" if refusal else "sold",
            "decline_reason": refusal,
        }
        self.act.conn.execute(insert(counter_sales), row)


def take_back(act: Act, sale_id: str, how: How, total_fen: int | None = None) -> TakenBack | Declined:
    """Undo a sale as a whole: every fen returns to where it came from, and the visit is void. ``how``: a ``void`` on its own local day, a ``refund`` later,
    a ``reversal`` by a terminal that got no answer. ``total_fen``: what is to go back, as the terminal has it.

    Declined: SALE_UNKNOWN, NOTHING_TO_TAKE_BACK (it was refused), VISIT_VOID (taken back already, or void for another reason), SALE_NOT_TODAY,
    REFUND_NOT_WHOLE, VISIT_ON_STATEMENT (the town books an adjustment), OTHER_PROVIDERS_ORDER.
    """
    s = counter_sales.c
    row = act.conn.execute(select(counter_sales).where(s.id == sale_id).with_for_update()).one_or_none()
    if row is None:
        return declined(Reason.SALE_UNKNOWN)
    if row.visit_id is None or (row.status == "declined" and how != "reversal"):
        return declined(Reason.NOTHING_TO_TAKE_BACK)
    if row.taken_back_at is not None:
        return declined(Reason.VISIT_VOID, why=VOID_REASONS["taken_back"].zh)
    if how == "void" and local_date(act.now) != local_date(row.occurred_at):
        return declined(Reason.SALE_NOT_TODAY)
    priced = select(func.sum(visit_lines.c.amount_fen)).where(visit_lines.c.visit_id == row.visit_id)
    total = int(act.conn.execute(priced).scalar_one())
    if total_fen not in (None, total):
        return declined(Reason.REFUND_NOT_WHOLE, total_fen=total)
    voided = voiding.void(act, row.visit_id, "taken_back")
    if isinstance(voided, Declined):
        return voided
    change = {"taken_back_at": act.now, "taken_back_how": how}
    act.conn.execute(update(counter_sales).where(s.id == sale_id).values(change))
    d, v = debits.c, visits.c
    card_id = act.conn.execute(select(v.card_id).where(v.id == row.visit_id)).scalar_one()
    reversed_ = select(d.subsidy_fen, d.personal_fen).where(d.id == voided.debit_id)
    back = act.conn.execute(reversed_).one_or_none()
    return TakenBack(row.visit_id, card_id, *(back or (0, 0)))


def release(act: Act, sale_id: str, why: str) -> Debit | Declined:
    """A second person lets an offline sale count that was beyond a limit or too old: it is debited now, by the rules for late ones. May still be
    declined, and then stays as it was. Raises Refused: NOT_FOUND, NOT_ALLOWED (a town decides about its own), WRONG_STATE."""
    s = counter_sales.c
    row = act.conn.execute(select(counter_sales).where(s.id == sale_id).with_for_update()).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"sale {sale_id}")
    if row.decline_reason not in RELEASABLE or row.visit_id is None:
        raise Refused(Reason.WRONG_STATE, state="sold" if row.status == "sold" else "refused", event="release")
    visit = act.conn.execute(select(visits.c.town, visits.c.provider_id).where(visits.c.id == row.visit_id)).one()
    require(act, "quarantine.decide", town=visit.town)
    d = debits.c
    tried = act.conn.execute(select(func.count()).where(d.visit_id == row.visit_id, d.id != sale_id)).scalar_one()
    request = DebitRequest(
        id=f"{sale_id}-r{tried + 1}",  # a declined one stands: what has changed since is to be looked at anew
        visit_id=row.visit_id,
        consent=row.consent,
        occurred_at=row.occurred_at,
        total_fen=row.agreed_fen,
        confirm_personal_fen=row.agreed_personal_fen,
        cash_fen=row.cash_fen,
        receipt_no=row.receipt_no,
        medium_id=row.medium_id,
        released=True,
    )
    terminal = Actor(f"terminal:{row.terminal_id}", "device", provider_id=visit.provider_id)
    answer = debiting.debit(replace(act, actor=terminal), request)
    if isinstance(answer, Debit):
        act.conn.execute(update(counter_sales).where(s.id == sale_id).values(status="sold", decline_reason=None))
        before, after = {"reason": row.decline_reason}, {"debit": answer.id}
        act.audit("sale.release", f"sale:{sale_id}", before=before, after=after, why=why)
    return answer


RELEASABLE = frozenset(reason.code for reason in (*offline.LIMITS, Reason.EVENT_TOO_OLD))
