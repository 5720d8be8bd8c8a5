"""Taking a roster in: all rows or none, unless the clerk says that the rows without a fault may come in alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from settlement.act import Act
from settlement.findings import Finding
from settlement.keys import KeyRing
from settlement.officers import require
from settlement.people import enrolment, places, register, roster, sheets
from settlement.people.faults import Fault, Wrong
from settlement.people.roster import Roster, Rules
from settlement.people.scope import village_of
from settlement.periods import local_date
from settlement.policy.scheme import Scheme


@dataclass(frozen=True)
class Imported:
    """What came of a file. ``senior_ids``: the people registered, in the order of the file; ``enrolment_ids``: those of them who applied."""

    roster: Roster
    senior_ids: list[int]
    enrolment_ids: list[int]

    @property
    def faults(self) -> list[Fault]:
        return self.roster.faults

    @property
    def findings(self) -> list[Finding]:
        return [fault.finding for fault in self.roster.faults]


def import_roster(
    act: Act, ring: KeyRing, scheme: Scheme, content: bytes, file_name: str, *, accept_valid: bool = False
) -> Imported:
    """Judge a file and register its people; with a date of application they are enrolled at the first step as well.

    With any fault nothing is written, unless ``accept_valid``: then the rows without one are. An officer of a town or village brings in
    its own people only. The answer lists every fault either way.
    """
    require(act, "roster.import")
    today = local_date(act.now, scheme.time_zone)
    rules = Rules(scheme, places.load(act.conn), today, act.actor.town, village_of(act))
    try:
        read = sheets.read(content, file_name)
    except Wrong as error:
        unread = Roster([])
        unread.faults.append(Fault(file_name, None, None, "", error.problem))
        return Imported(unread, [], [])
    found = roster.check(act.conn, ring, read, rules)
    if not found.entries or (found.faults and not accept_valid):
        return Imported(found, [], [])
    ids = register.add_many(act, ring, found.entries)
    applied: dict[date, list[int]] = defaultdict(list)
    for id_, entry in zip(ids, found.entries, strict=True):
        if entry.applied_on is not None:
            applied[entry.applied_on].append(id_)
    enrolled = [made for on, who in sorted(applied.items()) for made in enrolment.apply_many(act, scheme, who, on)]
    after = {"sha256": sha256(content).hexdigest(), "rows": found.rows, "registered": len(ids)}
    after |= {"first_id": ids[0], "last_id": ids[-1], "faults": len(found.faults)}
    act.audit("roster.import", f"scheme:{scheme.code}", after=after)
    return Imported(found, ids, enrolled)
