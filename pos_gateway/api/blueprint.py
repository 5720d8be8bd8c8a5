"""A blueprint whose JSON is read strictly and whose operations say in the specification how they are protected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request, request
from flask_smorest import Blueprint
from marshmallow import Schema
from webargs.flaskparser import FlaskParser

View = TypeVar("View", bound=Callable[..., Any])

IDEMPOTENCY_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
    "description": "同一设备、同一键、同一内容的重发得到首次的答复。A retry with the same key and content gets the first answer.",
}


class StrictParser(FlaskParser):
    """Reads the body through the application's own strict JSON, and refuses what is not JSON at all."""

    def _raw_load_json(self, req: Request) -> Any:
        return req.get_json()


class StrictBlueprint(Blueprint):
    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """As the blueprint's own; the endpoint's name, by which ``access.RULES`` knows it, is the operation's id as well."""

        def decorate(view: View) -> View:
            named = self.doc(operationId=f"{self.name}.{view.__name__}")(view)
            routed: View = super(StrictBlueprint, self).route(rule, **options)(named)
            return routed

        return decorate


def json_body(schema: Schema | type[Schema], description: str) -> dict[str, Any]:
    """Documentation of a body that the view reads itself (events: their own parser tells more than a schema could)."""
    return {"required": True, "description": description, "content": {"application/json": {"schema": schema}}}


def raw_json() -> Any:
    """The body, read strictly."""
    return request.get_json()
