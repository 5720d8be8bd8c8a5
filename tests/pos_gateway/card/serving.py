"""A visit as a caregiver's phone tells it, so that there is something to look at."""

from __future__ import annotations

from tests.pos_gateway.town import PLACE, Door


def serve(
    door: Door,
    senior_id: int,
    code: str,
    *,
    fen: int = 3500,
    minutes: int = 61,
    consent: str = "card_qr",
    **agreed: int,
) -> str:
    """Cooking at home by 李秀兰 (0017) of 安康, 35.00 yuan; the debit's id. ``agreed``: personal_fen, cash_fen."""
    phone = door.enrolled()
    order = door.order(senior_id)
    shown = {"method": "card_qr", "token": code, "place": PLACE}
    check_in = phone.record("check_in", {"order_id": order} | shown)
    door.passes(minutes=minutes)
    lines = [{"item": "ZC01", "quantity": 1}]
    phone.record("check_out", {"visit": check_in.hash, "lines": lines} | shown)
    proof = {} if consent == "agent" else {"token": code}
    receipt = {"receipt_no": "R1"} if agreed.get("cash_fen") else {}
    parts = {"total_fen": fen, "personal_fen": 0, "cash_fen": 0} | agreed | receipt
    debit = phone.record("debit", {"visit": check_in.hash, "consent": consent} | proof | parts)
    outcomes = phone.send()
    assert [one["status"] for one in outcomes] == ["accepted"] * 3, outcomes
    return str(debit.hash)
