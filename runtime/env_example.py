"""Renders `.env.example` from the settings' declarations: every setting with its help, so that neither can drift."""

from pydantic import SecretStr

from runtime.settings import REQUIRED, Settings, setting_names

_FREE_NAMES = """\
# Any other property of librdkafka, e.g. for TLS and SASL
#KAFKA_SECURITY_PROTOCOL=SASL_SSL
#KAFKA_SASL_MECHANISM=PLAIN
#KAFKA_SASL_USERNAME=
#KAFKA_SASL_PASSWORD=

# Set = Confluent's wire format with this registry; unset = Avro single objects
#SCHEMA_REGISTRY_URL=http://schema-registry:8081
#SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=
"""


def env_example() -> str:
    """Return the text of `.env.example`."""
    lines = ["# Every setting. Blank = the default. Every secret may come from a file: <NAME>_FILE=/path.", ""]
    for name in setting_names():
        field = Settings.model_fields[name.lower()]
        required = " (required)" if name in REQUIRED["all"] or name == "KAFKA_BOOTSTRAP_SERVERS" else ""
        lines += [f"# {field.description}{required}", f"{name}={_shown(field.default)}", ""]
    return "\n".join(lines) + "\n" + _FREE_NAMES


def _shown(default: object) -> str:
    if default is None or isinstance(default, SecretStr | tuple):
        return ""  # a list grows with the program: a copy of this file must not keep the list of today
    return str(default).lower() if isinstance(default, bool) else str(default)
