"""A month is issued once to whom it is due, and everybody can see what changed and why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select, update

from settlement.act import SYSTEM, Act
from settlement.audit import audit_rows
from settlement.cards import money, registry
from settlement.cards.tables import card_years
from settlement.errors import BrokenInvariant
from settlement.ledger.tables import accounts, transfers
from settlement.outcomes import Reason, Refused
from settlement.people.tables import entitlements, seniors
from settlement.periods import Month
from settlement.together import together
from settlement.vouchers import cap, integrity, issuance, runs
from settlement.vouchers.runs import Change
from settlement.vouchers.tables import issuance_drops, issuance_lines, issuance_runs
from tests.cards.county import COUNTER, SCHEME, TOWN, TOWN_CLERK, TOWN_HEAD, card, carded, entitle, senior
from tests.support import RING, acting, at, officer
from tests.vouchers.town import AUGUST, JIANGDU, JULY, SEPTEMBER, clean, issue, store_scheme, subsidy


def test_a_needy_semi_disabled_seniors_quarter(engine: Engine) -> None:
    """150.00 a month: 450.00 after three months; the year's cap is the six months July to December, 900.00, all along."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        _, card_id = carded(act, 150, "2026-07")
    for month, sum_so_far in ((JULY, 150_00), (AUGUST, 300_00), (SEPTEMBER, 450_00)):
        run = issue(engine, month, f"{month}-01 09:00")
        assert (run.status, run.people, run.amount) == ("posted", 1, 150_00)
        assert subsidy(engine, card_id) == sum_so_far
        with engine.connect() as conn:
            assert cap.year_view(conn, card_id, 2026).entitled == 900_00
    clean(engine)


def test_a_raise_counts_from_the_next_month(engine: Engine) -> None:
    """Able 80.00 in July; found semi-disabled on the 20th: 150.00 from August. Cap: 80 x 6 = 480, then 80 + 150 x 5 = 830."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        someone, card_id = carded(act, 80, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-20 10:00") as act:
        assert cap.remaining(act.conn, card_id, 2026) == 480_00
        entitle(act, someone, 150, "2026-08", reason="level_changed")
    run = issue(engine, AUGUST, "2026-08-01 09:00")
    with engine.connect() as conn:
        assert runs.changes(conn, run.id) == [Change(someone, "2026-08", 80_00, 150_00, "raised")]
        assert cap.remaining(conn, card_id, 2026) == 830_00
    assert subsidy(engine, card_id) == 230_00
    clean(engine)


def test_run_twice_nothing_changes(engine: Engine) -> None:
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        _, card_id = carded(act, 60, "2026-07")
    first = issue(engine, JULY, "2026-07-01 09:00")
    before = _everything(engine)
    again = issue(engine, JULY, "2026-07-02 15:00")
    assert again == first
    assert _everything(engine) == before
    assert subsidy(engine, card_id) == 60_00
    clean(engine)


def _everything(engine: Engine) -> list[tuple[object, ...]]:
    tables = (issuance_runs, issuance_lines, issuance_drops, card_years, transfers, accounts, audit_rows)
    with engine.connect() as conn:
        return [tuple(row) for table in tables for row in conn.execute(select(table)).all()]


def test_two_at_once_issue_once(engine: Engine) -> None:
    """Two schedulers wake up together; forty people get one month each, 40 x 80.00 = 3,200.00 in all."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        people = [senior(act) for _ in range(40)]
        for someone in people:
            entitle(act, someone, 80, "2026-07")
        registry.issue_many(act, RING, SCHEME, people)

    def go(_: int) -> runs.Run:
        return issue(engine, JULY, "2026-07-01 09:00")

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(go, range(3)))
    assert {(run.people, run.amount) for run in done} == {(40, 3200_00)}
    with engine.connect() as conn:
        loaded = conn.execute(
            select(func.count(), func.sum(transfers.c.amount)).where(transfers.c.code == "issue")
        ).one()
    assert tuple(loaded) == (40, 3200_00)
    clean(engine)


def test_a_draft_follows_the_facts_until_it_is_approved(engine: Engine) -> None:
    with acting(engine, "2026-06-28 09:00", TOWN_CLERK) as act:
        store_scheme(act)
        carded(act, 80, "2026-07")
        (run,) = issuance.draft(act, SCHEME, JULY, TOWN)
        assert (run.people, run.amount) == (1, 80_00)
        carded(act, 150, "2026-07")
        (run,) = issuance.draft(act, SCHEME, JULY, TOWN)
        assert (run.people, run.amount) == (2, 230_00)
    with acting(engine, "2026-06-29 09:00", TOWN_HEAD) as act:
        issuance.approve(act, run.id)
        carded(act, 260, "2026-07")
        (run,) = issuance.draft(act, SCHEME, JULY, TOWN)
        assert (run.status, run.people, run.amount) == ("approved", 2, 230_00)


def test_who_may_do_what(engine: Engine) -> None:
    with acting(engine, "2026-06-28 09:00", TOWN_CLERK) as act:
        store_scheme(act)
        carded(act, 80, "2026-07")
        (run,) = issuance.draft(act, SCHEME, JULY, TOWN)
    for who, call, reason in (
        (TOWN_CLERK, issuance.approve, Reason.SAME_PERSON),
        (officer("other", "town", town="邵伯镇"), issuance.approve, Reason.NOT_ALLOWED),
        (officer("money", "district_finance"), issuance.approve, Reason.NOT_ALLOWED),
        (SYSTEM, issuance.post, Reason.ISSUANCE_STATE),
    ):
        with pytest.raises(Refused) as refusal, acting(engine, "2026-06-29 09:00", who) as act:
            call(act, run.id)
        assert refusal.value.reason is reason
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-31 09:00", TOWN_CLERK) as act:
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
    with pytest.raises(Refused) as refusal, acting(engine, "2026-07-31 23:59", TOWN_CLERK) as act:
        issuance.draft(act, SCHEME, SEPTEMBER, TOWN)
    assert refusal.value.reason is Reason.ISSUANCE_TOO_EARLY
    with acting(engine, "2026-08-01 00:00", TOWN_CLERK) as act:
        (september,) = issuance.draft(act, SCHEME, SEPTEMBER, TOWN)
    with acting(engine, "2026-08-01 09:00", TOWN_HEAD) as act:
        issuance.approve(act, september.id)
    with pytest.raises(Refused) as refusal, acting(engine, "2026-08-01 09:00") as act:
        issuance.post(act, september.id)
    assert refusal.value.reason is Reason.ISSUANCE_GAP
    assert august.id in f"{SCHEME}/{refusal.value.details['missing']}/{TOWN}"


def test_everybody_who_comes_or_goes_is_named_with_the_reason(engine: Engine) -> None:
    """July: A, B, C, D 80 each. August: A's card is closed, B is frozen since 15 July, C lost the card (still issued), D loses the
    benefit, E is new. September: D is entitled again."""
    with acting(engine, "2026-06-28 09:00", COUNTER) as act:
        store_scheme(act)
        (a, card_a), (b, card_b), (_, card_c), (d, _) = (carded(act, 80, "2026-07") for _ in range(4))
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-15 09:00", COUNTER) as act:
        money.close(act, card_a, payee="senior", why="本人申请")
        registry.freeze(act, card_b, since=at("2026-07-15 00:00"), reason="order")
        registry.report_lost(act, card_c)
        entitle(act, d, 1, "2026-08", reason="category_changed")
        e, _ = carded(act, 60, "2026-08")
        _end(act, d, "2026-07")
    run = issue(engine, AUGUST, "2026-08-01 09:00")
    assert (run.people, run.amount) == (2, 140_00)  # C 80, E 60
    with engine.connect() as conn:
        assert runs.changes(conn, run.id) == [
            Change(e, "2026-08", 0, 60_00, "new"),
            Change(a, "2026-08", 80_00, 0, "card_closed"),
            Change(d, "2026-08", 80_00, 0, "category_changed"),
            Change(b, "2026-08", 80_00, 0, "frozen"),
        ]
        assert cap.year_view(conn, card_b, 2026).entitled == 80_00  # July alone
    with acting(engine, "2026-08-10 09:00") as act:
        entitle(act, d, 80, "2026-09")
    run = issue(engine, SEPTEMBER, "2026-09-01 09:00")
    with engine.connect() as conn:
        assert runs.changes(conn, run.id) == [Change(d, "2026-09", 0, 80_00, "resumed")]
    clean(engine)


def _end(act: Act, senior_id: int, month: str) -> None:
    act.conn.execute(
        update(entitlements)
        .where(entitlements.c.senior_id == senior_id)
        .values(to_month=month, end_reason="category_changed")
    )


def test_a_card_closed_after_the_approval_is_struck_off(engine: Engine) -> None:
    with acting(engine, "2026-06-28 09:00", TOWN_CLERK) as act:
        store_scheme(act)
    with acting(engine, "2026-06-28 09:00", COUNTER) as act:
        (gone, card_id), _ = carded(act, 80, "2026-07"), carded(act, 60, "2026-07")
    with acting(engine, "2026-06-29 09:00", TOWN_CLERK) as act:
        (run,) = issuance.draft(act, SCHEME, JULY, TOWN)
    with acting(engine, "2026-06-30 09:00", TOWN_HEAD) as act:
        assert issuance.approve(act, run.id).amount == 140_00
    with acting(engine, "2026-06-30 15:00", COUNTER) as act:
        money.close(act, card_id, payee="senior", why="本人申请")
    with acting(engine, "2026-07-01 09:00") as act:
        assert issuance.post(act, run.id).amount == 60_00
        assert Change(gone, "2026-07", 0, 0, "card_closed") in runs.changes(act.conn, run.id)
    clean(engine)


def test_a_month_missed_is_made_up_as_arrears(engine: Engine) -> None:
    """Entitled from July, the card came on 10 August: August's run is over, so September brings July, August, September, 3 x 80.00.
    The card frozen in August is not made up after the freeze ends."""
    with acting(engine, "2026-06-28 09:00", COUNTER) as act:
        store_scheme(act)
        late = senior(act)
        entitle(act, late, 80, "2026-07")
        _, frozen = carded(act, 60, "2026-07")
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-20 09:00", COUNTER) as act:
        registry.freeze(act, frozen, since=at("2026-07-20 00:00"), reason="order")
    issue(engine, AUGUST, "2026-08-01 09:00")
    with acting(engine, "2026-08-10 09:00", COUNTER) as act:
        late_card = card(act, late)
    with acting(engine, "2026-08-11 09:00", TOWN_HEAD) as act:
        registry.unfreeze(act, frozen, why="查无此事")
    run = issue(engine, SEPTEMBER, "2026-09-01 09:00")
    assert (run.people, run.amount) == (2, 300_00)
    with engine.connect() as conn:
        assert [(c.month, c.amount, c.change) for c in runs.changes(conn, run.id) if c.senior_id == late] == [
            ("2026-07", 80_00, "arrears"),
            ("2026-08", 80_00, "arrears"),
            ("2026-09", 80_00, "new"),
        ]
        assert cap.year_view(conn, late_card, 2026).entitled == 480_00  # 3 x 80 issued, 3 x 80 to come
    assert subsidy(engine, late_card) == 240_00
    assert subsidy(engine, frozen) == 120_00  # July and September
    clean(engine)


def test_who_came_between_the_draft_and_the_posting_gets_the_month_as_arrears(engine: Engine) -> None:
    """July is drafted on 28 June, a card is issued on the 29th, July is loaded on 1 July: August brings 2 x 150.00."""
    with acting(engine, "2026-06-28 09:00", TOWN_CLERK) as act:
        store_scheme(act)
        carded(act, 80, "2026-07")
        (july,) = issuance.draft(act, SCHEME, JULY, TOWN)
    with acting(engine, "2026-06-29 09:00", TOWN_HEAD) as act:
        issuance.approve(act, july.id)
        _, card_id = carded(act, 150, "2026-07")
    with acting(engine, "2026-07-01 09:00") as act:
        assert issuance.post(act, july.id).amount == 80_00
    run = issue(engine, AUGUST, "2026-08-01 09:00")
    assert (run.people, run.amount) == (2, 380_00)
    assert subsidy(engine, card_id) == 300_00
    assert issue(engine, SEPTEMBER, "2026-09-01 09:00").amount == 230_00
    clean(engine)


def test_unspent_money_carries_over_and_the_new_years_cap_stops_it_late(engine: Engine) -> None:
    """80.00 in December unspent. In January the year's cap is 12 x 80 = 960.00, before and after the January run."""
    december, january = Month(2026, 12), Month(2027, 1)
    with acting(engine, "2026-11-28 09:00") as act:
        store_scheme(act)
        _, card_id = carded(act, 80, "2026-12")
    issue(engine, december, "2026-12-01 09:00")
    with acting(engine, "2027-01-01 10:00") as act:  # a visit on New Year's Day, before anything is issued
        assert cap.year_view(act.conn, card_id, 2027) == cap.Year(960_00, 0)
        assert cap.room(act, card_id, 2027) == 960_00
        together(act.conn, [cap.spending(card_id, 2027, 80_00)])
    issue(engine, january, "2027-01-03 09:00")
    with acting(engine, "2027-11-10 10:00") as act:
        assert cap.year_view(act.conn, card_id, 2027) == cap.Year(960_00, 80_00)
        with pytest.raises(BrokenInvariant):
            together(act.conn, [cap.spending(card_id, 2027, 880_01)])
        together(act.conn, [cap.spending(card_id, 2027, 880_00)])
        assert cap.remaining(act.conn, card_id, 2027) == 0
        cap.give_back(act, card_id, 2027, 30_00)
        assert cap.remaining(act.conn, card_id, 2027) == 30_00
        assert cap.year_view(act.conn, card_id, 2026) == cap.Year(80_00, 0)
    assert subsidy(engine, card_id) == 160_00
    clean(engine)


def test_half_yearly(engine: Engine) -> None:
    """Six months at once: 2 x 80.00 and, raised from September, 4 x 150.00: 760.00 on 1 July, and nothing again until January."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act, JIANGDU.replace("\nmonths = 1\nsource", "\nmonths = 6\nsource", 1))
        someone, card_id = carded(act, 80, "2026-07")
        entitle(act, someone, 150, "2026-09", reason="level_changed")
    run = issue(engine, SEPTEMBER, "2026-07-01 09:00")  # any month of the half-year names it
    assert (run.month, run.months, run.people, run.amount) == ("2026-07", 6, 1, 760_00)
    assert subsidy(engine, card_id) == 760_00
    with engine.connect() as conn:
        assert cap.year_view(conn, card_id, 2026).entitled == 760_00
    assert issue(engine, Month(2026, 12), "2026-12-01 09:00") == run
    run = issue(engine, Month(2027, 1), "2027-01-02 09:00")
    assert (run.month, run.amount) == ("2027-01", 900_00)
    clean(engine)


def test_the_whole_district_town_by_town(engine: Engine) -> None:
    """A person who moved between two towns after July is in one run only, the new town's."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        moved, _ = carded(act, 80, "2026-07")
        carded(act, 60, "2026-07", town="邵伯镇")
        assert [run.town for run in issuance.draft(act, SCHEME, JULY)] == [TOWN, "邵伯镇"]
        act.conn.execute(update(seniors).where(seniors.c.id == moved).values(town="邵伯镇"))
        here, there = issuance.draft(act, SCHEME, JULY, TOWN) + issuance.draft(act, SCHEME, JULY, "邵伯镇")
        assert (here.people, there.people) == (0, 2)


def test_what_was_tampered_with_is_named(databases) -> None:  # type: ignore[no-untyped-def]
    engine = databases.create("sqlite")
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        someone, card_id = carded(act, 80, "2026-07")
    run = issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine) as act:
        act.conn.execute(update(issuance_lines).values(amount=80_01))
        act.conn.execute(update(card_years).values(entitled=1))
        act.conn.execute(update(issuance_runs).values(approved_by=TOWN_CLERK.id))
        found = integrity.check(act.conn)
    assert [(f.code, f.subject) for f in found] == [
        ("issuance_total", f"issuance:{run.id}"),
        ("issuance_not_approved", f"issuance:{run.id}"),  # by the clerk who drafted it
        ("issuance_not_entitled", f"issuance:{run.id}"),
        ("issuance_line", f"issuance:{run.id}"),
        ("yearly_cap", f"card:{card_id}"),
    ]
    assert f"transfer:issue/{SCHEME}/2026-07/{someone}" in found[3].records
    databases.drop(engine)
