"""Every setting, declared once with title and help; all that is wrong is said at once, with the way to mend it."""

import hashlib
import hmac
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

Need = Literal["all", "producer", "processor", "kafka"]
SECRETS = ("BASELINKER_TOKEN", "SALESMANAGO_API_SECRET", "SALESMANAGO_API_KEY", "SALESMANAGO_V3_API_KEY")
REQUIRED: Mapping[Need, tuple[str, ...]] = {
    "kafka": (),
    "producer": ("BASELINKER_TOKEN",),
    "processor": (
        "BASELINKER_TOKEN", "SALESMANAGO_LOCATION", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID",
        "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    ),
    "all": (
        "BASELINKER_TOKEN", "SALESMANAGO_LOCATION", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID",
        "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    ),
}  # fmt: skip
_URL = re.compile(r"https?://[^\s/]+(/\S*)?")


class SettingsError(Exception):
    """Settings are missing or wrong; the text names all of them, and no secret."""


class Settings(BaseSettings):
    """The program's settings; each field is the environment variable of the same name."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False, validate_default=False)

    baselinker_token: SecretStr = Field(SecretStr(""), description="BaseLinker API token (My account → API)")
    baselinker_api_url: str = Field(
        "https://api.baselinker.com/connector.php", description="BaseLinker's whole URL, ends in connector.php"
    )
    baselinker_requests_per_minute: int = Field(
        80, ge=15, le=1_000_000, description="Requests a minute of all processes together; the API blocks above 100"
    )
    contact_tag: str = Field("", description="Tag for every contact sent; commas separate several; empty = none")
    salesmanago_location: str = Field("", description="E-shop the purchases belong to (its location in SALESmanago)")
    tag_order_source: Literal["none", "code", "name", "both"] = Field(
        "none", description="Order source as tag: false, true (= code), code, name or both"
    )
    skip_shop_orders: bool = Field(False, description="true = orders of the own shop (source shop) are not sent")
    salesmanago_api_url: str = Field("", description="SALESmanago API v2, e.g. https://app2.salesmanago.com/api")
    salesmanago_client_id: str = Field("", description="Client ID (Integration Center → API → API v2)")
    salesmanago_api_secret: SecretStr = Field(SecretStr(""), description="API secret (same place)")
    salesmanago_api_key: SecretStr = Field(SecretStr(""), description="Any string; made and kept stable if unset")
    salesmanago_owner: str = Field("", description="E-mail of the SALESmanago user who owns the contacts")
    salesmanago_v3_api_url: str = Field("https://api.salesmanago.com/v3", description="SALESmanago API v3, ends in /v3")
    salesmanago_v3_api_key: SecretStr = Field(SecretStr(""), description="API v3 key, only to list the e-shops")
    kafka_bootstrap_servers: str = Field("", description="Kafka brokers, host:port, comma-separated")
    topic_prefix: str = Field(
        "baselinker", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="Prefix of the topics; one per account pair"
    )
    group_id: str = Field("", description="Consumer group of the processors; <prefix>-processor if unset")
    journal_partitions: int = Field(6, ge=1, le=200, description="Partitions of the journal topic, when it is created")
    poll_interval_seconds: float = Field(10, ge=1, le=300, description="How often the producer asks for news")
    start_from: Literal["earliest", "latest"] = Field(
        "earliest", description="First start: from the journal's beginning (earliest, 3 days) or its end (latest)"
    )
    sweep_interval_seconds: float = Field(
        3600, ge=0, description="How often confirmed orders are compared with the journal; 0 = never"
    )
    create_timeout_seconds: float = Field(10, ge=1, le=60, description="Time-out of creating an event")
    settle_seconds: float = Field(
        20, ge=0, le=600, description="How late SALESmanago may still show an event that was created"
    )
    delivery_threads: int = Field(48, ge=1, le=256, description="Requests to SALESmanago under way at once")
    max_attempts: int = Field(20, ge=1, le=1000, description="Failed tries of one order before it is a dead letter")
    max_consecutive_dead_letters: int = Field(20, ge=1, description="Dead letters in a row that pause the processors")
    session_timeout_ms: int = Field(20_000, ge=6_000, le=300_000, description="When a silent member is replaced, in ms")
    product_id_field: Literal["product_id", "variant_id", "sku", "ean"] = Field(
        "product_id", description="What identifies a product in SALESmanago: product_id, variant_id, sku or ean"
    )
    masked_email_domains: str | tuple[str, ...] = Field(
        ("allegromail.pl", "allegromail.com", "allegrogroup.pl"),
        description="Marketplace mailboxes that hide the buyer",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_format: Literal["json", "console"] | None = Field(None, description="json or console; unset = by terminal")
    http_port: int | None = Field(None, ge=0, le=65535, description="Port of /livez, /readyz, /metrics; unset = none")
    kafka_properties: dict[str, str] = Field({}, exclude=True)
    schema_registry: dict[str, str] | None = Field(None, exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what load_settings gives: it has read the environment, `.env` and the files."""
        return (init_settings,)

    @field_validator("tag_order_source", mode="before")
    @classmethod
    def _source(cls, value: Any) -> Any:
        words = {"false": "none", "0": "none", "no": "none", "true": "code", "1": "code", "yes": "code"}
        return words.get(str(value).lower(), str(value).lower())

    @field_validator("log_level", "start_from", "log_format", "product_id_field", mode="before")
    @classmethod
    def _case(cls, value: Any, info: Any) -> Any:
        text = str(value)
        return text.upper() if info.field_name == "log_level" else text.lower()

    @field_validator("masked_email_domains", mode="after")
    @classmethod
    def _domains(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip().lower().lstrip("@.") for part in parts if part.strip())

    @field_validator("salesmanago_location")
    @classmethod
    def _location(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9/_.\-]{1,36}", value):
            raise ValueError("must be the e-shop's location as SALESmanago shows it: 1-36 of letters, digits / _ - .")
        return value

    @field_validator("salesmanago_owner")
    @classmethod
    def _owner(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ValueError("must be the e-mail of a user of the SALESmanago account")
        return value

    @field_validator("salesmanago_api_url", "salesmanago_v3_api_url", "baselinker_api_url")
    @classmethod
    def _url(cls, value: str, info: Any) -> str:
        if not value:
            return value
        value = value.rstrip("/")
        end = {"salesmanago_api_url": "/api", "salesmanago_v3_api_url": "/v3"}.get(info.field_name, "connector.php")
        if not _URL.fullmatch(value) or not value.endswith(end):
            raise ValueError(f"must be a whole URL (https://…) that ends in {end}")
        return value

    @model_validator(mode="after")
    def _together(self) -> "Settings":
        if self.session_timeout_ms < (self.create_timeout_seconds + 5) * 1000:
            raise ValueError(
                "SESSION_TIMEOUT_MS must be at least CREATE_TIMEOUT_SECONDS + 5 s, or a replaced member may still write"
            )
        if not self.group_id:
            self.group_id = f"{self.topic_prefix}-processor"
        if not self.salesmanago_api_key.get_secret_value():
            secret = self.salesmanago_api_secret.get_secret_value().encode()
            key = hmac.new(secret, self.salesmanago_client_id.encode(), hashlib.sha256).hexdigest()[:32]
            self.salesmanago_api_key = SecretStr(key)
        return self

    @property
    def secrets(self) -> list[str]:
        """Every secret value, for the log's mask."""
        found = [getattr(self, name.lower()).get_secret_value() for name in SECRETS]
        found += [value for name, value in self.kafka_properties.items() if "password" in name or "key.pem" in name]
        return [secret for secret in found if secret]


def load_settings(
    environ: Mapping[str, str] | None = None, env_file: str | None = ".env", need: Need = "all"
) -> Settings:
    """Read `.env`, then the environment, then `<NAME>_FILE`s; SettingsError names all that is missing or wrong."""
    given: dict[str, str] = {}
    if env_file is not None and Path(env_file).is_file():
        given |= {name.upper(): value for name, value in dotenv_values(env_file).items() if value is not None}
    given |= {name.upper(): value for name, value in (os.environ if environ is None else environ).items()}
    given = {name: value.strip() for name, value in given.items() if value.strip()}
    problems = _read_files(given)
    values: dict[str, Any] = {name.lower(): given[name] for name in _names() if name in given}
    values["kafka_properties"] = _kafka_properties(given, problems)
    registry = {
        name.removeprefix("SCHEMA_REGISTRY_").lower().replace("_", "."): value
        for name, value in given.items()
        if name.startswith("SCHEMA_REGISTRY_") and not name.endswith("_FILE")
    }
    values["schema_registry"] = registry if "url" in registry else None
    for name in (*REQUIRED[need], "KAFKA_BOOTSTRAP_SERVERS"):
        if name not in given and not any(problem.startswith(f"{name}_FILE") for problem in problems):
            problems.append(f"{name}: is missing; {Settings.model_fields[name.lower()].description}")
    try:
        settings = Settings(**values)
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False):
            name = str(found["loc"][0]).upper() if found["loc"] else ""
            text = found["msg"].removeprefix("Value error, ")
            field = Settings.model_fields.get(name.lower())
            problems.append(f"{name}: {text}; {field.description}" if field else text)
        raise SettingsError("\n".join(problems)) from None
    if problems:
        raise SettingsError("\n".join(problems))
    if settings.baselinker_requests_per_minute > 100:
        warnings.warn(
            "BASELINKER_REQUESTS_PER_MINUTE is above the API's 100: BaseLinker will block the token", stacklevel=2
        )
    return settings


def _names() -> list[str]:
    return [name.upper() for name, field in Settings.model_fields.items() if not field.exclude]


def _read_files(given: dict[str, str]) -> list[str]:
    problems = []
    for name in SECRETS:
        path = given.get(f"{name}_FILE")
        if path is None:
            continue
        if name in given:
            problems.append(f"{name}_FILE: {name} is set too; leave one of them out")
            continue
        try:
            given[name] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{name}_FILE: the file can't be read ({type(error).__name__}); check path and rights")
    return problems


def _kafka_properties(given: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    from runtime.kafka import FIXED, known_property  # noqa: PLC0415 - the names are librdkafka's

    found = {}
    for name, value in given.items():
        if not name.startswith("KAFKA_") or name == "KAFKA_BOOTSTRAP_SERVERS":
            continue
        prop = name.removeprefix("KAFKA_").lower().replace("_", ".")
        if prop in FIXED:
            problems.append(f"{name}: the promises rest on {prop}; leave it out")
        elif known_property(prop):
            found[prop] = value
        else:
            warnings.warn(f"{name}: librdkafka has no property {prop}; ignored", stacklevel=2)
    return found


def env_example() -> str:
    """Return the text of `.env.example`: every setting with its help."""
    lines = ["# Every setting. Blank = the default. Every secret may come from a file: <NAME>_FILE=/path.", ""]
    for name in _names():
        field = Settings.model_fields[name.lower()]
        required = " (required)" if name in REQUIRED["all"] or name == "KAFKA_BOOTSTRAP_SERVERS" else ""
        default = field.default
        shown = "" if isinstance(default, SecretStr) or default is None else default
        if isinstance(shown, tuple):
            shown = ",".join(shown)
        if isinstance(shown, bool):
            shown = str(shown).lower()
        lines += [f"# {field.description}{required}", f"{name}={shown}", ""]
    lines += [
        "# Any other property of librdkafka, e.g. for TLS and SASL",
        "#KAFKA_SECURITY_PROTOCOL=SASL_SSL",
        "#KAFKA_SASL_MECHANISM=PLAIN",
        "#KAFKA_SASL_USERNAME=",
        "#KAFKA_SASL_PASSWORD=",
        "",
        "# Set = Confluent's wire format with this registry; unset = Avro single objects",
        "#SCHEMA_REGISTRY_URL=http://schema-registry:8081",
        "#SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=",
        "",
    ]
    return "\n".join(lines)
