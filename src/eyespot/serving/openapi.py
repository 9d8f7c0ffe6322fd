"""What the server understands, as OpenAPI 3.1; tests hold its real answers against it."""

from typing import Any

from eyespot import __version__
from eyespot.serving.limits import MIB, Limits

_Schema = dict[str, Any]

_TEXT = {"type": "string"}
_FACT = {"type": "boolean"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_OPEN_SHARE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_PICTURE = {"type": "string", "pattern": "^data:image/png;base64,"}
_REASONS = {
    400: "The request is not understood.",
    401: "The token is missing or wrong.",
    403: "Not for pages of other sites, or not switched on.",
    408: "The request did not come in time.",
    409: "The label's folder is another class's on this file system.",
    413: "The body is too large.",
    415: "The body is a form, or compressed.",
    421: "The Host header names another server.",
    422: "The bytes are not a picture that can be decoded.",
    503: "Busy: try again after the seconds in Retry-After.",
    507: "There is no room to keep the picture.",
}


def description(limits: Limits) -> _Schema:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "eyespot",
            "version": __version__,
            "description": f"One image classifier. A body has {limits.body_bytes / MIB:g} MiB at "
            "most. Errors are JSON with one sentence.",
        },
        "paths": {
            "/predict": {"post": _predict(limits)},
            "/collect": {"post": _collect()},
            "/model": {"get": _get("What the model is.", "Model", errors=(401, 421))},
            "/health": {"get": _get("Whether the server answers.", "Health", public=True)},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {
                "get": {
                    "summary": "This document.",
                    "security": [],
                    "responses": {
                        "200": _json("It.", {"type": "object"}),
                        **_errors(421),
                    },
                }
            },
        },
        "components": {
            "schemas": _schemas(limits),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # The token, where the server was started with one; else nothing.
        "security": [{"token": []}, {}],
    }


def _predict(limits: Limits) -> _Schema:
    flag = {"enum": ["0", "1", "false", "true"]}
    return {
        "summary": "What is on a picture.",
        "description": "The body is a picture's own bytes (JPEG, PNG, GIF, BMP, PPM, TIFF, WebP, "
        f"AVIF), or JSON with up to {limits.pictures}.",
        "parameters": [
            _parameter(
                "top", {"type": "integer", "minimum": 1, "maximum": 99999}, "How many classes."
            ),
            _parameter("accept_all", flag, "Never say unknown."),
            _parameter("coverage", _OPEN_SHARE, "Also the classes that hold the truth so often."),
            _parameter("show", flag, "Also what the model saw."),
            _parameter("heat", flag, "Also where it looked."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                **_BYTES,
                "application/json": {"schema": _ref("Pictures")},
            },
        },
        "responses": {
            "200": _json(
                "The answer about one picture, or about many.",
                {"anyOf": [_ref("Prediction"), _ref("Predictions")]},
            ),
            **_errors(400, 401, 403, 408, 413, 415, 421, 422, 503),
        },
    }


def _collect() -> _Schema:
    return {
        "summary": "Keep a picture for the next training, under the class that it is.",
        "parameters": [
            _parameter("label", {"type": "string", "minLength": 1}, "The class.", required=True)
        ],
        "requestBody": {"required": True, "content": _BYTES},
        "responses": {
            "200": _json("How many of this class are collected now.", _ref("Collected")),
            **_errors(400, 401, 403, 408, 409, 413, 415, 421, 422, 503, 507),
        },
    }


def _get(
    words: str, schema: str, *, errors: tuple[int, ...] = (421,), public: bool = False
) -> _Schema:
    return {
        "summary": words,
        **({"security": []} if public else {}),
        "responses": {"200": _json(words, _ref(schema)), **_errors(*errors)},
    }


def _metrics() -> _Schema:
    content = {"text/plain": {"schema": _TEXT}}
    return {
        "summary": "Numbers in Prometheus's text form.",
        "responses": {"200": {"description": "They.", "content": content}, **_errors(401, 421)},
    }


def _schemas(limits: Limits) -> _Schema:
    ranked = _object({"label": _TEXT, "probability": _SHARE})
    failed = _object({"name": _TEXT, "error": _TEXT})
    data = {"type": "string", "contentEncoding": "base64"}
    one = _object({"data": data}, {"name": {"type": "string", "maxLength": 255}})
    return {
        "Prediction": _object(
            {
                "name": _TEXT,
                "label": _TEXT,
                "probability": _SHARE,
                "unknown": _FACT,
                "refusal": {"type": ["number", "null"]},
                "ranked": {"type": "array", "minItems": 1, "items": ranked},
            },
            {
                "possible": {"type": "array", "items": _TEXT},
                "saw": _PICTURE,
                "found": _PICTURE,
                "heat": _PICTURE,
            },
        ),
        "Predictions": _object(
            {"predictions": _list({"anyOf": [_ref("Prediction"), failed]}, limits.pictures)}
        ),
        "Pictures": _object({"images": _list({"anyOf": [data, one]}, limits.pictures)}),
        "Model": _object(
            {
                "name": _TEXT,
                "classes": {"type": "array", "minItems": 2, "items": _TEXT},
                "kind": {"enum": ["ink", "photo"]},
                "size": {"type": "integer", "minimum": 4},
                "channels": {"enum": [1, 3]},
                "accuracy": {"anyOf": [_SHARE, {"type": "null"}]},
                "refuses": _FACT,
                "bridge": _FACT,
                "paper": {"enum": ["dark", "light"]},
                "collect": _FACT,
            }
        ),
        "Collected": _object({"label": _TEXT, "count": {"type": "integer", "minimum": 1}}),
        "Health": _object({"status": {"const": "ok"}}),
        "Error": _object({"error": _TEXT}),
    }


_BYTES: _Schema = {"image/*": {"schema": {}}, "application/octet-stream": {"schema": {}}}


def _object(required: _Schema, optional: _Schema | None = None) -> _Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def _list(items: _Schema, most: int) -> _Schema:
    return {"type": "array", "minItems": 1, "maxItems": most, "items": items}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str, schema: _Schema, words: str, *, required: bool = False) -> _Schema:
    return {
        "name": name,
        "in": "query",
        "description": words,
        "required": required,
        "schema": schema,
    }


def _json(words: str, schema: _Schema) -> _Schema:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _errors(*statuses: int) -> _Schema:
    return {str(status): _json(_REASONS[status], _ref("Error")) for status in statuses}
