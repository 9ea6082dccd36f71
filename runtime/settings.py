"""Every setting, declared once with title and help; all that is wrong is said at once, with the way to mend it."""

import difflib
import hashlib
import hmac
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.currencies import Rates, contradictions, read_currency, read_rates
from runtime.environment import read_variables
from runtime.properties import (
    is_kafka_property,
    is_registry_property,
    is_secret,
    kafka_properties,
    property_name,
    registry_properties,
)
from runtime.relay_domains import RELAY_DOMAINS, read_domains

Need = Literal["all", "producer", "apis", "processor", "kafka"]
SECRETS = (
    "BASELINKER_TOKEN", "SALESMANAGO_API_SECRET", "SALESMANAGO_API_KEY", "SALESMANAGO_V3_API_KEY", "ALERT_WEBHOOK_URL",
    "CONSOLE_PASSWORD",
)  # fmt: skip
REQUIRED: Mapping[Need, tuple[str, ...]] = {
    "kafka": (),
    "producer": ("BASELINKER_TOKEN",),
    "apis": (
        "BASELINKER_TOKEN", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET",
        "SALESMANAGO_OWNER",
    ),
    "processor": (
        "BASELINKER_TOKEN", "SALESMANAGO_LOCATION", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID",
        "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    ),
    "all": (
        "BASELINKER_TOKEN", "SALESMANAGO_LOCATION", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID",
        "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    ),
}  # fmt: skip
LEAST_PASSWORD = 8  # characters of CONSOLE_PASSWORD
WHOLE_URL = re.compile(r"https?://[^\s/]+(/\S*)?")


class SettingsError(Exception):
    """Settings are missing or wrong; the text names all of them, and no secret."""


class Settings(BaseSettings):
    """The program's settings; each field is the environment variable of the same name."""

    model_config = SettingsConfigDict(
        extra="ignore", case_sensitive=False, validate_default=False, hide_input_in_errors=True
    )

    baselinker_token: SecretStr = Field(SecretStr(""), description="BaseLinker API token (My account → API)")
    baselinker_api_url: str = Field(
        "https://api.baselinker.com/connector.php", description="BaseLinker's whole URL, ends in connector.php"
    )
    baselinker_requests_per_minute: int = Field(
        80,
        ge=15,
        le=1_000_000,
        description="Requests per minute of all processes together; BaseLinker's standard plan allows 100",
    )
    contact_tag: str = Field("", description="Tag for every contact sent; commas separate several; empty = none")
    salesmanago_location: str = Field("", description="E-shop the purchases belong to (its location in SALESmanago)")
    tag_order_source: Literal["none", "code", "name", "both"] = Field(
        "none", description="Order source as tag: false (= none), true (= both), code, name or both"
    )
    skip_shop_orders: bool = Field(False, description="true = orders of the own shop (source shop) are not sent")
    salesmanago_api_url: str = Field("", description="SALESmanago API v2, e.g. https://app2.salesmanago.com/api")
    salesmanago_client_id: str = Field("", description="Client ID (Integration Center → API → API v2)")
    salesmanago_api_secret: SecretStr = Field(SecretStr(""), description="API secret (same place)")
    salesmanago_api_key: SecretStr = Field(SecretStr(""), description="Any string; made and kept stable if unset")
    salesmanago_owner: str = Field("", description="E-mail of the SALESmanago user who owns the contacts")
    salesmanago_event_api: Literal["auto", "v1", "v2"] = Field(
        "auto", description="API version of single events: auto (v2; v1 where v2 answers 404 or 405), v1 or v2"
    )
    salesmanago_v3_api_url: str = Field("https://api.salesmanago.com/v3", description="SALESmanago API v3, ends in /v3")
    salesmanago_v3_api_key: SecretStr = Field(
        SecretStr(""), description="API v3 key, only to list the product catalogues"
    )
    kafka_bootstrap_servers: str = Field("", description="Kafka brokers, host:port, comma-separated")
    topic_prefix: str = Field(
        "baselinker", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="Prefix of the topics; one per account pair"
    )
    group_id: str = Field("", description="Consumer group of the processors; <prefix>-processor if unset")
    journal_partitions: int = Field(6, ge=1, le=200, description="Partitions of the journal topic, when it is created")
    poll_interval_seconds: float = Field(
        10, allow_inf_nan=False, ge=1, le=300, description="How often the producer asks for news"
    )
    start_from: Literal["earliest", "latest"] = Field(
        "earliest", description="First start: from the journal's beginning (earliest, 3 days) or its end (latest)"
    )
    sweep_interval_seconds: float = Field(
        3600,
        allow_inf_nan=False,
        ge=0,
        le=604_800,
        description="How often confirmed orders are compared with the journal; 0 = never",
    )
    create_timeout_seconds: float = Field(
        10,
        allow_inf_nan=False,
        ge=1,
        le=60,
        description="Time-out of creating an event, in seconds; a stop may take 35 s more",
    )
    settle_seconds: float = Field(
        20,
        allow_inf_nan=False,
        ge=0,
        le=600,
        description="How late SALESmanago may still show an event that was created",
    )
    delivery_threads: int = Field(48, ge=1, le=256, description="Requests to SALESmanago under way at once")
    max_attempts: int = Field(20, ge=1, le=1000, description="Failed tries of one order before it is a dead letter")
    max_consecutive_dead_letters: int = Field(20, ge=1, description="Dead letters in a row that pause the processors")
    session_timeout_ms: int = Field(20_000, ge=6_000, le=300_000, description="When a silent member is replaced, in ms")
    product_id_field: Literal["product_id", "variant_id", "sku", "ean"] = Field(
        "product_id", description="What identifies a product in SALESmanago: product_id, variant_id, sku or ean"
    )
    shop_currency: str = Field(
        "", description="Currency of the e-shop, e.g. PLN; none = values are sent unconverted, in any currency"
    )
    exchange_rates: Rates = Field(
        (), description="What one unit is in SHOP_CURRENCY, e.g. EUR:4.27,CZK:0.1735; orders in these are converted"
    )
    foreign_currency: Literal["send", "skip"] = Field(
        "send", description="Orders in a currency without a rate: send (the number is sent as it is) or skip"
    )
    masked_email_domains: str | tuple[str, ...] = Field(
        RELAY_DOMAINS,
        description="Domains of marketplaces' relay addresses (* = any characters), with all below them;"
        " +example.com adds to the default list, example.com replaces it",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_format: Literal["json", "console"] | None = Field(None, description="json or console; unset = by terminal")
    http_port: int | None = Field(None, ge=0, le=65535, description="Port of /livez, /readyz, /metrics; unset = none")
    alert_webhook_url: SecretStr = Field(
        SecretStr(""), description="URL that `bl2sm alerts` posts alarms to, as JSON; empty = none"
    )
    console_host: str = Field("127.0.0.1", description="Address the console listens on; 0.0.0.0 = all")
    console_port: int = Field(8080, ge=0, le=65535, description="Port of the console")
    console_password: SecretStr = Field(
        SecretStr(""), description="Password of the console; required unless it listens on this machine alone"
    )
    console_names: str = Field("", description="Further names the console is reached by, comma-separated")
    console_proxies: str = Field(
        "127.0.0.1",
        description="Proxies before the console: addresses or networks, comma-separated, whose X-Forwarded-For is true",
    )
    kafka_properties: dict[str, str] = Field({}, exclude=True, repr=False)
    schema_registry: dict[str, str] | None = Field(None, exclude=True, repr=False)

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
        words = {"false": "none", "0": "none", "no": "none", "true": "both", "1": "both", "yes": "both"}
        return words.get(str(value).lower(), str(value).lower())

    @field_validator(
        "log_level", "start_from", "log_format", "product_id_field", "salesmanago_event_api", "foreign_currency",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _case(cls, value: Any, info: Any) -> Any:
        text = str(value)
        return text.upper() if info.field_name == "log_level" else text.lower()

    @field_validator("shop_currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        return read_currency(value)

    @field_validator("exchange_rates", mode="before")
    @classmethod
    def _rates(cls, value: Any) -> Any:
        return read_rates(value) if isinstance(value, str) else value

    @field_validator("masked_email_domains", mode="after")
    @classmethod
    def _domains(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        return read_domains(value)

    @field_validator("salesmanago_location")
    @classmethod
    def _location(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9/_.\-]{1,36}", value):
            raise ValueError("must be the e-shop's location as SALESmanago shows it: 1-36 of letters, digits / _ - .")
        return value

    @field_validator("baselinker_token", "salesmanago_v3_api_key")
    @classmethod
    def _header(cls, value: SecretStr) -> SecretStr:
        if not all("!" <= character <= "~" for character in value.get_secret_value()):
            raise ValueError("has a blank or a character that no key has: copy it anew")
        return value

    @field_validator("salesmanago_owner")
    @classmethod
    def _owner(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value):
            raise ValueError("must be the e-mail of a user of the SALESmanago account")
        return value

    @field_validator("salesmanago_api_url", "salesmanago_v3_api_url", "baselinker_api_url")
    @classmethod
    def _url(cls, value: str, info: Any) -> str:
        if not value:
            return value
        value = value.rstrip("/")
        end = {"salesmanago_api_url": "/api", "salesmanago_v3_api_url": "/v3"}.get(info.field_name, "connector.php")
        if not WHOLE_URL.fullmatch(value) or not value.endswith(end):
            raise ValueError(f"must be a whole URL (https://…) that ends in {end}")
        return value

    @model_validator(mode="after")
    def _derived(self) -> "Settings":
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
        for properties in (self.kafka_properties, self.schema_registry or {}):
            found += [value for name, value in properties.items() if is_secret(name)]
        return [secret for secret in found if secret]


def load_settings(
    environ: Mapping[str, str] | None = None, env_file: str | Path | None = ".env", need: Need = "all"
) -> Settings:
    """Read `.env`, then the environment, then `<NAME>_FILE`s; SettingsError names all that is missing or wrong."""
    read = read_variables(os.environ if environ is None else environ, env_file, _may_be_file)
    given, problems = read.values, list(read.errors)
    values: dict[str, Any] = {name.lower(): given[name] for name in setting_names() if name in given}
    kafka = kafka_properties(_starting(given, "KAFKA_", without="KAFKA_BOOTSTRAP_SERVERS"))
    registry = registry_properties(_starting(given, "SCHEMA_REGISTRY_", without="SCHEMA_REGISTRY_URL"))
    values["kafka_properties"] = kafka.accepted
    if url := given.get("SCHEMA_REGISTRY_URL"):
        values["schema_registry"] = {"url": url, **registry.accepted}
        if not all(WHOLE_URL.fullmatch(part.strip()) for part in url.split(",")):
            problems.append("SCHEMA_REGISTRY_URL: must be a whole URL; e.g. http://schema-registry:8081")
    problems += kafka.errors
    unreadable = {problem.split(":")[0].removesuffix("_FILE") for problem in problems}
    for name in (*REQUIRED[need], "KAFKA_BOOTSTRAP_SERVERS"):
        if name not in given and name not in unreadable:
            problems.append(f"{name}: is missing; {Settings.model_fields[name.lower()].description}")
    wrong: set[str] = set()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        told = sentences(error)
        problems += told.values()
        wrong = set(told)
        settings = Settings(**{name: value for name, value in values.items() if name not in wrong})
    problems += [text for names, text in _contradictions(settings) if not wrong.intersection(names)]
    if problems:
        raise SettingsError("\n".join(problems))
    if read.demo:
        warnings.warn("DEMO: the settings name no account, so the sandbox takes the place of both APIs", stacklevel=2)
        given = {name: value for name, value in given.items() if name != "BASELINKER_REQUESTS_PER_MINUTE"}
    for text in [*kafka.warnings, *registry.warnings, *_oddities(settings, given)]:
        warnings.warn(text, stacklevel=2)
    return settings


def setting_names() -> list[str]:
    """Every setting's environment variable, in the order of declaration."""
    return [name.upper() for name, field in Settings.model_fields.items() if not field.exclude]


def sentences(error: ValidationError) -> dict[str, str]:
    """Return field → `NAME: what is wrong; how to mend it` for each field that is wrong."""
    found: dict[str, str] = {}
    for one in error.errors(include_input=False, include_url=False):
        name = str(one["loc"][0])
        found.setdefault(name, _sentence(name, one["type"], one["msg"], one.get("ctx", {})))
    return found


def _starting(given: Mapping[str, str], start: str, without: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if name.startswith(start) and name != without}


def _may_be_file(name: str) -> bool:
    """Every secret may; of Kafka's and the registry's properties those that hold one."""
    if name.startswith("KAFKA_"):
        return is_secret(name) and is_kafka_property(property_name(name, "KAFKA_"))
    if name.startswith("SCHEMA_REGISTRY_"):
        return is_secret(name) and is_registry_property(property_name(name, "SCHEMA_REGISTRY_"))
    return name in SECRETS


def _sentence(name: str, kind: str, text: str, context: Mapping[str, Any]) -> str:
    """Return `NAME: what is wrong; how to mend it`, without the value: it may be a secret in the wrong line."""
    field = Settings.model_fields[name]
    if kind in {"int_parsing", "int_from_float", "float_parsing", "finite_number", "bool_parsing"} or "than" in kind:
        text = "must be true or false" if field.annotation is bool else _range(field.annotation, field.metadata)
    elif kind == "literal_error":
        text = f"must be one of {context['expected']}"
    elif kind == "string_pattern_mismatch":
        text = "may have only letters, digits and . _ - (at most 200)"
    return f"{name.upper()}: {text.removeprefix('Value error, ')}; {field.description}"


def _range(annotation: Any, metadata: Iterable[Any]) -> str:
    bounds = {kind: getattr(item, kind) for item in metadata for kind in ("ge", "le") if hasattr(item, kind)}
    low, high = bounds.get("ge"), bounds.get("le")
    number = "a number" if annotation is float else "a whole number"
    return f"must be {number}" + (f" from {low}" if low is not None else "") + (f" to {high}" if high else "")


def _contradictions(settings: Settings) -> list[tuple[tuple[str, ...], str]]:
    """Return (settings concerned, sentence) for settings that are fine alone and wrong together."""
    found: list[tuple[tuple[str, ...], str]] = []
    least = int((settings.create_timeout_seconds + 5) * 1000)
    if settings.session_timeout_ms < least:
        text = (
            f"SESSION_TIMEOUT_MS: is below CREATE_TIMEOUT_SECONDS + 5 s, a replaced member may still write; use {least}"
        )
        found.append((("session_timeout_ms", "create_timeout_seconds"), text))
    found += contradictions(settings.shop_currency, settings.exchange_rates, settings.foreign_currency)
    # The journal's minute: its polls, 3 second looks, 5 for the tools; what remains reads the orders.
    spent = int(60 / settings.poll_interval_seconds) + 3 + 5
    if settings.baselinker_requests_per_minute <= spent:
        text = (
            f"BASELINKER_REQUESTS_PER_MINUTE: {spent} a minute go to asking for news, none is left to read orders; "
            "raise it, or POLL_INTERVAL_SECONDS"
        )
        found.append((("baselinker_requests_per_minute", "poll_interval_seconds"), text))
    return found


def _oddities(settings: Settings, given: Mapping[str, str]) -> list[str]:
    """Return what is accepted, but worth a warning."""
    found = []
    if settings.baselinker_requests_per_minute > 100 and "BASELINKER_REQUESTS_PER_MINUTE" in given:
        found.append(
            "BASELINKER_REQUESTS_PER_MINUTE is above the 100 requests per minute of BaseLinker's standard plan;"
            " make sure that yours allows it"
        )
    known = setting_names()
    known += [f"{name}_FILE" for name in SECRETS]
    for name in sorted(given):
        if name.startswith(("BASELINKER_", "SALESMANAGO_")) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
            found += [f"{name} is ignored: there is no such setting; did you mean {near[0]}?"] if near else []
    return found
