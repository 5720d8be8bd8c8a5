"""A page for people about the interface, written by the server from the specification: no script, nothing fetched
from elsewhere."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask_smorest import Api

from pos_gateway.api.access import RULES, Caller
from settlement.outcomes import Reason
from settlement.visits.signed_event import BODIES

WHO = {
    Caller.PUBLIC: ("公开", "public"),
    Caller.NEW_KEY: ("持启用码的新设备", "a new device with a code"),
    Caller.DEVICE: ("已登记设备", "an enrolled device"),
}


def blueprint(api: Api) -> Blueprint:
    pages = Blueprint("pages", __name__)

    @pages.get("/docs")
    def operations() -> str:
        spec = api.spec.to_dict()
        return render_template(
            "docs.html",
            info=spec["info"],
            operations=_operations(spec),
            forms=_forms(spec),
            kinds={kind: form.__name__ for kind, form in BODIES.items()},
            reasons=sorted(Reason, key=lambda reason: reason.code),
        )

    return pages


def _operations(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            rule = RULES[operation["operationId"]]
            said = {"path": path, "method": method.upper(), "rule": rule, "who": WHO[rule.caller]}
            said |= {"summary": operation.get("summary", ""), "description": operation.get("description", "")}
            said["takes"] = _referred(operation.get("requestBody", {}))
            said["answers"] = {
                status: (answer.get("description", ""), _referred(answer))
                for status, answer in operation["responses"].items()
            }
            found.append(said)
    return found


def _referred(holder: dict[str, Any]) -> str:
    """The name of the form a body has."""
    for content in holder.get("content", {}).values():
        reference: str = content.get("schema", {}).get("$ref", "")
        return reference.rpartition("/")[2]
    return ""


def _forms(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    forms: dict[str, dict[str, Any]] = {}
    for name, form in sorted(spec["components"]["schemas"].items()):
        required = set(form.get("required", ()))
        fields = {
            field: {
                "kind": _kind(property_),
                "required": field in required,
                "note": property_.get("description", ""),
            }
            for field, property_ in form.get("properties", {}).items()
        }
        forms[name] = {"fields": fields, "note": form.get("description", "")}
    return forms


def _kind(property_: dict[str, Any]) -> str:
    """A field's type in a few words."""
    if "enum" in property_:
        return " | ".join(str(word) for word in property_["enum"])
    if "oneOf" in property_:
        return " | ".join(part["$ref"].rpartition("/")[2] for part in property_["oneOf"])
    if "$ref" in property_:
        return str(property_["$ref"]).rpartition("/")[2]
    if property_.get("type") == "array":
        return f"[{_kind(property_.get('items', {}))}]"
    limits = [f"{sign} {property_[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in property_]
    limits += [f"{property_.get('minLength', 0)}–{property_['maxLength']}"] if "maxLength" in property_ else []
    kind = property_.get("type", "")
    named = "/".join(kind) if isinstance(kind, list) else str(kind)
    return " ".join([named, *limits])
