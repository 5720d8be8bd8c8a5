"""What a run comes to before anybody approves it."""

from __future__ import annotations

from sqlalchemy import Engine, update

from settlement.people import changes
from settlement.people.tables import entitlements
from settlement.vouchers import issuance, preview
from settlement.vouchers.preview import Part
from tests.cards.county import SCHEME, TOWN, TOWN_CLERK, carded, entitle
from tests.support import acting, at, officer
from tests.vouchers.town import AUGUST, JULY, issue, store_scheme

CLERK = officer("village", "village", town=TOWN)


def test_changes_and_benefits_add_up_to_the_run_and_to_the_month_before(engine: Engine) -> None:
    """July: 80 + 80 + 150 = 310. August: one stays at 80, one is raised to 150, one died (150), one is new (60): 80 + 150 + 60 = 290."""
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        carded(act, 80, "2026-07")
        raised, _ = carded(act, 80, "2026-07")
        dead, _ = carded(act, 150, "2026-07")
    july = issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-20 10:00") as act:
        entitle(act, raised, 150, "2026-08", reason="level_changed")
        carded(act, 60, "2026-08")
    with acting(engine, "2026-07-21 10:00", CLERK) as act:
        changes.died(act, dead, at("2026-07-20").date())
    with acting(engine, "2026-08-01 09:00", TOWN_CLERK) as act:
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
        parts = preview.by_change(act.conn, [july.id, august.id])
        benefits = preview.by_benefit(act.conn, [august.id])
    assert parts[july.id] == [Part("new", 3, 310_00, 0)]
    assert parts[august.id] == [
        Part("same", 1, 80_00, 80_00),
        Part("new", 1, 60_00, 0),
        Part("raised", 1, 150_00, 80_00),
        Part("died", 1, 0, 150_00),
    ]
    assert sum(part.amount for part in parts[august.id]) == august.amount == 290_00
    assert sum(part.before for part in parts[august.id]) == july.amount
    assert (sum(row.people for row in benefits), sum(row.amount for row in benefits)) == (3, 290_00)


def test_who_gets_nothing_any_more_is_told_with_the_reason_in_words(engine: Engine) -> None:
    """Every reason with which an entitlement ends: a category that is lost, a level, an age."""
    reasons = ("category_changed", "level_changed", "age_band")
    with acting(engine, "2026-06-28 09:00") as act:
        store_scheme(act)
        people = [carded(act, 80, "2026-07")[0] for _ in reasons]
    issue(engine, JULY, "2026-07-01 09:00")
    with acting(engine, "2026-07-20 10:00") as act:
        for who, reason in zip(people, reasons, strict=True):
            e = entitlements.c
            ended = update(entitlements).where(e.senior_id == who).values(to_month="2026-07", end_reason=reason)
            act.conn.execute(ended)
    with acting(engine, "2026-08-01 09:00", TOWN_CLERK) as act:
        (august,) = issuance.draft(act, SCHEME, AUGUST, TOWN)
        parts = preview.by_change(act.conn, [august.id])[august.id]
    assert {part.change for part in parts} == set(reasons)
    assert {preview.words(part.change)[0] for part in parts} == {"不再属于所列类别", "能力等级变化", "到龄调整"}


def test_a_reason_without_words_stays_as_it_is() -> None:
    assert preview.words("raised") == ("提高", "raised")
    assert preview.words("moved_scheme") == ("moved_scheme", "moved_scheme")
