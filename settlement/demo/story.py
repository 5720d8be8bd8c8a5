"""The whole story, from an empty database to the exported files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from settlement import verify
from settlement.act import SYSTEM, begin
from settlement.closing import exports
from settlement.db import reading
from settlement.demo import founding, quarter
from settlement.demo.doorway import Doorway
from settlement.demo.founding import World, moment
from settlement.demo.living import Life, Tally
from settlement.findings import Finding
from settlement.ledger import seal, seal_check
from settlement.ledger.seal import Seal
from settlement.periods import SHANGHAI

SEALED = moment(date(2026, 10, 31), 3)
PHONES_HANDED_OUT = moment(date(2026, 6, 29), 14)


@dataclass(frozen=True)
class Told:
    """``findings``: what ``songbai verify`` and ``verify --seals`` say at the end; empty when the books prove themselves. ``seal``: the
    last one, over everything there is."""

    world: World
    tally: Tally
    decisions: quarter.Decisions
    findings: list[Finding]
    seal: Seal


def tell(
    engine: Engine, folder: Path, seniors: int, seed: int, *, step: quarter.Step, tick: Callable[[], None]
) -> Told:
    """Live the quarter on an empty database; keys and files go into ``folder``. ``step`` hears what begins, ``tick`` each thing done."""
    step("方案、机构、价目", "scheme, offices, prices")
    world = founding.open_district(engine, folder, folder / "keys.json", seniors, seed)
    founding.contract_providers(world)
    step("导入名册，逐步审批，公示，发卡", "roster imported, approved step by step, publicised, cards issued")
    founding.enrol_everybody(world)
    quarter.grant_budgets(world)
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
    quarter.reconcile(world)
    step("导出与核对", "exported and verified")
    with reading(engine) as conn:
        exports.write(conn, world.out, world.scheme.code)
        found = verify.run(conn)
    step("封印流水和审计", "ledger and audit trail sealed")
    last, of_seals = _seal(world)
    return Told(world, life.tally, decisions, found + of_seals, last)


def _seal(world: World) -> tuple[Seal, list[Finding]]:
    """The quarter under a seal, and what checking it finds."""
    made = seal.make(world.engine, world.ring, SEALED, SHANGHAI, lambda: begin(world.engine, SYSTEM, SEALED))
    with reading(world.engine) as conn:
        checked = seal_check.check(conn, world.ring.seal_public_keys())
    return made[-1], checked.findings
