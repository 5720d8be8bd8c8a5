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
    ("hot.qin", "秦坐席", "hotline"),
    ("admin.shen", "沈管理员", "admin"),
)


def town_officer(town: str, second: bool = False) -> str:
    """Sign-in name of a town's officer; the second one checks what the first made."""
    number = [name for name, *_ in TOWNS].index(town) + 1
    return f"town{number:02d}.{'b' if second else 'a'}"


def town_officers(town: str) -> dict[str, tuple[str, str]]:
    """A town's officers by sign-in name: name and role."""
    first, second = town_officer(town), town_officer(town, second=True)
    finance = first.replace(".a", ".fin")
    return {first: (f"{town}经办", "town"), second: (f"{town}复核", "town"), finance: (f"{town}财政", "town_finance")}


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
    appoint_desks(act)
    for (town, village), id in village_officers(villages).items():
        officers.add(act, id, f"{village}专干", "village", town=town, village=village)


def appoint_desks(act: Act) -> None:
    """The district's and the towns'. Who is there already stays."""
    for id, name, role in DISTRICT:
        officers.add(act, id, name, role)
    for town, *_ in TOWNS:
        for id, (name, role) in town_officers(town).items():
            officers.add(act, id, name, role, town=town)


def appoint_provider(act: Act, provider_id: int) -> None:
    officers.add(act, provider_officer(provider_id), f"服务商{provider_id}调度", "provider", provider_id=provider_id)
