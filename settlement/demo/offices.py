"""The people at the desks of the demo county. One person per sign-in, so that maker and checker are always two."""

from __future__ import annotations

from collections.abc import Iterable

from settlement import officers
from settlement.act import Act
from settlement.demo.county import TOWNS, Village

DISTRICT = (
    ("ca.zhou", "周主任", "civil_affairs"),
    ("ca.lin", "林科员", "civil_affairs"),
    ("fin.gu", "顾科长", "district_finance"),
    ("fin.xu", "徐会计", "district_finance"),
    ("assess.he", "何评估师", "assessor"),
    ("counter.tang", "唐柜员", "card_counter"),
    ("audit.wei", "魏审计", "auditor"),
)


def town_officer(town: str, second: bool = False) -> str:
    """Sign-in name of a town's officer; the second one checks what the first made."""
    number = [name for name, *_ in TOWNS].index(town) + 1
    return f"town{number:02d}.{'b' if second else 'a'}"


def village_officers(villages: Iterable[Village]) -> dict[tuple[str, str], str]:
    """Sign-in names of the village officers, one for each village, by (town, village)."""
    found: dict[tuple[str, str], str] = {}
    for village in villages:
        number = 1 + sum(town == village.town for town, _ in found)
        found[village.town, village.name] = f"{town_officer(village.town)[:-2].replace('town', 'village')}.{number:02d}"
    return found


def provider_officer(provider_id: int) -> str:
    return f"provider{provider_id:02d}.a"


def appoint(act: Act, villages: Iterable[Village]) -> None:
    for id, name, role in DISTRICT:
        officers.add(act, id, name, role)
    for town, *_ in TOWNS:
        officers.add(act, town_officer(town), f"{town}经办", "town", town=town)
        officers.add(act, town_officer(town, second=True), f"{town}复核", "town", town=town)
    for (town, village), id in village_officers(villages).items():
        officers.add(act, id, f"{village}专干", "village", town=town, village=village)


def appoint_provider(act: Act, provider_id: int) -> None:
    officers.add(act, provider_officer(provider_id), f"服务商{provider_id}调度", "provider", provider_id=provider_id)
