#!/usr/bin/env python3
"""Recompute a quarter from its CSV files alone, as anybody may: ``python recompute.py FOLDER``.

It knows nothing of Songbai but the files' columns, and uses the standard library only. It prints every difference it finds and ends with 1
when there is any.

statements   subsidy and own money: of the posted debits of the visits that name the statement; adjustments: those that name it;
             net = subsidy + adjustments; visits: how many name it
settlement   gross: its statements' nets of the quarter; adjustments: those of the quarter that name no statement; net = the two; shares:
             the net by the town's weights, in whole fen, largest remainder, ties to the payer listed first; together they are the net;
             receivable: what a net below zero leaves
visits       at most one posted debit each; a void one is paid by nobody: its debit is reversed, or taken back by one adjustment
debits       total = subsidy + own money + cash
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

Rows = list[dict[str, str]]


def read(folder: Path, name: str) -> Rows:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def split(amount: int, weights: list[int]) -> list[int]:
    """Whole fen by largest remainder, ties to the first; an amount below zero is the mirror image."""
    sign, whole = (-1, -amount) if amount < 0 else (1, amount)
    parts = [whole * weight // sum(weights) for weight in weights]
    rest = [whole * weight % sum(weights) for weight in weights]
    for index in sorted(range(len(weights)), key=lambda i: -rest[i])[: whole - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


def quarter_of(month: str) -> str:
    year, number = month.split("-")
    return f"{year}-Q{(int(number) + 2) // 3}"


class Books:
    """The files of one folder and what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.visits, self.debits = read(folder, "visits"), read(folder, "debits")
        self.adjustments, self.shares = read(folder, "adjustments"), read(folder, "shares")
        self.statements, self.settlement = read(folder, "statements"), read(folder, "settlement")
        self.wrong: list[str] = []

    def same(self, what: str, column: str, said: str, computed: int) -> None:
        if int(said) != computed:
            self.wrong.append(f"{what}: {column} says {said}, computed {computed}")

    def check(self) -> list[str]:
        self.check_debits()
        self.check_statements()
        self.check_settlement()
        self.check_keys()
        return self.wrong

    def check_keys(self) -> None:
        """Every row once, and every name known."""
        known: dict[str, set[str]] = {"": set()}
        for name, rows in (("visit_id", self.visits), ("debit_id", self.debits), ("adjustment_id", self.adjustments),
                           ("statement_id", self.statements)):  # fmt: skip
            known[name] = {row[name] for row in rows}
            if len(known[name]) != len(rows):
                self.wrong.append(f"a {name} is there twice")
        for rows, own in ((self.visits, "visit_id"), (self.debits, "debit_id"), (self.adjustments, "adjustment_id")):
            for row in rows:
                for name in ("visit_id", "statement_id"):
                    if row.get(name) and row[name] not in known[name]:
                        self.wrong.append(f"{row[own]}: unknown {name} {row[name]}")

    def check_debits(self) -> None:
        self.posted: dict[str, dict[str, str]] = {}
        taken_back: dict[str, list[int]] = defaultdict(list)
        for row in self.adjustments:
            if row["kind"] == "void_after_close":
                taken_back[row["visit_id"]].append(int(row["amount_fen"]))
        for row in self.debits:
            parts = sum(int(row[name]) for name in ("subsidy_fen", "personal_fen", "cash_fen"))
            self.same(f"debit {row['debit_id']}", "total_fen", row["total_fen"], parts)
            if row["status"] == "posted" and self.posted.setdefault(row["visit_id"], row) is not row:
                self.wrong.append(f"visit {row['visit_id']}: debited twice")
        for visit in self.visits:
            id, debit = visit["visit_id"], self.posted.get(visit["visit_id"])
            back = taken_back.get(id, [])
            if visit["statement_id"] and debit is None:
                self.wrong.append(f"visit {id}: on a statement without a posted debit")
            if visit["status"] == "void" and not visit["statement_id"] and (debit is not None or back):
                self.wrong.append(f"visit {id}: void and on no statement, yet its debit stands or was taken back twice")
            if visit["statement_id"] and (visit["status"] == "void" or back):
                subsidy = int(debit["subsidy_fen"]) if debit else 0
                if visit["status"] != "void" or sum(back) != -subsidy or len(back) > 1:
                    self.wrong.append(f"visit {id}: {visit['status']}, paid {subsidy}, taken back {back}")

    def check_statements(self) -> None:
        of_statement: dict[str, Rows] = defaultdict(list)
        for visit in self.visits:
            of_statement[visit["statement_id"]].append(visit)
        adjusted: dict[str, int] = defaultdict(int)
        for row in self.adjustments:
            adjusted[row["statement_id"]] += int(row["amount_fen"])
        for row in self.statements:
            id = row["statement_id"]
            debits = [self.posted[v["visit_id"]] for v in of_statement[id] if v["visit_id"] in self.posted]
            subsidy, personal = (sum(int(d[name]) for d in debits) for name in ("subsidy_fen", "personal_fen"))
            self.same(id, "visits", row["visits"], len(of_statement[id]))
            self.same(id, "subsidy_fen", row["subsidy_fen"], subsidy)
            self.same(id, "personal_fen", row["personal_fen"], personal)
            self.same(id, "adjustments_fen", row["adjustments_fen"], adjusted[id])
            self.same(id, "net_fen", row["net_fen"], subsidy + adjusted[id])
            for visit in of_statement[id]:
                if (visit["provider_id"], visit["town"]) != (row["provider_id"], row["town"]):
                    self.wrong.append(f"visit {visit['visit_id']}: another provider or town than {id}")

    def check_settlement(self) -> None:
        gross: dict[tuple[str, str, str], int] = defaultdict(int)
        own: dict[tuple[str, str, str], int] = defaultdict(int)
        for row in self.statements:
            gross[row["provider_id"], row["town"], quarter_of(row["month"])] += int(row["net_fen"])
        for row in self.adjustments:
            if row["quarter"] and not row["statement_id"]:
                own[row["provider_id"], row["town"], row["quarter"]] += int(row["amount_fen"])
        settled = set()
        for row in self.settlement:
            key = (row["provider_id"], row["town"], row["quarter"])
            what, net = " ".join(key), gross[key] + own[key]
            settled.add(key)
            self.same(what, "gross_fen", row["gross_fen"], gross[key])
            self.same(what, "adjustments_fen", row["adjustments_fen"], own[key])
            self.same(what, "net_fen", row["net_fen"], net)
            self.same(what, "receivable_fen", row["receivable_fen"], max(0, -net))
            self.same(what, "district_fen + town_fen", row["net_fen"], int(row["district_fen"]) + int(row["town_fen"]))
            weights = [(share["payer"], int(share["weight"])) for share in self.shares if share["town"] == row["town"]]
            parts = split(net, [weight for _, weight in weights])
            for (payer, _), part in zip(weights, parts, strict=True):
                self.same(what, f"{payer}_fen", row[f"{payer}_fen"], part)
        for key in sorted({key for key, amount in [*gross.items(), *own.items()] if amount} - settled):
            self.wrong.append(f"{' '.join(key)}: left out of the settlement")


def main(folder: Path) -> int:
    books = Books(folder)
    for wrong in books.check():
        print(wrong)
    print(f"{len(books.visits)} visits, {len(books.statements)} statements, {len(books.settlement)} settlements: "
          f"{len(books.wrong)} differences")  # fmt: skip
    return 1 if books.wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
