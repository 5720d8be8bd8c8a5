"""An event's form asked at once says yes only to what the form itself takes unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields

from settlement.visits.form_check import check_of
from settlement.visits.signed_event import BODIES, SignedEventSchema

FORMS: dict[str, Schema] = {kind: form() for kind, form in BODIES.items()} | {"envelope": SignedEventSchema()}
GOOD: dict[str, dict[str, Any]] = {
    "debit": {"visit": "v1", "consent": "card_qr", "total_fen": 3000, "personal_fen": 0, "cash_fen": 0},
    "check_out": {
        "visit": "v1",
        "lines": [{"item": "ZC01", "quantity": 1}],
        "method": "card_qr",
        "place": {"latitude_e7": 1, "longitude_e7": 2, "accuracy_m": 3},
    },
    "cancel": {"event": "0" * 64, "reason": "mistake"},
    "envelope": {
        "event": {
            "v": 1,
            "kind": "void",
            "device_id": "d1",
            "counter": 1,
            "prev": "f" * 64,
            "occurred_at": "2026-07-03T09:00:00.000000+08:00",
            "boot": "b",
            "mono_ms": 0,
            "caregiver": "0017",
            "alg": "ed25519",
            "key_id": "k",
            "body": {"visit": "v1", "reason": "mistake"},
        },
        "signature": "s" * 86,
    },
}


def taken_unchanged(form: Schema, value: Any) -> bool:
    try:
        return bool(form.load(value) == value)
    except ValidationError:
        return False


@pytest.mark.parametrize("kind", GOOD)
def test_good_events_need_no_second_look(kind: str) -> None:
    assert check_of(FORMS[kind])(GOOD[kind])
    assert taken_unchanged(FORMS[kind], GOOD[kind])


ODD = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1,
        2**31,
        2**53,
        1.0,
        "",
        "x",
        "x" * 500,
        "0" * 64,
        "0" * 64 + "\n",
        [],
        [{}],
        {},
        {"a": 1},
        {1: 2},
    ]
)


@given(st.data())
def test_whatever_is_changed_a_yes_is_the_forms_own(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(GOOD)))
    changed = _changed(data, GOOD[kind])
    if check_of(FORMS[kind])(changed):
        assert taken_unchanged(FORMS[kind], changed)


def _changed(data: st.DataObject, value: Any) -> Any:
    """With something odd put somewhere, left out or added."""
    if isinstance(value, list) and value:
        return [_changed(data, value[0]), *value[1:]]
    if not isinstance(value, dict) or not value or data.draw(st.integers(0, 3)) == 0:
        return data.draw(ODD)
    name = data.draw(st.sampled_from([*value, "unknown"]))
    if name not in value:
        return value | {name: data.draw(ODD)}
    if data.draw(st.booleans()):
        return {other: part for other, part in value.items() if other != name}
    return value | {name: _changed(data, value[name])}


def test_a_form_with_other_kinds_of_fields_is_not_for_it() -> None:
    with pytest.raises(TypeError, match="Float"):
        check_of(Schema.from_dict({"share": fields.Float()})())
