"""The work orders a device is to serve today."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Response, json
from sqlalchemy import Connection, Row, select

from pos_gateway.api.access import calling_device, passage
from pos_gateway.api.blueprint import StrictBlueprint
from pos_gateway.api.gateway import here
from pos_gateway.api.schemas import Orders
from settlement.db import reading
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI
from settlement.providers import shifts
from settlement.providers.tables import caregivers
from settlement.visits.signed_event import moment
from settlement.visits.tables import work_orders

blueprint = StrictBlueprint("orders", __name__, description="工单 Work orders")


@blueprint.route("/work-orders", methods=["GET"])
@blueprint.response(200, Orders)
def today() -> Response:
    """今日工单 Today's work orders

    本设备服务人员（共用手机：登记上班的人；柜台终端：本服务商）当天未完成的工单。Planned orders of the device's caregiver, on a shared phone of
    whoever has a shift on it, at a counter's terminal of the whole provider, whose planned start lies on the local day.
    """
    now, device = here().now().astimezone(SHANGHAI), calling_device()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with reading(here().engine) as conn:
        who = device.caregiver_id or (shifts.now_working(conn, device.id, now) if shifts.needed(device) else None)
        orders = [] if who is None and shifts.needed(device) else _planned(conn, device, who, midnight)
    passage().keep = True
    body = {"day": midnight.date().isoformat(), "orders": orders}
    return Response(json.dumps(body), mimetype="application/json")


def _planned(conn: Connection, device: Row[Any], caregiver_id: int | None, midnight: datetime) -> list[dict[str, Any]]:
    order = work_orders.c
    query = (
        select(work_orders, seniors.c.name, seniors.c.village, caregivers.c.staff_no)
        .join(seniors, seniors.c.id == order.senior_id)
        .outerjoin(caregivers, caregivers.c.id == order.caregiver_id)
        .where(
            order.provider_id == device.provider_id,
            order.status == "planned",
            order.planned_start >= midnight,
            order.planned_start < midnight + timedelta(days=1),
        )
        .order_by(order.planned_start, order.id)
    )
    if caregiver_id is not None:
        query = query.where(order.caregiver_id == caregiver_id)
    return [_shown(row) for row in conn.execute(query)]


def _shown(row: Row[Any]) -> dict[str, Any]:
    told = {"order_id": row.id, "planned_start": moment(row.planned_start.astimezone(SHANGHAI))}
    told |= {"planned_minutes": row.planned_minutes, "items": row.items, "origin": row.origin}
    return told | {"senior": row.name, "town": row.town, "village": row.village, "caregiver": row.staff_no}
