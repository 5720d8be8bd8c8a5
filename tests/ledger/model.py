"""What the ledger should do, in integers and dicts: every rule once, nothing for speed, nothing kept but the rows.

:class:`Model` answers the same calls as :class:`tests.ledger.sides.Ledger`. An answer is what happened (``posted``, ``replayed`` or the code of a
reason) and what could be spent afterwards from each guarded account touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from settlement.ledger.transfer import Group, Transfer
from settlement.periods import SHANGHAI

Answer = tuple[str, dict[int, int]]


class Row(NamedTuple):
    id: str
    group: str
    kind: str
    debit: int
    credit: int
    amount: int
    code: str
    reference: str
    occurred_at: datetime
    effective_on: date
    recorded_at: datetime
    hold: str | None = None
    reverses: str | None = None
    expires_at: datetime | None = None


@dataclass
class Opened:
    owner: str
    unit: str
    guarded: bool
    frozen_from: datetime | None = None


@dataclass
class Model:
    now: datetime
    accounts: dict[int, Opened] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    open_from: date | None = None
    after: dict[str, dict[int, int]] = field(default_factory=dict)  # what each act left, by group or resolution

    # -- what can be asked -----------------------------------------------------------------------------------------------------
    def balance(self, account: int, upto: date = date.max, recorded_before: datetime | None = None) -> int:
        return sum(
            (r.credit == account) * r.amount - (r.debit == account) * r.amount
            for r in self.rows.values()
            if r.kind in ("posted", "post_hold") and r.effective_on <= upto
            if recorded_before is None or r.recorded_at < recorded_before
        )

    def held(self, account: int) -> int:
        resolved = {r.hold for r in self.rows.values()}
        return sum(
            r.amount for r in self.rows.values() if r.kind == "hold" and r.debit == account and r.id not in resolved
        )

    def available(self, account: int) -> int:
        return self.balance(account) - self.held(account)

    # -- what can be done ------------------------------------------------------------------------------------------------------
    def batch(self, *groups: Group) -> list[Answer]:
        return [self.post(group.id, *group.transfers) for group in groups]

    def post(self, group: str, *transfers: Transfer) -> Answer:
        asked = [self._row(group, "posted", t) for t in transfers]
        return self._answer(group, group, asked, self._fault(transfers))

    def reverse(self, group: str, new_group: str, occurred_at: datetime) -> Answer:
        taken = [r for r in self.rows.values() if r.group == group and r.kind in ("posted", "post_hold")]
        if not taken:
            return "not_found", {}
        contra = [
            Transfer(f"{new_group}/{n}", r.credit, r.debit, r.amount, "void", "why", occurred_at, reverses=r.id)
            for n, r in enumerate(taken, 1)
        ]
        return self.post(new_group, *contra)

    def place(self, t: Transfer, expires_at: datetime) -> Answer:
        over = "hold_expired" if expires_at <= max(self.now, t.occurred_at) else None
        return self._answer(t.id, t.id, [self._row(t.id, "hold", t, None, expires_at)], over or self._fault([t]))

    def post_hold(self, hold: str, id: str, amount: int | None, occurred_at: datetime) -> Answer:
        return self._resolve(hold, id, "post_hold", amount, occurred_at)

    def void(self, hold: str, id: str, occurred_at: datetime) -> Answer:
        return self._resolve(hold, id, "void_hold", None, occurred_at)

    def expire(self) -> int:
        due = [r.id for r in self.rows.values() if r.kind == "hold" and r.expires_at is not None]
        due = [id for id in due if (self.rows[id].expires_at or self.now) <= self.now and not self._end_of(id)]
        for id in due:
            self._resolve(id, f"expire/{id}", "expire_hold", None, self.now)
        return len(due)

    def issue(self, run: str, control: int, amount: int, owners: Sequence[str], occurred_at: datetime) -> int:
        """The same amount to the purse of each of these owners who did not get it in this run."""
        new = [
            Transfer(f"{run}/{a.owner}", control, id, amount, "issue", run, occurred_at)
            for id, a in self.accounts.items()
            if a.guarded and a.owner in owners and f"{run}/{a.owner}" not in self.rows
        ]
        self.rows |= {t.id: self._row(run, "posted", t) for t in new}
        return len(new)

    def freeze(self, account: int, since: datetime) -> None:
        self.accounts[account].frozen_from = min(since, self.accounts[account].frozen_from or since)

    def unfreeze(self, account: int) -> None:
        self.accounts[account].frozen_from = None

    def close_before(self, day: date) -> None:
        self.open_from = max(day, self.open_from or day)

    # -- the rules -------------------------------------------------------------------------------------------------------------
    def _fault(self, transfers: Sequence[Transfer]) -> str | None:
        for t in transfers:
            if t.amount <= 0:
                return "amount_not_positive"
            if not {t.debit, t.credit} <= self.accounts.keys():
                return "account_not_found"
            if t.debit == t.credit:
                return "accounts_must_differ"
            if self.accounts[t.debit].unit != self.accounts[t.credit].unit:
                return "units_differ"
        return self._contra_fault([t.reverses for t in transfers if t.reverses]) or self._purse_fault(transfers)

    def _contra_fault(self, taken_back: Sequence[str]) -> str | None:
        if any(id not in self.rows or self.rows[id].kind not in ("posted", "post_hold") for id in taken_back):
            return "not_found"
        again = len(set(taken_back)) < len(taken_back) or {r.reverses for r in self.rows.values()} & set(taken_back)
        return "already_reversed" if again else None

    def _purse_fault(self, transfers: Sequence[Transfer]) -> str | None:
        for t in transfers:
            since = self.accounts[t.debit].frozen_from
            if t.spending and since is not None and t.occurred_at >= since:
                return "account_frozen"
        left = {id: self.available(id) for t in transfers for id in (t.debit, t.credit) if self.accounts[id].guarded}
        for t in transfers:
            for id, move in ((t.debit, -t.amount), (t.credit, t.amount)):
                if id in left:
                    left[id] += move
            if left.get(t.debit, 0) < 0:
                return "insufficient_funds"
        return None

    def _resolve(self, hold: str, id: str, kind: str, amount: int | None, occurred_at: datetime) -> Answer:
        h = self.rows.get(hold)
        if h is None or h.kind != "hold" or h.expires_at is None:
            return "hold_not_found", {}
        asked = h.amount if amount is None else amount
        fault = None
        end = self._end_of(hold)
        if end:
            fault = "hold_expired" if end.kind == "expire_hold" else "hold_resolved"
        elif kind == "post_hold":
            if h.expires_at <= max(self.now, occurred_at):
                fault = "hold_expired"
            elif asked <= 0:
                fault = "amount_not_positive"
            elif asked > h.amount:
                fault = "exceeds_hold"
        t = Transfer(id, h.debit, h.credit, asked, h.code, h.reference, occurred_at)
        return self._answer(id, None, [self._row(h.group, kind, t, hold)], fault)

    def _end_of(self, hold: str) -> Row | None:
        return next((r for r in self.rows.values() if r.hold == hold), None)

    def _row(self, group: str, kind: str, t: Transfer, hold: str | None = None, end: datetime | None = None) -> Row:
        day = max(t.occurred_at.astimezone(SHANGHAI).date(), self.open_from or date.min)
        content = (t.id, group, kind, t.debit, t.credit, t.amount, t.code, t.reference, t.occurred_at)
        return Row(*content, day, self.now, hold, t.reverses, end)

    def _answer(self, key: str, group: str | None, asked: list[Row], fault: str | None) -> Answer:
        """A repeat answers the first time's; what stands already, in part or otherwise, is refused; then the faults count."""
        ids = {r.id for r in asked}
        standing = {r.id: r for r in self.rows.values() if r.id in ids or (r.group == group and r.hold is None)}
        if standing or len(ids) < len(asked):
            same = {id: _content(r) for id, r in standing.items()} == {r.id: _content(r) for r in asked}
            return ("replayed", self.after[key]) if same and len(ids) == len(asked) else ("id_reused", {})
        if fault:
            return fault, {}
        self.rows |= {r.id: r for r in asked}
        touched = {id for r in asked for id in (r.debit, r.credit) if self.accounts[id].guarded}
        self.after[key] = {id: self.available(id) for id in touched}
        return "posted", self.after[key]


def _content(row: Row) -> Row:
    """What a repeat must repeat: all but when we recorded it and on which day it counts."""
    return row._replace(effective_on=date.min, recorded_at=row.occurred_at)
