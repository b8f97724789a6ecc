"""Examples for the API's description, put together from those that its fields give."""

from typing import Any, Final

_BY_FORMAT: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "uuid": "0197a1c2-e8f0-7b3c-9d5e-6f7a8b9c0d1e",
}
_BY_TYPE: Final = {"boolean": True, "integer": 1, "number": 1.5, "string": "text"}


class Examples:
    """Makes an example of anything that OpenAPI's ``components/schemas`` describe.

    A field without an example takes that of another schema's field of the same name: an answer
    shows what the request shows.
    """

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas
        self._by_field = {
            name: alternative["examples"][0]
            for schema in schemas.values()
            for name, field in schema.get("properties", {}).items()
            for alternative in (field, *field.get("anyOf", ()))
            if "examples" in alternative
        }

    def of(self, schema: dict[str, Any], field: str = "") -> Any:
        match schema:
            case {"$ref": str(reference)}:
                return self.of(self._schemas[reference.rpartition("/")[2]], field)
            case {"examples": [example, *_]} | {"const": example} | {"default": example}:
                return example
            case {"enum": [first, *_]}:
                return first
            case {"anyOf": [first, *_]}:
                return self.of(first, field)
            case {"properties": dict(properties)}:
                return {name: self.of(each, name) for name, each in properties.items()}
            case {"items": dict(items)}:
                return [self.of(items)]
        if field in self._by_field:
            return self._by_field[field]
        return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(schema.get("type", "")))
