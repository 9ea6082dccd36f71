"""The schema registry: ids for schemas and schemas for ids; away is not the same as unknown."""

from typing import Any


class RegistryUnavailable(Exception):
    """The registry does not answer: says nothing about any message; try again later."""


class Registry:
    """Confluent's client, with its errors sorted."""

    def __init__(self, config: dict[str, Any]) -> None:
        # imported only where there is a registry: it takes a sixth of a program's start
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415

        self._client = SchemaRegistryClient({"max.retries": 1, **config})

    def register(self, subject: str, text: str) -> int:
        """Return the schema's id under a subject whose versions must stay readable (BACKWARD)."""
        from confluent_kafka.schema_registry import Schema  # noqa: PLC0415

        try:
            schema_id = int(self._client.register_schema(subject, Schema(text, "AVRO")))
            self._client.set_compatibility(subject, "BACKWARD")
            return schema_id
        except Exception as error:
            raise RegistryUnavailable(f"the schema registry did not register {subject}: {_text(error)}") from None

    def schema(self, schema_id: int) -> str | None:
        """Return a schema's text, or None when there is none of that id."""
        from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: PLC0415

        try:
            text: object = self._client.get_schema(schema_id).schema_str
            if not isinstance(text, str):
                raise TypeError("an answer without a schema")
            return text
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                return None
            raise RegistryUnavailable(f"the schema registry refuses to answer: {_text(error)}") from None
        except Exception as error:
            raise RegistryUnavailable(f"the schema registry can't be reached: {_text(error)}") from None


def _text(error: Exception) -> str:
    return f"{type(error).__name__} {error}"[:200]
