"""The whole story, from an empty database to the exported files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from settlement import verify
from settlement.closing import exports
from settlement.db import reading
from settlement.demo import founding, quarter
from settlement.demo.doorway import Doorway
from settlement.demo.founding import World, moment
from settlement.demo.living import Life, Tally
from settlement.findings import Finding

PHONES_HANDED_OUT = moment(date(2026, 6, 29), 14)


@dataclass(frozen=True)
class Told:
    """``findings``: what ``songbai verify`` says at the end; empty when the books prove themselves."""

    world: World
    tally: Tally
    decisions: quarter.Decisions
    findings: list[Finding]


def tell(
    engine: Engine, folder: Path, seniors: int, seed: int, *, step: quarter.Step, tick: Callable[[], None]
) -> Told:
    """Live the quarter on an empty database; keys and files go into ``folder``. ``step`` hears what begins, ``tick`` each thing done."""
    step("方案、机构、价目", "scheme, offices, prices")
    world = founding.open_district(engine, folder, folder / "keys.json", seniors, seed)
    founding.contract_providers(world)
    step("导入名册，逐步审批，公示，发卡", "roster imported, approved step by step, publicised, cards issued")
    founding.enrol_everybody(world)
    founding.staff_up(world)
    founding.load_own_money(world)
    founding.print_cards(world)
    with Doorway(world, PHONES_HANDED_OUT) as doorway:
        life = Life(world, doorway)
        decisions = quarter.live_and_close(world, life, tick, step)
    step("季度结算与付款", "the quarter settled and paid")
    quarter.penalise(world)
    quarter.settle(world)
    quarter.pay_quarter(world)
    step("导出与核对", "exported and verified")
    with reading(engine) as conn:
        exports.write(conn, world.out, world.scheme.code)
        found = verify.run(conn)
    return Told(world, life.tally, decisions, found)
