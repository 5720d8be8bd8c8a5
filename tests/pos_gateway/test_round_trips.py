"""How often a debit asks the database: its speed over a network hangs on it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.pos_gateway.town import Door


def test_a_debit_over_http_takes_five_statements(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up (device, nonce, first answer); read and locked (device, visit, card); the rest read under these locks (lines, year, purses);
    posted; kept (debit, visit, year, event, device, nonce, answer)."""
    if door.town.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no round trips")
    phone = door.enrolled()
    senior, token = door.senior()
    asked: list[str] = []
    execute = psycopg.Cursor.execute

    def counted(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(str(query))
        return execute(cursor, query, *args, **kwargs)

    for number in range(2):  # the first one reads the scheme and opens the provider's account besides
        body = {"order_id": door.order(senior), "method": "card_qr", "token": token}
        visit = phone.submit("check_in", body)["event_id"]
        door.passes(hours=1)
        lines = [{"item": "ZJ01", "quantity": 1}]
        phone.submit("check_out", {"visit": visit, "lines": lines, "method": "card_qr", "token": token})
        if number == 1:
            monkeypatch.setattr(psycopg.Cursor, "execute", counted)
        told = phone.submit(
            "debit",
            {
                "visit": visit,
                "consent": "card_qr",
                "token": token,
                "total_fen": 3000,
                "personal_fen": 0,
                "cash_fen": 0,
            },
        )
        assert told["status"] == "accepted", told
        door.passes(hours=1)
    assert len(asked) <= 5, "\n".join(asked)
