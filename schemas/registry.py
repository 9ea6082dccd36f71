"""The schema registry: ids for schemas and schemas for ids; away is not the same as unknown."""

from typing import Any


class RegistryUnavailable(Exception):
    """The registry does not answer: says nothing about any message; try again later."""


class Registry:
    """Confluent's client, with its errors sorted."""

    def __init__(self, config: dict[str, Any]) -> None:
        from confluent_kafka import schema_registry  # noqa: PLC0415 - 0.2 s that whoever has no registry is spared

        self._client = schema_registry.SchemaRegistryClient({"max.retries": 1, **config})
        self._schema = schema_registry.Schema

    def register(self, subject: str, text: str) -> int:
        """Return the schema's id under a subject whose versions must stay readable (BACKWARD)."""
        try:
            schema_id = int(self._client.register_schema(subject, self._schema(text, "AVRO")))
            self._client.set_compatibility(subject, "BACKWARD")
            return schema_id
        except Exception as error:
            raise RegistryUnavailable(f"the schema registry did not register {subject}: {_text(error)}") from None

    def schema(self, schema_id: int) -> str | None:
        """Return a schema's text, or None when there is none of that id."""
        try:
            text: object = self._client.get_schema(schema_id).schema_str
            if not isinstance(text, str):
                raise TypeError("an answer without a schema")
            return text
        except Exception as error:
            status = getattr(error, "http_status_code", None)
            if status == 404:
                return None
            said = "can't be reached" if status is None else "refuses to answer"
            raise RegistryUnavailable(f"the schema registry {said}: {_text(error)}") from None


def _text(error: Exception) -> str:
    return f"{type(error).__name__} {error}"[:200]
