"""A month of completed, debited visits on a founded county, set-based: a plan in a temporary table, then one statement for each real table.

What the calls at the door would have left: visits, lines, debits, their transfers, purses, the years' caps. Left out are work orders and
signed events, which no close reads. Most visits are as they should be; about one in eighty shows something that a signal finds or a rule
keeps out (``ODD``), so that a close has findings and exclusions to write as in a real month.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    Engine,
    MetaData,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)

from settlement.act import SYSTEM, Act, Actor, begin
from settlement.cards.tables import card_years, cards, media, top_ups
from settlement.db import Instant, micros
from settlement.ledger import chart
from settlement.ledger.accounts import open_account
from settlement.ledger.tables import accounts, transfers
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI, Month
from settlement.policy.tables import price_items, price_lists
from settlement.providers.tables import caregivers, contracts, providers
from settlement.visits.tables import debits, visit_lines, visits
from settlement.vouchers import issuance

SCHEME = "jiangdu"
EACH = 4
"""Visits a month per senior."""
SENIORS_PER_CARER = 20
SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
SLOTS = (time(8, 0), time(10, 30), time(13, 30))
OWN_MONEY = 10
"""One card in so many pays from its own purse what the subsidy does not cover, the others pay it in cash."""
TOP_UP_FEN = 40_000

# What is odd about the visit whose number leaves this remainder of 1,000.
ODD = {
    "short": (0, 5),
    "nowhere": (5, 8),
    "far": (8, 10),
    "debit_late": (10, 11),
    "overlaps": (11, 12),
    "no_debit": (12, 13),
}


def staff(engine: Engine, seniors_served: int) -> None:
    """Providers with contracts and caregivers for so many seniors, in the towns that have seniors. Again: nothing changes."""
    with begin(engine, SYSTEM, moment(date(2026, 6, 1))) as act:
        per_town = _served(seniors_served).subquery("served")
        query = (
            select(per_town.c.town, func.count().label("people")).group_by(per_town.c.town).order_by(per_town.c.town)
        )
        if act.conn.execute(select(func.count()).select_from(caregivers)).scalar_one():
            return
        for town, people in act.conn.execute(query).all():
            groups = -(-people // SENIORS_PER_CARER)
            of_town = [_provider(act, town, number) for number in range(max(1, groups // 30))]
            rows = [
                {"provider_id": of_town[group % len(of_town)], "staff_no": f"{town}-{group}", "name": "王某"}
                | {"phone_index": f"{town}-{group}", "from_day": date(2026, 1, 1), "trained_on": date(2026, 1, 1)}
                for group in range(groups)
            ]
            act.conn.execute(insert(caregivers), rows)


def _provider(act: Act, town: str, number: int) -> int:
    taken = act.conn.execute(select(func.count()).select_from(providers)).scalar_one() + 1
    row = {"code": f"91321012{taken:010d}", "name": f"示例养老服务社{taken}", "bank_name": "示例银行"}
    row |= {"bank_account": f"6217{taken:014d}", "created_at": act.now}
    id = int(act.conn.execute(insert(providers).returning(providers.c.id), row).scalar_one())
    contract = {"provider_id": id, "scheme_code": SCHEME, "town": town}
    act.conn.execute(insert(contracts), contract | {"from_day": date(2026, 7, 1), "until_day": date(2028, 7, 1)})
    open_account(act, chart.PROVIDER_CLAIM, chart.provider_in_town(id, town))
    open_account(act, chart.PROVIDER_CLAIM_PERSONAL, chart.provider(id))
    return id


def issue(engine: Engine, month: Month) -> None:
    """The month's subsidy to everybody, through the real calls."""
    early = moment(month.first_day)
    with begin(engine, SYSTEM, early) as act:
        runs = issuance.draft(act, SCHEME, month)
    for run in runs:
        with begin(engine, Actor("officer.a", "town", run.town), early) as act:
            issuance.approve(act, run.id)
        with begin(engine, Actor("officer.b", "town", run.town), early) as act:
            issuance.post(act, run.id)


def serve(engine: Engine, month: Month, count: int) -> int:
    """``count`` visits of a month, :data:`EACH` per senior; how many. The month's subsidy is issued before (:func:`issue`).

    Raises ValueError when the county has fewer seniors with a card than that takes.
    """
    people = -(-count // EACH)
    staff(engine, people)
    with begin(engine, SYSTEM, moment(month.next().first_day)) as act:
        _prepare(act.conn)
        top_up(act, month, people)
        plan = _plan(act, month, people)
        planned = act.conn.execute(select(func.count()).select_from(plan)).scalar_one()
        if planned < count:
            raise ValueError(f"{count} visits need {people} seniors with a card")
        _write(act.conn, plan, month)
        plan.drop(act.conn)
    return int(planned)


def moment(day: date) -> datetime:
    return datetime.combine(day, time(9), SHANGHAI)


def _prepare(conn: Connection) -> None:
    if conn.dialect.name == "sqlite":
        raw: Any = conn.connection.driver_connection
        raw.create_function("hexdigest", 1, lambda text: sha256(text.encode()).hexdigest(), deterministic=True)
        conn.exec_driver_sql("PRAGMA cache_size = -1000000")  # keys in no order fill whole indexes at once
    else:
        conn.exec_driver_sql("SET LOCAL work_mem = '256MB'")
        # The keys fit by construction; checking each would take longer than writing.
        conn.exec_driver_sql("SET LOCAL session_replication_role = replica")


def _digest(conn: Connection, text: ColumnElement[str]) -> ColumnElement[str]:
    """As the ids of debits that come from devices: the hash of the signed event."""
    if conn.dialect.name == "sqlite":
        return func.hexdigest(text)
    return func.encode(func.sha256(func.convert_to(text, "UTF8")), "hex")


def _served(people: int) -> Select[Any]:
    """The seniors who are visited: the first ``people`` with a card."""
    query = select(cards.c.id.label("card_id"), seniors.c.id.label("senior_id"), seniors.c.town)
    query = query.add_columns(cards.c.subsidy_account_id, cards.c.personal_account_id)
    return query.join(seniors, seniors.c.id == cards.c.senior_id).order_by(cards.c.id).limit(people)


def top_up(act: Act, month: Month, people: int) -> None:
    """Own money on every tenth card."""
    trust = open_account(act, chart.OPERATOR_TRUST, chart.OPERATOR)
    served = _served(people).subquery("served").c
    at_first = literal(moment(month.first_day), Instant)
    some = served.card_id % OWN_MONEY == 0
    id = literal(f"T{month}-") + cast(served.card_id, String)
    values: dict[str, ColumnElement[Any]] = {"id": id, "card_id": served.card_id, "kind": literal("top_up")}
    values |= {"amount_fen": literal(TOP_UP_FEN), "occurred_at": at_first}
    act.conn.execute(insert(top_ups).from_select(list(values), select(*values.values()).where(some)))
    values = {"id": literal("topup/") + id, "group_id": literal("topup/") + id, "kind": literal("posted")}
    values |= {"debit_account_id": literal(trust), "credit_account_id": served.personal_account_id}
    values |= {"amount": literal(TOP_UP_FEN), "code": literal("top_up"), "reference": literal("topup:") + id}
    values |= {"occurred_at": at_first, "effective_on": literal(month.first_day, Date), "recorded_at": at_first}
    act.conn.execute(insert(transfers).from_select(list(values), select(*values.values()).where(some)))
    filled = select(served.personal_account_id).where(some)
    a = accounts.c
    act.conn.execute(update(accounts).where(a.id.in_(filled)).values(balance=a.balance + TOP_UP_FEN))


# -- the plan -----------------------------------------------------------------------------------------------------------------
def _plan(act: Act, month: Month, people: int) -> Table:
    numbers = (
        "card_id senior_id medium_id subsidy_account personal_account provider_id caregiver_id claim claim_personal"
    )
    numbers += " came seconds day latitude longitude item price second_item second_price total balance personal_balance"
    plan = Table(
        "bench_plan",
        MetaData(),
        Column("n", BigInteger, primary_key=True, autoincrement=False),
        *(Column(name, String) for name in ("visit_id", "debit_id", "town")),
        *(Column(name, BigInteger) for name in numbers.split()),
        Column("subsidy", BigInteger),
        Column("personal", BigInteger),
        prefixes=["TEMPORARY"],
    )
    plan.create(act.conn)
    rows = _priced(act.conn, _placed(act.conn, month, people), month)
    act.conn.execute(insert(plan).from_select([column.name for column in rows.selected_columns], rows))
    return plan


def _placed(conn: Connection, month: Month, people: int) -> Select[Any]:
    """Who serves whom, when and where: a caregiver has twenty seniors of a town and three visits a day, a senior one about every week."""
    served = _served(people).subquery("served").c
    place = func.row_number().over(partition_by=served.town, order_by=served.card_id) - 1
    people_of = select(
        *served,
        func.dense_rank().over(order_by=served.town).label("town_no"),
        place.label("place"),
        (place // SENIORS_PER_CARER).label("team"),
        (place % SENIORS_PER_CARER).label("nth"),
    ).cte("people_of")
    carer_no = func.row_number().over(partition_by=contracts.c.town, order_by=caregivers.c.id) - 1
    carers = (
        select(contracts.c.town, caregivers.c.id, caregivers.c.provider_id, carer_no.label("team"))
        .join(contracts, contracts.c.provider_id == caregivers.c.provider_id)
        .cte("carers")
    )
    times = union_all(*(select(literal(number).label("number")) for number in range(EACH))).cte("times")
    slot = times.c.number * SENIORS_PER_CARER + people_of.c.nth
    day, of_day = slot // len(SLOTS), slot % len(SLOTS)
    begins = case({n: (at.hour * 60 + at.minute) * MINUTE for n, at in enumerate(SLOTS)}, value=of_day)
    mixed = people_of.c.card_id * 37 + times.c.number * 101
    came = micros(month.start(SHANGHAI)) + day * literal(24 * HOUR, BigInteger) + begins + mixed % 20 * MINUTE
    piece, claim, own_claim = media.alias("piece"), accounts.alias("claim"), accounts.alias("own_claim")
    purse, own_purse = accounts.alias("purse"), accounts.alias("own_purse")
    provider = literal("provider:") + cast(carers.c.provider_id, String)
    columns = {
        "card_id": people_of.c.card_id,
        "senior_id": people_of.c.senior_id,
        "medium_id": piece.c.id,
        "subsidy_account": people_of.c.subsidy_account_id,
        "personal_account": people_of.c.personal_account_id,
        "town": people_of.c.town,
        "provider_id": carers.c.provider_id,
        "caregiver_id": carers.c.id,
        "claim": claim.c.id,
        "claim_personal": own_claim.c.id,
        "came": came,
        "seconds": 3_630 + mixed % 1_500,
        "day": day,
        # Nobody lives within 60 metres of another, so that no crowd is found where there is none.
        "latitude": 300_000_000 + people_of.c.town_no * 3_000_000 + people_of.c.place // 307 * 6_000,
        "longitude": 1_190_000_000 + people_of.c.place % 307 * 7_000,
        "mixed": mixed,
        "balance": purse.c.balance,
        "personal_balance": own_purse.c.balance,
    }
    return (
        select(*(column.label(name) for name, column in columns.items()))
        .select_from(people_of)
        .join(times, literal(1) == 1)
        .join(carers, and_(carers.c.town == people_of.c.town, carers.c.team == people_of.c.team))
        .join(piece, and_(piece.c.card_id == people_of.c.card_id, piece.c.issue == 1))
        .join(claim, and_(claim.c.code == chart.PROVIDER_CLAIM, claim.c.owner == provider + "/" + people_of.c.town))
        .join(own_claim, and_(own_claim.c.code == chart.PROVIDER_CLAIM_PERSONAL, own_claim.c.owner == provider))
        .join(purse, purse.c.id == people_of.c.subsidy_account_id)
        .join(own_purse, own_purse.c.id == people_of.c.personal_account_id)
    )


def _priced(conn: Connection, placed: Select[Any], month: Month) -> Select[Any]:
    """Numbered in order of time, with two items each and what they cost."""
    p = placed.subquery("placed").c
    n = func.row_number().over(order_by=(p.came, p.card_id))
    numbered = select(*p, n.label("n")).subquery("numbered").c
    items = _items(conn)
    first, second = numbered.mixed % len(items), (numbered.mixed + 1) % len(items)
    price, second_price = (
        case({k: row.price_fen for k, row in enumerate(items)}, value=which) for which in (first, second)
    )
    total = price + second_price
    subsidy = _least(total, numbered.balance // EACH)
    own = numbered.card_id % OWN_MONEY == 0
    personal = case((own, _least(total - subsidy, numbered.personal_balance // EACH)), else_=0)
    visit_id = literal(f"V{month}-") + cast(10_000_000 + numbered.n, String)
    odd = numbered.n % 1000
    kept = [name for name in list(numbered.keys()) if name not in ("mixed", "came", "seconds", "latitude", "longitude")]
    return select(
        *(numbered[name] for name in kept),
        visit_id.label("visit_id"),
        _digest(conn, visit_id).label("debit_id"),
        case((_is("overlaps", odd), numbered.came - 2 * HOUR), else_=numbered.came).label("came"),
        case((_is("short", odd), 3_300), else_=numbered.seconds).label("seconds"),
        *(case((~_is("nowhere", odd), numbered[name])).label(name) for name in ("latitude", "longitude")),
        *(column.label(name) for name, column in {"item": first, "second_item": second}.items()),
        *(
            column.label(name)
            for name, column in {"price": price, "second_price": second_price, "total": total}.items()
        ),
        subsidy.label("subsidy"),
        personal.label("personal"),
    ).order_by(numbered.n)


def _items(conn: Connection) -> list[Any]:
    i = price_items.c
    query = select(price_items).where(i.evidence_kind == "home_visit", i.subsidised, i.min_minutes <= 60, ~i.together)
    return list(conn.execute(query.order_by(i.id)))


def _least(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one < other, one), else_=other)


def _is(name: str, remainder: ColumnElement[int]) -> ColumnElement[bool]:
    first, end = ODD[name]
    return and_(remainder >= first, remainder < end)


# -- the rows -----------------------------------------------------------------------------------------------------------------
def _write(conn: Connection, plan: Table, month: Month) -> None:
    p = plan.c
    list_id = conn.execute(select(func.max(price_lists.c.id))).scalar_one()
    left = p.came + p.seconds * SECOND
    odd = p.n % 1000
    debited = ~_is("no_debit", odd)
    learnt = left + MINUTE
    place = {f"{end}_{name}": p[name] for end in ("in", "out") for name in ("latitude", "longitude")}
    row: dict[str, ColumnElement[Any]] = {"id": p.visit_id, "senior_id": p.senior_id, "card_id": p.card_id}
    row |= {"caregiver_id": p.caregiver_id, "provider_id": p.provider_id, "town": p.town}
    row |= {"scheme_code": literal(SCHEME), "month": literal(str(month)), "check_in_at": p.came, "check_out_at": left}
    row |= {"seconds": p.seconds, "duration_source": literal("monotonic"), "in_method": literal("card_qr")}
    row |= {f"{name}_e7": column for name, column in place.items()}
    row |= {"in_accuracy_m": literal(20), "out_accuracy_m": literal(20), "out_distance_m": literal(5)}
    row |= {"in_distance_m": case((_is("far", odd), 900), else_=5), "out_method": literal("card_qr")}
    row |= {
        "in_medium_id": p.medium_id,
        "received_at": p.came + MINUTE,
        "completed_at": learnt,
        "status": literal("served"),
    }
    _fill(conn, visits, row, p.n)
    for no, (item, price) in enumerate(((p["item"], p.price), (p.second_item, p.second_price)), 1):
        codes = case({k: each.item_code for k, each in enumerate(_items(conn))}, value=item)
        line = {"visit_id": p.visit_id, "no": literal(no), "item_code": codes, "quantity": literal(1)}
        line |= {"price_list_id": literal(list_id), "unit_price_fen": price, "amount_fen": price}
        _fill(conn, visit_lines, line | {"subsidised": literal(True)}, p.n)
    taken = left + case((_is("debit_late", odd), 45), else_=2) * literal(MINUTE, BigInteger)
    row = {"id": p.debit_id, "visit_id": p.visit_id, "card_id": p.card_id, "medium_id": p.medium_id}
    row |= {"provider_id": p.provider_id, "town": p.town, "cap_year": literal(month.year), "occurred_at": taken}
    row |= {"recorded_at": taken, "total_fen": p.total, "subsidy_fen": p.subsidy, "personal_fen": p.personal}
    row |= {"cash_fen": p.total - p.subsidy - p.personal, "shortfall_fen": literal(0), "agreed_fen": p.total}
    row |= {"agreed_personal_fen": p.personal, "consent": literal("card_qr"), "status": literal("posted")}
    _fill(conn, debits, row, p.n, debited)
    day = case({n: literal(month.first_day + timedelta(n), Date) for n in range(31)}, value=p.day)
    row = {"group_id": literal("debit/") + p.debit_id, "kind": literal("posted"), "occurred_at": taken}
    row |= {"reference": literal("debit:") + p.debit_id, "effective_on": day, "recorded_at": taken}
    parts = (
        ("subsidy1", "debit_subsidy", p.subsidy_account, p.claim, p.subsidy),
        ("personal", "debit_personal", p.personal_account, p.claim_personal, p.personal),
    )
    for name, code, source, target, amount in parts:
        own = {"id": literal("debit/") + p.debit_id + literal(f"/{name}"), "debit_account_id": source}
        own |= {"credit_account_id": target, "amount": amount, "code": literal(code)}
        _fill(conn, transfers, row | own, p.n, and_(debited, amount > 0))
    _spend(conn, plan, month.year, debited)


def _fill(
    conn: Connection,
    table: Table,
    row: dict[str, ColumnElement[Any]],
    order: ColumnElement[Any],
    *which: ColumnElement[bool],
) -> None:
    query = select(*row.values()).where(*which).order_by(order)
    conn.execute(insert(table).from_select(list(row), query, include_defaults=False))


def _spend(conn: Connection, plan: Table, year: int, debited: ColumnElement[bool]) -> None:
    """Take from the purses, and count in the year, what was debited."""
    p, a, y = plan.c, accounts.c, card_years.c
    for purse, fen in ((p.subsidy_account, p.subsidy), (p.personal_account, p.personal)):
        with _summed(conn, purse, fen, debited) as (id, spent):
            of_account = select(spent).where(id == a.id).scalar_subquery()
            conn.execute(update(accounts).where(a.id.in_(select(id))).values(balance=a.balance - of_account))
    with _summed(conn, p.card_id, p.subsidy, debited) as (id, spent):
        of_card = select(spent).where(id == y.card_id).scalar_subquery()
        of_year = update(card_years).where(y.year == year, y.card_id.in_(select(id)))
        conn.execute(of_year.values(spent=y.spent + of_card))


@contextmanager
def _summed(
    conn: Connection, by: ColumnElement[int], fen: ColumnElement[int], which: ColumnElement[bool]
) -> Iterator[tuple[ColumnElement[int], ColumnElement[int]]]:
    """The sums of ``fen`` in a temporary table with a key, while the block lasts."""
    key = Column("id", BigInteger, primary_key=True, autoincrement=False)
    table = Table("bench_spent", MetaData(), key, Column("fen", BigInteger), prefixes=["TEMPORARY"])
    table.create(conn)
    query = select(by, cast(func.sum(fen), BigInteger)).where(which).group_by(by)
    conn.execute(insert(table).from_select(["id", "fen"], query))
    yield table.c.id, table.c.fen
    table.drop(conn)
