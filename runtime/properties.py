"""Turns KAFKA_* and SCHEMA_REGISTRY_* into client properties: known ones pass, dangerous ones are refused.

`KAFKA_SASL_PASSWORD` becomes librdkafka's `sasl.password`: lower case, `_` to `.`. Container platforms and JVMs set
names such as KAFKA_PORT or KAFKA_HEAP_OPTS for themselves, so an unknown name is a warning, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer

if TYPE_CHECKING:
    from collections.abc import Mapping

_END = "bl2sm.end.of.properties"
_OFFSETS = "this program commits an offset only when every entry up to it has an outcome"
_ONCE = "one purchase per order rests on idempotent, transactional producers"
_ORDER = "keys must land on the partitions where Java clients put them, so that an order keeps its order"

REFUSED: Mapping[str, str] = {
    "enable.auto.commit": _OFFSETS,
    "auto.commit.enable": _OFFSETS,
    "auto.commit.interval.ms": _OFFSETS,
    "enable.auto.offset.store": _OFFSETS,
    "auto.offset.reset": "a group without offsets must start at the earliest entry, or orders would be lost",
    "isolation.level": "messages of an aborted transaction must never be read",
    "enable.partition.eof": "being caught up is recognised by the end-of-partition signal",
    "check.crcs": "a damaged message must be noticed",
    "allow.auto.create.topics": "topics are created with the partitions and clean-up the promises need",
    "group.id": "set GROUP_ID instead",
    "group.instance.id": "a static member's partitions would wait for it after a crash",
    "group.protocol.type": "brokers accept only the consumer type",
    "session.timeout.ms": "set SESSION_TIMEOUT_MS instead",
    "acks": _ONCE,
    "request.required.acks": _ONCE,
    "enable.idempotence": _ONCE,
    "enable.gapless.guarantee": _ONCE,
    "transactional.id": _ONCE,
    "transaction.timeout.ms": "a crashed program's transaction must end within seconds",
    "message.timeout.ms": "it must stay below the transaction's time-out",
    "delivery.timeout.ms": "it must stay below the transaction's time-out",
    "max.in.flight": _ONCE,
    "max.in.flight.requests.per.connection": _ONCE,
    "retries": _ONCE,
    "message.send.max.retries": _ONCE,
    "partitioner": _ORDER,
    "max.poll.interval.ms": "the main loop polls all the time; a longer pause means it is stuck and must be replaced",
    "test.mock.num.brokers": "a mock broker keeps nothing",
    "metadata.broker.list": "set KAFKA_BOOTSTRAP_SERVERS instead",
}

# They load code, or need an object instead of a text: nothing an environment variable can give.
_UNUSABLE = frozenset({"default.topic.config", "opaque", "open.cb", "socket.cb", "error.cb"})
_PLUGINS = "plugin."

# Checked again by librdkafka's consumer, which knows what fits the group protocol.
_NEEDS_CONSUMER_PROTOCOL = ("group.remote.assignor",)
_NEEDS_CLASSIC_PROTOCOL = ("partition.assignment.strategy", "heartbeat.interval.ms")

_REGISTRY_KNOWN = frozenset(
    {
        "basic.auth.user.info",
        "basic.auth.credentials.source",
        "sasl.username",
        "sasl.password",
        "sasl.mechanism",
        "bearer.auth.credentials.source",
        "bearer.auth.token",
        "bearer.auth.logical.cluster",
        "bearer.auth.identity.pool.id",
        "bearer.auth.client.id",
        "bearer.auth.client.secret",
        "bearer.auth.scope",
        "bearer.auth.issuer.endpoint.url",
        "ssl.ca.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.certificate.location",
        "proxy",
    }
)

_SECRET_WORDS = ("password", "secret", "token", ".pem", "user.info", "jaas", "sasl.oauthbearer.config")


@dataclass(slots=True)
class Properties:
    """Accepted properties by client name, with what was wrong (errors) or merely odd (warnings), as sentences."""

    accepted: dict[str, str] = field(default_factory=dict, repr=False)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def is_secret(name: str) -> bool:
    """Tell whether a property's (or variable's) value must never be shown."""
    lowered = name.lower().replace("_", ".")
    return any(word in lowered for word in _SECRET_WORDS)


def property_name(variable: str, prefix: str) -> str:
    """`KAFKA_SASL_PASSWORD` with prefix `KAFKA_` → `sasl.password`."""
    return variable[len(prefix) :].lower().replace("_", ".")


def is_kafka_property(name: str) -> bool:
    """Tell whether librdkafka knows a property of this name."""
    usable = name not in _UNUSABLE and not name.startswith(_PLUGINS)
    return usable and "No such configuration property" not in _complaint(name, "1")


def is_registry_property(name: str) -> bool:
    """Tell whether the schema registry's client knows a property of this name."""
    return name in _REGISTRY_KNOWN


def kafka_properties(variables: Mapping[str, str]) -> Properties:
    """Sort KAFKA_* variables (already without blanks, files resolved) into properties, errors and warnings."""
    found = Properties()
    for variable, value in sorted(variables.items()):
        name = property_name(variable, "KAFKA_")
        if name in REFUSED:
            found.errors.append(f"{variable}: can't be changed: {REFUSED[name]}; remove it")
        elif not is_kafka_property(name):
            found.warnings.append(f"{variable} is ignored: librdkafka has no property {name}")
        elif complaint := _complaint(name, value):
            detail = "" if is_secret(name) or value in complaint else f" ({complaint})"
            found.errors.append(
                f"{variable}: librdkafka does not accept this value{detail}; see its CONFIGURATION.md, property {name}"
            )
        else:
            found.accepted[name] = value
    found.errors += _protocol_errors(found.accepted)
    return found


def registry_properties(variables: Mapping[str, str]) -> Properties:
    """Sort SCHEMA_REGISTRY_* variables (other than the URL) the same way."""
    found = Properties()
    for variable, value in sorted(variables.items()):
        name = property_name(variable, "SCHEMA_REGISTRY_")
        if is_registry_property(name):
            found.accepted[name] = value
        else:
            found.warnings.append(f"{variable} is ignored: the schema registry's client has no property {name}")
    return found


def _protocol_errors(properties: Mapping[str, str]) -> list[str]:
    consumer_protocol = properties.get("group.protocol", "classic").lower() == "consumer"
    wrong = _NEEDS_CLASSIC_PROTOCOL if consumer_protocol else _NEEDS_CONSUMER_PROTOCOL
    other = "classic" if consumer_protocol else "consumer"
    return [
        f"KAFKA_{name.upper().replace('.', '_')}: belongs to the {other} group protocol; "
        f"remove it or set KAFKA_GROUP_PROTOCOL={other}"
        for name in wrong
        if name in properties
    ]


def _complaint(name: str, value: str) -> str:
    """What librdkafka says against `name=value`, or "" when it takes it. No client is ever started.

    Properties are set in order, so an impossible last one ends the attempt before anything is created.
    """
    try:
        Producer({name: value, _END: ""})
    except KafkaException as error:
        text = str(error.args[0].str())
        return "" if _END in text else text
    except (TypeError, ValueError, AttributeError) as error:
        return type(error).__name__
    return ""
