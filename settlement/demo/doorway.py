"""Real HTTP for some of the demo's visits: the gateway on a loopback socket, devices with keys of their own, signed events and requests.

The gateway is the product's; only its clock is the story's, because the story plays in the past. The phones are simulated: they hold a
key, sign what happens when it happens, and some work without signal for a day and send their queue in the evening.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from pos_gateway.api import create_app
from pos_gateway.api.gateway import GatewayConfig
from pos_gateway.client import DeviceClient
from settlement.cards import token
from settlement.cards.tables import cards, media
from settlement.db import micros, reading
from settlement.demo import offices
from settlement.demo.diary import Carer, Entry
from settlement.demo.founding import World
from settlement.policy.tariff import prices_in_force
from settlement.providers import devices
from settlement.providers.tables import caregivers
from settlement.visits import device_key
from settlement.visits.places import Place

VISITS_WANTED = 300
LARGEST_SHARE = 0.2
HOST = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Does not write a line per request between the progress bars."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Doorway:
    """A running gateway and the phones of a few caregivers. Use as a context manager: the server stops with it."""

    def __init__(self, world: World, opened: datetime) -> None:
        self.world = world
        self.now = opened
        config = GatewayConfig(ring=world.ring)
        app = create_app(world.engine, lambda: self.now, config)
        self._server = make_server(HOST, 0, app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)
        self._phones: dict[int, DeviceClient] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        for carer in self._carers():
            self._phones[carer.caregiver_id] = self._enrol(carer)
        return self

    def __exit__(self, *_: object) -> None:
        for phone in self._phones.values():
            phone.__exit__(None, None, None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _carers(self) -> Iterator[Carer]:
        """So many caregivers that a quarter of theirs comes to a few hundred visits, yet most go the short way."""
        rng = self.world.rng("doorway")
        due = 3 * sum(home.visits for home in self.world.homes)
        wanted = min(VISITS_WANTED, due * LARGEST_SHARE)
        carers = list(self.world.carers)
        rng.shuffle(carers)
        for carer in carers:
            if wanted <= 0:
                return
            wanted -= due / len(carers)
            yield carer

    def _enrol(self, carer: Carer) -> DeviceClient:
        alg = (device_key.ED25519, device_key.ECDSA_P256)[len(self._phones) % 2]
        secret = hashlib.sha256(f"phone/{self.world.seed}/{carer.caregiver_id}".encode()).digest()
        with reading(self.world.engine) as conn:
            staff_no = conn.scalar(select(caregivers.c.staff_no).where(caregivers.c.id == carer.caregiver_id))
        phone = DeviceClient(
            f"http://{HOST}:{self._server.server_port}",
            device_key.private_from_bytes(alg, secret),
            clock=lambda: self.now,
            caregiver=str(staff_no),
            monotonic_ms=lambda: micros(self.now) // 1000 - 1_782_000_000_000,
        )
        with self.world.acting(offices.provider_officer(carer.provider_id), self.now) as act:
            code = devices.make_code(
                act, self.world.ring, carer.provider_id, carer.caregiver_id, "phone", timedelta(hours=24)
            )
        phone.enrol(code)
        return phone

    def carries(self, entry: Entry) -> bool:
        """Whether a visit goes over HTTP: an ordinary one of a caregiver with a phone of this doorway."""
        return entry.carer.caregiver_id in self._phones and entry.mishap in ("", "late", "repeated") and not entry.trick

    def serve(self, entry: Entry, order_id: str) -> list[str]:
        """One visit from check-in to debit; the codes of what was refused. Without signal everything is sent together, later."""
        phone = self._phones[entry.carer.caregiver_id]
        offline = entry.mishap == "late"
        code, refused = self._card_code(entry.home.senior_id), list[str]()

        def at(when: datetime, kind: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
            self.now = when
            event = phone.record(kind, body)
            told = {} if offline else phone.send()[-1]
            if told and told["status"] != "accepted":
                refused.append(told["code"])
            return event.hash, told

        scan = {"method": "card_qr", "token": code, "place": _as_json(entry.place)}
        check_in, told = at(entry.start, "check_in", {"order_id": order_id, **scan})
        if refused:
            return refused
        lines = [{"item": item, "quantity": 1} for item in entry.items]
        _, told = at(entry.end, "check_out", {"visit": check_in, "lines": lines, **scan})
        total = told["result"]["total_fen"] if told.get("status") == "accepted" else self._shown_total(entry)
        own = total if entry.home.spare else 0
        agreed = {"consent": "card_qr", "token": code, "total_fen": total, "personal_fen": own, "cash_fen": 0}
        at(entry.end + timedelta(minutes=2), "debit", {"visit": check_in, **agreed})
        if offline:
            self.now = max(self.now, entry.end + timedelta(hours=3))
            refused += [one["code"] for one in phone.send() if one["status"] != "accepted"]
        return refused

    def _shown_total(self, entry: Entry) -> int:
        """Without signal the phone reckons with the price list that it has."""
        with reading(self.world.engine) as conn:
            prices = prices_in_force(conn, self.world.scheme.code, entry.carer.provider_id, entry.start.date())
        return sum(prices[item].price_fen for item in entry.items)

    def _card_code(self, senior_id: int) -> str:
        """What stands on the senior's card."""
        query = select(media.c.token_id, media.c.issue).join(cards, cards.c.id == media.c.card_id)
        with reading(self.world.engine) as conn:
            row = conn.execute(query.where(cards.c.senior_id == senior_id).order_by(media.c.issue.desc())).first()
        if row is None:
            raise LookupError(f"no card for senior {senior_id}")
        return token.make(self.world.ring, row.token_id, row.issue)


def _as_json(place: Place) -> dict[str, int]:
    return {"latitude_e7": place.latitude_e7, "longitude_e7": place.longitude_e7, "accuracy_m": place.accuracy_m or 0}
