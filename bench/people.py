"""Finding one of a million people: the console's search page, asked for as often by each kind of word; beside it the same page with nothing asked.

The people are rows of the register alone, in 300 villages, with names as common as names are: a fifteenth share each family name, and some hundred
given names. Identity numbers end in one of 11,000 ways, as real ones do. Nine in ten are entitled; of the others everybody is too young for what
needs no category, which is the most there is to look at.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask.testing import FlaskClient
from lxml import html
from sqlalchemy import Engine, insert

from admin.app import create_app
from admin.frame import sessions
from admin.frame.console import ConsoleConfig
from bench.rig import Rig, Row
from settlement import officers
from settlement.act import SYSTEM, begin
from settlement.clock import system_clock
from settlement.keys import KeyRing, new_ring
from settlement.people import register
from settlement.people.register import chunks
from settlement.people.tables import places, seniors
from settlement.policy import loader, store

SENIORS, QUICK = 1_000_000, 50_000
TURNS = 20
TARGET = "<= 1000 ms"
FAMILY, GIVEN = "王李张刘陈杨赵黄周吴徐孙胡朱高", "桂英秀兰玉珍凤琴淑华德福永明"
TOWNS, VILLAGES = 13, 300


def measure(databases: Rig, backend: str, quick: bool) -> list[Row]:
    """One row per kind of word: the p95 of an answer in milliseconds, target one second."""
    engine, many, ring = databases.fresh(backend), QUICK if quick else SENIORS, new_ring(b"bench")
    began = time.perf_counter()
    _register(engine, ring, many)
    made = f"{many:,} seniors, founded in {time.perf_counter() - began:.0f} s"
    client = _desk(engine, ring)
    beside = _p95(client, "")
    number = _number(many // 2)
    words = {
        "a family name": "王",
        "a name": "王桂英",
        "an identity number": number,
        "its last four": number[-4:],
        "masked": f"{number[:4]}**********{number[-4:]}",
        "a telephone": f"138{many // 2:08d}",
        "a card's number": "8812000000001234",
        "nobody's name": "欧阳",
    }
    rows = []
    for kind, word in words.items():
        taken = _p95(client, word)
        row = Row(
            f"find a person by {kind}, p95", backend, taken, "ms", "nothing asked", beside, taken / beside, TARGET, made
        )
        rows.append(row)
    taken = _p95(client, "", "/people/eligible")
    rows.append(
        Row(
            "list who became eligible, p95", backend, taken, "ms", "nothing asked", beside, taken / beside, TARGET, made
        )
    )
    databases.drop(engine)
    return rows


def _number(n: int) -> str:
    """Looks like an identity number; the last four are spread as they are in real ones."""
    return f"3210{26 + n % 3:02d}19{40 + n % 25:02d}{1 + n % 12:02d}{1 + n % 28:02d}{n * 7919 % 1000:03d}{'0123456789X'[n % 11]}"


def _register(engine: Engine, ring: KeyRing, many: int) -> None:
    with begin(engine, SYSTEM, system_clock()) as act:
        for village in range(VILLAGES):
            act.conn.execute(insert(places), {"town": f"镇{village % TOWNS}", "village": f"村{village}"})
        store.store(act, loader.builtin_text("jiangdu"), "jiangdu.toml")
    for part in chunks(_people(ring, many), 20_000):
        with begin(engine, SYSTEM, system_clock()) as act:
            act.conn.execute(insert(seniors), part)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("ANALYZE")


def _people(ring: KeyRing, many: int) -> Iterator[dict[str, Any]]:
    dice, now = random.Random(1), system_clock()
    ends: dict[str, str] = {}
    ciphers: dict[str, str] = {}
    for n in range(many):
        number, village = _number(n), n % VILLAGES
        if number[-4:] not in ends:
            ends[number[-4:]] = ring.index(number[-4:], register.ID_LAST4)
            ciphers[number[-4:]] = ring.encrypt(number, register.ID_NO)
        row = {
            "name": dice.choice(FAMILY) + dice.choice(GIVEN) + dice.choice(GIVEN),
            "sex": "F",
            "birth_date": date(1950, 3, 7),
        }
        row |= {"id_no_cipher": ciphers[number[-4:]], "id_no_index": ring.index(f"{number}{n}", register.ID_NO)}
        row |= {
            "id_last4_index": ends[number[-4:]],
            "surname_village_index": "x",
            "status": "registered" if n % 10 == 0 else "entitled",
            "created_at": now,
        }
        row |= {"phone_index": ring.index(f"138{n:08d}", register.PHONE)}
        yield row | {"town": f"镇{village % TOWNS}", "village": f"村{village}"}


def _desk(engine: Engine, ring: KeyRing) -> FlaskClient:
    app = create_app(engine, system_clock, ConsoleConfig(ring))
    client = app.test_client()
    with app.test_request_context(), begin(engine, SYSTEM, system_clock()) as act:
        officers.add(act, "bureau", "区民政局经办", "civil_affairs")
        token = sessions.begin(act, "bureau", "open", "password")
    with client.session_transaction() as held:
        held["desk"] = token
    return client


def _p95(client: FlaskClient, word: str, path: str = "/people/") -> float:
    """Milliseconds; the first answer, which prepares statements and templates, does not count. A word is sent as the page's form does, and the
    way to the list counts."""
    page = html.fromstring(client.get("/people/").get_data())
    form = {"csrf_token": str(page.xpath("//form[@class='look']/input[@name='csrf_token']/@value")[0]), "q": word}
    taken = []
    for _ in range(TURNS + 1):
        began = time.perf_counter()
        answer = client.post(path, data=form, follow_redirects=True) if word else client.get(path)
        taken.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, answer.status
    return sorted(taken[1:])[int(0.95 * TURNS) - 1]
