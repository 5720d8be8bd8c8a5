"""Cards at the counter, in the towns and villages: found, handed over, lost, replaced, PIN, own money, closed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from settlement.act import Act
from settlement.cards import money, pin, registry, token
from settlement.cards.tables import card_pins, cards, media, top_ups
from settlement.people.register import ID_NO
from settlement.people.tables import seniors
from tests.admin.office import OTHER_TOWN, VILLAGE, Office, Seat
from tests.at_once import meanwhile
from tests.cards.county import COUNTER, SCHEME, TOWN_CLERK, entitle, senior
from tests.support import RING, acting
from tests.visits.world import Debit, Holder, World, found

IDENTITY = "321026194803010022"


@pytest.fixture
def world(engine: Engine) -> World:
    return found(engine)


@pytest.fixture
def her(world: World) -> Holder:
    """王桂英 of 正谊村: 110.00 of subsidy and 25.50 of her own."""
    return world.holder(subsidy=11_000, personal=2_550)


def counter(office: Office) -> Seat:
    return office.seat("counter", "card_counter")


def card_no(world: World, someone: Holder) -> str:
    with world.engine.connect() as conn:
        return str(conn.scalar(select(media.c.card_no).where(media.c.id == someone.medium_id)))


def status(world: World, card_id: int) -> str:
    with world.engine.connect() as conn:
        return str(conn.scalar(select(cards.c.status).where(cards.c.id == card_id)))


def row(world: World, query: Any) -> Any:
    with world.engine.connect() as conn:
        return conn.execute(query).one()


# -- found ------------------------------------------------------------------------------------------------------------------------
def test_a_card_is_found_by_scan_number_and_identity(world: World, her: Holder, office: Office) -> None:
    with world.engine.begin() as conn:
        mine = seniors.c.id == her.senior_id
        conn.execute(update(seniors).where(mine).values(id_no_index=RING.index(IDENTITY, ID_NO)))
        piece = conn.execute(select(media).where(media.c.id == her.medium_id)).one()
    seat = counter(office)
    code = token.url("https://songbai.example", token.make(RING, piece.token_id, piece.issue))
    for shown in (code, piece.card_no, f"{piece.card_no[:4]} {piece.card_no[4:]}", IDENTITY):
        answer = seat.post("/counter/find", shown=shown)
        assert (answer.status, answer.location) == (303, f"/counter/people/{her.senior_id}"), shown
        assert "?" not in answer.location
    assert seat.get(answer.location).location == f"/counter/cards/{her.card_id}"
    assert seat.post("/counter/find", shown="8812999999999999").status == 404
    assert seat.post("/counter/find", shown=code[:-3]).status == 404


def test_a_cards_page_says_how_it_stands(world: World, her: Holder, office: Office) -> None:
    visit = world.served(her, when="2026-07-03 09:00")
    assert isinstance(world.debit(visit, 3000), Debit)
    page = counter(office).get(f"/counter/cards/{her.card_id}")
    assert page.status == 200
    assert page.find("//h1")[0].text_content().startswith("王桂英的卡")
    values = [" ".join(one.text_content().split()) for one in page.find("//p[@class='value']")]
    assert values == ["80.00", "25.50", "1,770.00"]  # 110.00 − 30.00; her own; the year's 1,800.00 − 30.00
    assert card_no(world, her)[-4:] in page.text
    assert card_no(world, her) not in page.text
    (moved, *_) = page.find("//table[1]/tbody/tr")
    assert "-30.00" in moved.text_content() and "安康养老服务中心" in moved.text_content()


def test_another_offices_card_is_answered_like_none(world: World, her: Holder, office: Office) -> None:
    others = office.seat("li", "town", town=OTHER_TOWN)
    village = office.seat("zhao", "village", village="新河村")
    for seat in (others, village):
        for path in (f"/counter/cards/{her.card_id}", f"/counter/people/{her.senior_id}"):
            assert seat.get(path).status == 404
        assert seat.post(f"/counter/cards/{her.card_id}/lost").status == 404
        assert seat.post("/counter/find", shown=card_no(world, her)).status == 404
        assert her.card_id not in [int(one.text) for one in seat.get("/counter/cards").find("//td[1]/a")]
    assert status(world, her.card_id) == "active"
    own = office.seat("wang", "village", village=VILLAGE)
    assert own.get(f"/counter/cards/{her.card_id}").status == 200
    assert [int(one.text) for one in own.get("/counter/cards", status="active").find("//td[1]/a")] == [her.card_id]


# -- handed over, lost, replaced ------------------------------------------------------------------------------------------------------
def test_from_making_to_replacing(world: World, office: Office) -> None:
    with acting(world.engine) as act:
        someone = senior(act, "李秀珍")
        entitle(act, someone, 150, "2026-01")
    town, village, seat = office.seat("zhou", "town"), office.seat("wang", "village"), counter(office)
    assert "没有有效的卡" in town.get(f"/counter/people/{someone}").text
    made = town.post(f"/counter/people/{someone}/issue")
    card_id = int(made.location.rpartition("/")[2])
    assert status(world, card_id) == "issued"
    assert "李秀珍" in village.get("/counter/handing-over").text
    assert village.post("/counter/handing-over", cards=[str(card_id)]).status == 303
    assert status(world, card_id) == "active"
    assert village.post(f"/counter/cards/{card_id}/lost").status == 303
    assert status(world, card_id) == "lost"
    assert village.post(f"/counter/cards/{card_id}/replace").status == 403  # only the counter hands out another
    assert seat.post(f"/counter/cards/{card_id}/replace", card_no="6217000011112222").status == 303
    assert status(world, card_id) == "active"
    live = row(
        world, select(media.c.card_no, media.c.issue).where(media.c.card_id == card_id, media.c.dead_from.is_(None))
    )
    assert tuple(live) == ("6217000011112222", 2)


def test_a_village_hands_over_only_its_own_cards(world: World, office: Office) -> None:
    with acting(world.engine, by=TOWN_CLERK) as act:
        mine, theirs = senior(act), senior(act, village="新河村")
        made = registry.issue_many(act, RING, SCHEME, [mine, theirs])
    seat = office.seat("wang", "village", village=VILLAGE)
    both = seat.post("/counter/handing-over", cards=[str(id) for id in made.values()])
    assert both.status == 404
    assert {status(world, id) for id in made.values()} == {"issued"}


def test_a_citizen_card_is_bound(world: World, office: Office) -> None:
    with acting(world.engine) as act:
        someone = senior(act)
        entitle(act, someone, 60, "2026-01")
    seat = counter(office)
    assert seat.post(f"/counter/people/{someone}/bind").status == 422
    bound = seat.post(f"/counter/people/{someone}/bind", card_no="6217000099998888")
    assert status(world, int(bound.location.rpartition("/")[2])) == "active"
    with acting(world.engine) as act:
        nobody = senior(act)
    assert seat.post(f"/counter/people/{nobody}/issue").status == 404  # takes part in no scheme


# -- the PIN ------------------------------------------------------------------------------------------------------------------------
def test_the_holder_types_the_pin_twice(world: World, her: Holder, office: Office) -> None:
    seat = counter(office)
    path = f"/counter/cards/{her.card_id}/pin"
    unlike = seat.post(path, pin="682459", pin_again="682495")
    assert unlike.status == 422 and "两次输入不一样" in unlike.text
    assert "682459" not in unlike.content.decode()
    assert seat.post(path, pin="123456", pin_again="123456").status == 422  # what a thief tries first
    assert seat.post(path, pin="682459", pin_again="682459").status == 303
    with acting(world.engine, "2026-07-20 09:00") as act:
        assert pin.check(act, RING, her.card_id, "682459") is None


def test_a_locked_pin_is_unlocked_with_a_reason(world: World, her: Holder, office: Office) -> None:
    with acting(world.engine, "2026-07-01 09:00", COUNTER) as act:
        pin.set_pin(act, RING, her.card_id, "682459")
        for _ in range(5):
            pin.check(act, RING, her.card_id, "777888")
    seat = counter(office)
    assert "已锁定" in seat.get(f"/counter/cards/{her.card_id}").text
    assert seat.post(f"/counter/cards/{her.card_id}/unlock").status == 422
    assert seat.post(f"/counter/cards/{her.card_id}/unlock", why="已核对身份证").status == 303
    assert row(world, select(card_pins.c.wrong)).wrong == 0


# -- own money ------------------------------------------------------------------------------------------------------------------------
def shown(page: Any) -> dict[str, str]:
    """What a page's form would send besides what is typed."""
    fields = page.find("//main//form[@method='post']//input[@type='hidden']")
    return {one.get("name"): one.get("value") for one in fields if one.get("name") not in ("csrf_token", "form_id")}


def test_own_money_is_shown_before_it_moves(world: World, her: Holder, office: Office) -> None:
    seat, path = counter(office), f"/counter/cards/{her.card_id}/money"
    look = seat.get(path, kind="top_up", yuan="100.00", number="T1")
    assert "125.50" in look.text  # 25.50 + 100.00
    assert world.left(her) == (11_000, 2_550)
    done = seat.post(path, shown(look))
    assert done.location == f"/counter/cards/{her.card_id}"
    assert world.left(her) == (11_000, 12_550)
    again = seat.post(path, shown(look))  # what was shown no longer holds
    assert again.status == 409
    with world.engine.connect() as conn:
        assert conn.scalar(select(func.count()).select_from(top_ups)) == 1
    back = seat.get(path, kind="refund", yuan="25.50", number="T2")
    assert seat.post(path, shown(back)).status == 303
    assert world.left(her) == (11_000, 10_000)


@pytest.mark.parametrize("yuan", ["0", "-5", "1.234", "abc", ""])
def test_no_amount_is_agreed_to_that_is_none(world: World, her: Holder, office: Office, yuan: str) -> None:
    page = counter(office).get(f"/counter/cards/{her.card_id}/money", kind="top_up", yuan=yuan, number="T1")
    assert page.status == 200
    assert page.find("//main//form[@method='post']") == []


def test_more_than_there_is_cannot_be_paid_back(world: World, her: Holder, office: Office) -> None:
    seat, path = counter(office), f"/counter/cards/{her.card_id}/money"
    look = seat.get(path, kind="refund", yuan="30.00", number="T1")
    assert "余额不够" in look.text
    assert seat.post(path, shown(look)).status == 409
    assert world.left(her) == (11_000, 2_550)


# -- closing ---------------------------------------------------------------------------------------------------------------------------
def test_closing_shows_first_what_it_pays_back(world: World, her: Holder, office: Office) -> None:
    assert isinstance(world.debit(world.served(her, when="2026-07-03 09:00"), 3000), Debit)
    seat, path = counter(office), f"/counter/cards/{her.card_id}/close"
    look = seat.get(path)
    assert [one.text for one in look.find("//p[@class='value']")] == ["25.50", "80.00"]
    assert "还有 1 笔扣款（30.00 元）没有结算" in look.text
    assert seat.post(path, shown(look), payee="senior").status == 422  # no reason given
    closed = seat.post(path, shown(look), payee="senior", refund_no="R1", why="搬走")
    assert closed.status == 303, closed.text
    assert world.left(her) == (0, 0)
    assert status(world, her.card_id) == "closed"
    paid = row(world, select(top_ups.c.kind, top_ups.c.amount_fen).where(top_ups.c.id == "R1"))
    assert tuple(paid) == ("refund", 2_550)


def test_closing_is_asked_anew_when_money_moved_meanwhile(world: World, her: Holder, office: Office) -> None:
    seat, path = counter(office), f"/counter/cards/{her.card_id}/close"
    look = seat.get(path)
    assert isinstance(world.debit(world.served(her, when="2026-07-03 09:00"), 3000), Debit)
    late = seat.post(path, shown(look), payee="senior", why="搬走")
    assert late.status == 409
    assert status(world, her.card_id) == "active"


def test_closing_pays_out_what_was_shown_also_while_money_is_being_paid_in(databases: Any) -> None:
    """50.00 are paid in at another counter and not yet committed when the holder agrees to 25.50. PostgreSQL only: SQLite lets one writer in at a time."""
    engine = databases.create("postgresql")
    world, office = found(engine), Office(engine)
    her = world.holder(subsidy=11_000, personal=2_550)
    seat, path = counter(office), f"/counter/cards/{her.card_id}/close"
    look = shown(seat.get(path))
    answers = []

    def pays_in(act: Act) -> None:
        money.top_up(act, "T1", her.card_id, 5_000, act.now)

    def agrees(act: Act) -> None:
        answers.append(seat.post(path, look, payee="senior", refund_no="R1", why="搬走").status)

    assert meanwhile(engine, "2026-07-15 09:00", (COUNTER, pays_in), (COUNTER, agrees)) is None
    assert answers == [409]
    assert world.left(her) == (11_000, 7_550)
    databases.drop(engine)


def test_the_operators_daily_file_is_compared_and_nothing_booked(world: World, her: Holder, office: Office) -> None:
    seat, number = counter(office), card_no(world, her)
    with acting(world.engine, "2026-07-14 10:00", COUNTER) as act:
        money.top_up(act, "T1", her.card_id, 5_000, act.now)
    head = "交易流水号,卡号,交易类型,金额,交易时间\n"
    alike = f"T1,{number},充值,50.00,2026-07-14 10:00:00\n"
    more = f"=T2,{number},充值,9.00,2026-07-14 11:00:00\n"
    assert seat.post("/counter/operator-file", day="2026-07-14").status == 422
    first = seat.post("/counter/operator-file", day="2026-07-14", file=("d.csv", (head + alike).encode()))
    assert first.status == 200 and "全部相符" in first.text
    second = seat.post("/counter/operator-file", day="2026-07-14", file=("d.csv", (head + alike + more).encode()))
    assert "全部相符" not in second.text
    assert len(second.find("//table[caption[contains(., '不符的')]]/tbody/tr")) == 1
    assert seat.post("/counter/operator-file", day="2026-07-14", file=("d.csv", b"\x00\xff%PDF")).status == 422
    assert world.left(her) == (11_000, 7_550)
