"""Printed sheets: Chinese without any font of the machine, the same bytes for the same input, rare characters reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from settlement.cards import font, media, registry, sheet
from settlement.outcomes import Reason, Refused
from tests.cards.county import COUNTER, SCHEME, TOWN, TOWN_CLERK, senior
from tests.support import RING, acting

HOST = "https://songbai.example"


def test_a_towns_cards_and_plates(engine: Engine) -> None:
    with acting(engine, by=COUNTER) as act:
        people = [senior(act, name) for name in ("王桂英", "欧阳秀兰", "张𠮷", "买买提·吐尔逊")]
        elsewhere = senior(act, town="邵伯镇")
        made = registry.issue_many(act, RING, SCHEME, [*people, elsewhere])
        registry.activate(act, made[people[0]])
        media.ensure_plates(act, RING, people)
    with acting(engine, by=TOWN_CLERK) as act:
        first = sheet.card_sheet(act, RING, TOWN, HOST)
        assert first.pdf.startswith(b"%PDF-")
        assert (first.count, first.by_hand) == (4, (people[2],))
        assert sheet.card_sheet(act, RING, TOWN, HOST).pdf == first.pdf
        assert sheet.card_sheet(act, RING, TOWN, HOST, only_new=True).count == 3
        plates = sheet.plate_sheet(act, RING, TOWN, HOST)
        assert (plates.count, plates.by_hand) == (4, (people[2],))
        with pytest.raises(Refused) as refusal:
            sheet.card_sheet(act, RING, "邵伯镇", HOST)
        assert refusal.value.reason is Reason.NOT_ALLOWED


def test_the_font_comes_along_with_its_licence() -> None:
    assert font.printable("王堃喆䶮㛃玥·Ab1（）") == "王堃喆䶮㛃玥·Ab1（）"
    assert font.printable("张𠮷") == "张〓"
    assert "SIL OPEN FONT LICENSE" in Path(font.FOLDER, "OFL.txt").read_text()
