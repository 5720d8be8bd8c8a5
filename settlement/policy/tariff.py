"""Price lists: versioned, approved by a second person, and which price holds for a provider on a day.

A provider with a list of its own in force is priced by that list alone; every other provider by the scheme's list. A list holds from
``valid_from`` until the day before the next one; prices of days that have passed never change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from settlement import officers
from settlement.act import Act
from settlement.outcomes import Reason, Refused
from settlement.periods import local_date
from settlement.policy.scheme import Scheme
from settlement.policy.tables import price_items, price_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceItem:
    """One thing that can be bought. ``price_fen`` for one ``unit_zh``; ``min_minutes`` is the item's own least duration, 0 for none."""

    item_code: str
    name_zh: str
    name_en: str
    category: str
    unit_zh: str
    price_fen: int
    min_minutes: int
    subsidised: bool
    evidence_kind: str
    together: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(PriceItem):
    """An item with the list version its price was read from."""

    list_id: int
    list_version: str


def draft_list(
    act: Act,
    scheme: Scheme,
    items: Sequence[PriceItem],
    *,
    version: str,
    valid_from: date,
    provider_id: int | None = None,
) -> int:
    """Keep a price list as a draft and return its id; the same list again returns the same id.

    Raises Refused(PRICES_CHANGED) when the version exists with other content.
    """
    officers.require(act, "prices.import")
    digest = _hash(items)
    lists = price_lists.c
    same = select(lists.id, lists.hash, lists.valid_from).where(
        lists.scheme_code == scheme.code, _owner(provider_id), lists.version == version
    )
    stored = act.conn.execute(same).one_or_none()
    if stored is not None:
        if (stored.hash, stored.valid_from) != (digest, valid_from):
            raise Refused(Reason.PRICES_CHANGED, version=version)
        return int(stored.id)
    row = {
        "scheme_code": scheme.code,
        "provider_id": provider_id,
        "version": version,
        "valid_from": valid_from,
        "hash": digest,
        "status": "draft",
        "imported_by": act.actor.id,
        "imported_at": act.now,
    }
    list_id = int(act.conn.execute(insert(price_lists).returning(lists.id), row).scalar_one())
    act.conn.execute(insert(price_items), [asdict(item) | {"list_id": list_id} for item in items])
    after = {"version": version, "valid_from": valid_from, "items": len(items), "hash": digest}
    act.audit("prices.draft", f"price_list:{list_id}", after=after)
    return list_id


def approve_list(act: Act, scheme: Scheme, list_id: int) -> None:
    """Put a draft in force from its day on; the list before it ends there. A second approval changes nothing.

    Raises Refused: NOT_FOUND; SAME_PERSON for the one who imported it; PRICES_OVERLAP when a later list is already approved;
    PRICES_BACKDATED when it would change prices of days that have passed.
    """
    officers.require(act, "prices.approve")
    lists = price_lists.c
    found = act.conn.execute(
        select(price_lists).where(lists.id == list_id, lists.scheme_code == scheme.code).with_for_update()
    ).one_or_none()
    if found is None:
        raise Refused(Reason.NOT_FOUND, what=f"price list {list_id}")
    if found.status == "approved":
        return
    officers.require_other(act, found.imported_by)
    approved = and_(lists.scheme_code == scheme.code, lists.status == "approved")
    rivals = act.conn.execute(
        select(lists.id, lists.provider_id, lists.valid_from, lists.valid_to)
        .where(approved, or_(_owner(found.provider_id), lists.provider_id.is_(None)))
        .order_by(lists.id)
        .with_for_update()
    ).all()
    own = [row for row in rivals if row.provider_id == found.provider_id]
    if any(row.valid_from >= found.valid_from for row in own):
        raise Refused(Reason.PRICES_OVERLAP, day=found.valid_from)
    today = local_date(act.now, scheme.time_zone)
    if found.valid_from < today and any(row.valid_to is None or row.valid_to > found.valid_from for row in rivals):
        raise Refused(Reason.PRICES_BACKDATED, day=found.valid_from)
    before = [row.id for row in own if row.valid_to is None]
    act.conn.execute(update(price_lists).where(lists.id.in_(before)).values(valid_to=found.valid_from))
    approval = {"status": "approved", "approved_by": act.actor.id, "approved_at": act.now}
    act.conn.execute(update(price_lists).where(lists.id == list_id).values(approval))
    act.audit(
        "prices.approve",
        f"price_list:{list_id}",
        before={"status": "draft"},
        after={"status": "approved", "ends": before},
    )


def with_prices(needed: FromClause, scheme_code: str) -> Select[Any]:
    """The set-based form: every row of ``needed`` with its price.

    ``needed`` has columns ``provider_id``, ``item_code`` and ``on_date`` (a local date); all its columns are kept, and ``list_id``,
    ``list_version``, ``category``, ``price_fen``, ``min_minutes``, ``subsidised``, ``evidence_kind`` and ``together`` are added: NULL
    where nothing is in force. Item, category and price columns that ``needed`` already names must not collide.
    """
    wanted = needed.c
    lists = price_lists.alias("chosen_list")
    items = price_items.alias("chosen_item")
    chosen = and_(
        items.c.item_code == wanted.item_code,
        items.c.list_id == lists.c.id,
        _holds(lists, scheme_code, wanted.provider_id, wanted.on_date),
    )
    added = [
        items.c[name] for name in ("category", "price_fen", "min_minutes", "subsidised", "evidence_kind", "together")
    ]
    joined = needed.outerjoin(lists.join(items, items.c.list_id == lists.c.id), chosen)
    return select(*wanted, lists.c.id.label("list_id"), lists.c.version.label("list_version"), *added).select_from(
        joined
    )


def prices_in_force(conn: Connection, scheme_code: str, provider_id: int, on_date: date) -> dict[str, Price]:
    """Everything a provider may sell on a day, by item code."""
    chosen = conn.execute(_CHOSEN, {"scheme": scheme_code, "provider": provider_id, "day": on_date}).one_or_none()
    return {} if chosen is None else dict(_items_of(conn, chosen))


def price_in_force(conn: Connection, scheme_code: str, provider_id: int, item_code: str, on_date: date) -> Price | None:
    """One item's price for a provider on a day (the local date of the check-in); None when it may not be sold."""
    return prices_in_force(conn, scheme_code, provider_id, on_date).get(item_code)


_read: dict[tuple[int, str, str], dict[str, Price]] = {}
"""Price lists read before, by id, version and hash: a stored list never changes, and a debit at the door must not read it anew."""


def _items_of(conn: Connection, chosen: Any) -> dict[str, Price]:
    key = (chosen.id, chosen.version, chosen.hash)
    if key not in _read:
        fields = [column for column in price_items.c if column.name != "id"]
        rows = conn.execute(select(*fields).where(price_items.c.list_id == chosen.id).order_by(price_items.c.item_code))
        _read[key] = {row["item_code"]: Price(**row, list_version=chosen.version) for row in rows.mappings()}
    return _read[key]


def _holds(
    lists: FromClause, scheme_code: str, provider_id: ColumnElement[int] | int, day: ColumnElement[date] | date
) -> ColumnElement[bool]:
    """The list that prices a provider on a day: its own if it has one in force, else the scheme's."""
    own = price_lists.alias("own_list")
    has_own = exists().where(_in_force(own, scheme_code, day), own.c.provider_id == provider_id)
    mine = or_(lists.c.provider_id == provider_id, and_(lists.c.provider_id.is_(None), ~has_own))
    return and_(_in_force(lists, scheme_code, day), mine)


def _in_force(lists: FromClause, scheme_code: str, day: ColumnElement[date] | date) -> ColumnElement[bool]:
    return and_(
        lists.c.scheme_code == scheme_code,
        lists.c.status == "approved",
        lists.c.valid_from <= day,
        or_(lists.c.valid_to.is_(None), lists.c.valid_to > day),
    )


_CHOSEN = (
    select(price_lists.c.id, price_lists.c.version, price_lists.c.hash)
    .where(
        price_lists.c.scheme_code == bindparam("scheme"),
        price_lists.c.status == "approved",
        price_lists.c.valid_from <= bindparam("day", type_=Date),
        or_(price_lists.c.valid_to.is_(None), price_lists.c.valid_to > bindparam("day", type_=Date)),
        or_(price_lists.c.provider_id.is_(None), price_lists.c.provider_id == bindparam("provider")),
    )
    .order_by(price_lists.c.provider_id.is_(None))
    .limit(1)
)
"""As :func:`_holds`: the provider's own list if it has one in force, else the scheme's."""


def _owner(provider_id: int | None) -> ColumnElement[bool]:
    column = price_lists.c.provider_id
    return column.is_(None) if provider_id is None else column == provider_id


def _hash(items: Sequence[PriceItem]) -> str:
    rows = sorted((asdict(item) for item in items), key=lambda row: str(row["item_code"]))
    return sha256(json.dumps(rows, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
