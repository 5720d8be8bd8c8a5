"""The county before its quarter: offices, scheme, prices, places, providers and staff, the roster, enrolment, cards.

Everything goes through the calls the offices themselves use; nothing is written past them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from io import BytesIO
from pathlib import Path

from openpyxl import Workbook
from sqlalchemy import Engine, select

from settlement import keys, officers
from settlement.act import SYSTEM, Act, begin
from settlement.cards import money, registry, sheet
from settlement.closing import payers
from settlement.db import migrate, reading
from settlement.demo import county, offices
from settlement.demo.county import County
from settlement.demo.diary import Carer, Home
from settlement.keys import KeyRing
from settlement.people import enrolment
from settlement.people.importing import import_roster
from settlement.people.places import Place, add_many
from settlement.people.tables import enrolments, entitlements, seniors
from settlement.periods import SHANGHAI
from settlement.policy import loader, store, tariff
from settlement.policy.duties import visits_required
from settlement.policy.price_sheet import builtin_prices
from settlement.policy.scheme import Scheme
from settlement.providers import caregivers, register

SCHEME = "jiangdu"
VISITS_PER_CARER = 70  # a month: some three a working day
START = date(2026, 7, 1)
CONTRACT_YEAR = (
    date(2026, 7, 1),
    date(2027, 7, 1),
)  # twelve months, notice 4(3); a visit tried by hand after the demo finds it in force


def moment(day: date, hour: int = 9, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), SHANGHAI)


@dataclass
class World:
    """What the demo remembers of its county between the stages."""

    engine: Engine
    ring: KeyRing
    seed: int
    folder: Path
    county: County
    scheme: Scheme
    homes: list[Home] = field(default_factory=list)
    carers: list[Carer] = field(default_factory=list)
    providers: dict[int, str] = field(default_factory=dict)
    cards: dict[int, int] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def rng(self, purpose: str) -> random.Random:
        """A stream of chance of its own for each purpose, so that changing one leaves the others alone."""
        return random.Random(f"{purpose}/{self.seed}")  # noqa: S311 - repeatable on purpose

    @contextmanager
    def acting(self, by: str, now: datetime) -> Iterator[Act]:
        """One act by a named officer, as a command would open it."""
        who = SYSTEM
        if by != SYSTEM.id:
            with reading(self.engine) as conn:
                who = officers.actor(conn, by)
        with begin(self.engine, who, now) as act:
            yield act


def open_district(engine: Engine, folder: Path, keys_file: Path, seniors_wanted: int, seed: int) -> World:
    """An empty database with its keys, its offices and its scheme. The demo's keys come from the seed: nobody's data is behind them."""
    migrate(engine)
    ring = keys.new_ring(f"demo/{seed}".encode())
    keys.save(ring, keys_file)
    (folder / "out").mkdir(parents=True, exist_ok=True)
    built = county.build(seniors_wanted, seed)
    with begin(engine, SYSTEM, moment(date(2025, 8, 1))) as act:
        offices.appoint(act, built.villages)
        scheme = store.store(act, loader.builtin_text(SCHEME), f"{SCHEME}.toml")
    return World(engine, ring, seed, folder, built, scheme)


def contract_providers(world: World) -> None:
    """Six providers, each with a contract in some towns, their staff trained, the price list approved by a second person."""
    first_day, end_day = CONTRACT_YEAR
    with world.acting("ca.zhou", moment(date(2025, 8, 20))) as act:
        for number, (name, bank) in enumerate(county.PROVIDERS, 1):
            code = county.credit_code(number)
            provider_id = register.register(
                act, code=code, name=name, bank_name=bank, bank_account=f"621700{number:013d}"
            )
            register.set_phone(act, provider_id, f"0514-8600{number:04d}")
            offices.appoint_provider(act, provider_id)
            world.providers[provider_id] = name
        for index, town in enumerate(world.county.towns):
            register.contract(act, _provider_of(world, index), world.scheme.code, town, first_day, end_day)
        payers.register_account(
            act, "district", "江都区财政局养老服务补贴专户", "3210880000000000001", "江苏银行江都支行"
        )
        payers.register_account(
            act, "card_operator", "扬州市民卡公司备付金专户", "3210880000000000002", "江苏银行江都支行"
        )
        for index, town in enumerate(world.county.towns):
            payers.register_account(
                act, f"town:{town}", f"{town}养老服务补贴专户", f"32108800000000001{index:02d}", "江苏银行江都支行"
            )
    with world.acting("ca.lin", moment(date(2025, 8, 20), 15)) as act:
        prices = builtin_prices(world.scheme)
        list_id = tariff.draft_list(act, world.scheme, prices, version="2025.1", valid_from=first_day)
    with world.acting("ca.zhou", moment(date(2025, 8, 21))) as act:
        tariff.approve_list(act, world.scheme, list_id)


def _provider_of(world: World, town_index: int) -> int:
    return sorted(world.providers)[town_index % len(world.providers)]


def enrol_everybody(world: World) -> Path:
    """The roster as a workbook, imported as an office imports it, then every step of the scheme by who must take it."""
    with world.acting("ca.zhou", moment(date(2026, 5, 20))) as act:
        add_many(
            act,
            [Place(v.town, v.name, round(v.latitude * 1e7), round(v.longitude * 1e7)) for v in world.county.villages],
        )
    file = world.out / "roster.xlsx"
    file.write_bytes(roster_workbook(world.county))
    with world.acting("ca.lin", moment(county.DAY_ONE)) as act:
        brought = import_roster(act, world.ring, world.scheme, file.read_bytes(), file.name)
    if brought.findings:
        raise RuntimeError(f"the demo's own roster is faulty: {brought.findings[0]}")
    for town in world.county.towns:
        _enrol_town(world, town)
    return file


def roster_workbook(people: County) -> bytes:
    """A roster as an office would hand it in."""
    book = Workbook(write_only=True)
    page = book.create_sheet("名册")
    headers = "姓名 身份证号 镇街 村社区 类别 能力等级 评估日期 地址 电话 经度 纬度 代理人 代理人电话 申请日期"
    page.append(headers.split())
    for p in people.people:
        assessed = date(2026, 5, 4 + len(p.address) % 20) if p.applies else None
        place = (round(p.longitude, 6), round(p.latitude, 6))
        agent = (p.agent, "19900009999") if p.agent else (None, None)
        page.append(
            [
                p.name,
                p.id_no,
                p.village.town,
                p.village.name,
                "、".join(p.categories),
                p.level if p.applies else None,
                assessed,
                p.address,
                p.phone,
                *place,
                *agent,
                county.DAY_ONE if p.applies else None,
            ]
        )
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _enrol_town(world: World, town: str) -> None:
    officer = offices.town_officer(town)
    by_village = _applied(world, town)
    ids = sorted(id for of_village in by_village.values() for id in of_village)
    if not ids:
        return
    for clerk, of_village in by_village.items():
        with world.acting(clerk, moment(date(2026, 6, 3))) as act:
            enrolment.pass_step(act, world.scheme, of_village, "village_check")
    steps = (
        (officer, date(2026, 6, 9), "town_approve"),
        ("ca.zhou", date(2026, 6, 11), "district_file"),
        ("assess.he", date(2026, 6, 12), "assess"),
    )
    for by, day, step in steps:
        with world.acting(by, moment(day)) as act:
            enrolment.pass_step(act, world.scheme, ids, step)
    entitled: list[int] = []
    for clerk, of_village in by_village.items():
        with world.acting(clerk, moment(date(2026, 6, 15))) as act:
            enrolment.publicise(act, world.scheme, of_village)
        with world.acting(clerk, moment(date(2026, 6, 24))) as act:
            entitled += enrolment.pass_step(act, world.scheme, of_village, "publicise")
    with world.acting("counter.tang", moment(date(2026, 6, 26))) as act:
        e = enrolments.c
        people = list(act.conn.scalars(select(e.senior_id).where(e.id.in_(entitled)).order_by(e.id)))
        issued = registry.issue_many(act, world.ring, world.scheme.code, people)
        registry.activate_many(act, list(issued.values()))
        world.cards |= issued
        enrolment.pass_step(act, world.scheme, entitled, "card")
    with world.acting(officer, moment(date(2026, 6, 28))) as act:
        enrolment.pass_step(act, world.scheme, entitled, "load")


def _applied(world: World, town: str) -> dict[str, list[int]]:
    """The town's enrolments by the sign-in name of the village's officer."""
    clerks = offices.village_officers(world.county.villages)
    e, found = enrolments.c, dict[str, list[int]]()
    query = select(e.id, seniors.c.village).join(seniors, seniors.c.id == e.senior_id)
    with reading(world.engine) as conn:
        for row in conn.execute(
            query.where(seniors.c.town == town, e.scheme_code == world.scheme.code).order_by(seniors.c.village, e.id)
        ):
            found.setdefault(clerks[town, row.village], []).append(row.id)
    return found


def staff_up(world: World) -> None:
    """Caregivers by the visits that their towns will need, each trained and certified."""
    world.homes = list(_homes(world))
    rng = world.rng("staff")
    for index, town in enumerate(world.county.towns):
        provider_id = _provider_of(world, index)
        due = sum(home.visits for home in world.homes if home.town == town)
        with world.acting(offices.provider_officer(provider_id), moment(date(2026, 6, 1))) as act:
            for number in range(max(3, -(-due // VISITS_PER_CARER))):
                name = rng.choice(county.SURNAMES) + rng.choice(county.WOMEN)
                caregiver_id = caregivers.employ(
                    act,
                    world.ring,
                    provider_id,
                    f"{index + 1:02d}{number + 1:03d}",
                    name,
                    from_day=date(2025, 9, 1),
                    phone=f"1990001{index:02d}{number:02d}",
                    trained_on=date(2025, 8, 28),
                    certificate_until=date(2027, 8, 28),
                )
                world.carers.append(Carer(caregiver_id, provider_id, town))


def _homes(world: World) -> Iterator[Home]:
    """Everyone entitled from July, with the visits that the scheme asks for."""
    rng = world.rng("homes")
    query = (
        select(
            seniors.c.id,
            seniors.c.town,
            seniors.c.latitude_e7,
            seniors.c.longitude_e7,
            entitlements.c.benefit,
            entitlements.c.level,
        )
        .join(entitlements, entitlements.c.senior_id == seniors.c.id)
        .where(entitlements.c.from_month == "2026-07")
        .order_by(seniors.c.id)
    )
    with reading(world.engine) as conn:
        for row in conn.execute(query):
            yield Home(
                row.id,
                row.town,
                row.latitude_e7,
                row.longitude_e7,
                visits_required(world.scheme, row.benefit, row.level),
                rng.random() < 0.04,
            )


def load_own_money(world: World) -> None:
    """Some seniors put own money on the card at the counter, to buy more at market price."""
    rng = world.rng("top-ups")
    with world.acting("counter.tang", moment(date(2026, 6, 29))) as act:
        for home in world.homes:
            if home.spare:
                fen = rng.choice((5_000, 10_000, 20_000))
                money.top_up(act, f"T20260629-{home.senior_id}", world.cards[home.senior_id], fen, act.now)


def print_cards(world: World) -> Path:
    """The cards of one village as a printable sheet."""
    home = world.county.villages[0]
    with world.acting(offices.town_officer(home.town), moment(date(2026, 6, 27))) as act:
        printed = sheet.card_sheet(act, world.ring, home.town, "https://songbai.example", village=home.name)
    file = world.out / "cards.pdf"
    file.write_bytes(printed.pdf)
    return file
