import warnings
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runtime.env_example import env_example
from runtime.relay_domains import RELAY_DOMAINS
from runtime.settings import REQUIRED, SECRETS, Need, Settings, SettingsError, load_settings, setting_names

SECRET = "hunter2-hunter2"
GOOD = {
    "BASELINKER_TOKEN": f"{SECRET}-token",
    "SALESMANAGO_LOCATION": "sklep_1",
    "SALESMANAGO_API_URL": "https://app2.salesmanago.com/api",
    "SALESMANAGO_CLIENT_ID": "client",
    "SALESMANAGO_API_SECRET": f"{SECRET}-secret",
    "SALESMANAGO_OWNER": "owner@shop.example",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
}
REPOSITORY = Path(__file__).parents[2]

WRONG = {
    "BASELINKER_API_URL": "https://api.baselinker.com",
    "BASELINKER_REQUESTS_PER_MINUTE": "fast",
    "SALESMANAGO_LOCATION": "my shop",
    "TAG_ORDER_SOURCE": "perhaps",
    "SKIP_SHOP_ORDERS": "perhaps",
    "SALESMANAGO_API_URL": "https://app2.salesmanago.com",
    "SALESMANAGO_OWNER": "nobody",
    "SALESMANAGO_V3_API_URL": "https://api.salesmanago.com/v2",
    "TOPIC_PREFIX": "a b",
    "JOURNAL_PARTITIONS": "0",
    "POLL_INTERVAL_SECONDS": "0",
    "START_FROM": "yesterday",
    "SWEEP_INTERVAL_SECONDS": "-1",
    "CREATE_TIMEOUT_SECONDS": "nan",
    "SETTLE_SECONDS": "inf",
    "DELIVERY_THREADS": "1.5",
    "MAX_ATTEMPTS": "0",
    "MAX_CONSECUTIVE_DEAD_LETTERS": "0",
    "SESSION_TIMEOUT_MS": "1",
    "PRODUCT_ID_FIELD": "name",
    "SHOP_CURRENCY": "ZLOTY",
    "EXCHANGE_RATES": "EUR:0",
    "FOREIGN_CURRENCY": "perhaps",
    "MASKED_EMAIL_DOMAINS": "*.com",
    "LOG_LEVEL": "LOUD",
    "LOG_FORMAT": "xml",
    "HTTP_PORT": "70000",
    "SCHEMA_REGISTRY_URL": "registry",
    "KAFKA_ACKS": "1",
    "KAFKA_SECURITY_PROTOCOL": "magic",
}


def load(
    changes: dict[str, str] | None = None,
    need: Need = "all",
    env_file: Path | None = None,
    without: Collection[str] = (),
) -> Settings:
    environ = {name: value for name, value in (GOOD | (changes or {})).items() if name not in without}
    return load_settings(environ, env_file, need)


def problems(
    changes: dict[str, str] | None = None, env_file: Path | None = None, without: Collection[str] = ()
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(changes, env_file=env_file, without=without)
    return str(caught.value).splitlines()


def warned(changes: dict[str, str]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(changes)
    return [str(warning.message) for warning in caught]


def test_what_is_required_is_enough_and_the_rest_has_defaults() -> None:
    settings = load()
    assert settings.baselinker_requests_per_minute == 80
    assert settings.group_id == "baselinker-processor"
    assert settings.poll_interval_seconds == 10
    assert settings.http_port is None
    assert settings.schema_registry is None
    assert warned({}) == []


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, None)
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == {
        *REQUIRED["all"],
        "KAFKA_BOOTSTRAP_SERVERS",
    }


def test_every_wrong_setting_is_named_at_once_with_the_way_to_mend_it() -> None:
    lines = problems(WRONG)
    assert sorted(line.split(":")[0] for line in lines) == sorted(WRONG)
    assert all(";" in line for line in lines)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_alone_is_the_only_one_named(name: str) -> None:
    (line,) = problems({name: WRONG[name]})
    assert line.startswith(f"{name}: ")
    assert WRONG[name] not in line.split("; ")[0].removeprefix(name) or len(WRONG[name]) == 1


def test_a_wrong_and_a_missing_setting_are_named_together() -> None:
    lines = problems({"LOG_LEVEL": "LOUD"}, without=["BASELINKER_TOKEN"])
    assert {line.split(":")[0] for line in lines} == {"LOG_LEVEL", "BASELINKER_TOKEN"}


@pytest.mark.parametrize("name", [name for name in setting_names() if name not in REQUIRED["all"]])
def test_a_blank_value_counts_as_unset(name: str) -> None:
    if name != "KAFKA_BOOTSTRAP_SERVERS":
        assert getattr(load({name: "  "}), name.lower()) == getattr(load(), name.lower())


@pytest.mark.parametrize("name", REQUIRED["all"])
def test_a_blank_required_value_is_missing(name: str) -> None:
    (line,) = problems({name: " "})
    assert line.startswith(f"{name}: is missing")


@pytest.mark.parametrize(
    ("need", "needed"),
    [("kafka", set()), ("producer", {"BASELINKER_TOKEN"}), ("processor", set(REQUIRED["all"]))],
)
def test_a_program_asks_only_for_what_it_needs(need: Need, needed: set[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"SETTLE_SECONDS": "x", "KAFKA_BOOTSTRAP_SERVERS": "k:1"}, None, need)
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == needed | {"SETTLE_SECONDS"}


def test_a_session_must_outlast_a_create() -> None:
    (line,) = problems({"SESSION_TIMEOUT_MS": "14999"})
    assert "15000" in line
    assert load({"SESSION_TIMEOUT_MS": "15000"}).session_timeout_ms == 15_000


def test_a_budget_that_leaves_nothing_for_orders_is_refused() -> None:
    (line,) = problems({"BASELINKER_REQUESTS_PER_MINUTE": "68", "POLL_INTERVAL_SECONDS": "1"})
    assert line.startswith("BASELINKER_REQUESTS_PER_MINUTE: ")


def test_a_budget_above_the_standard_plan_s_is_accepted_with_a_warning_that_predicts_no_block() -> None:
    assert load({"BASELINKER_REQUESTS_PER_MINUTE": "100"}).baselinker_requests_per_minute == 100
    assert warned({"BASELINKER_REQUESTS_PER_MINUTE": "100"}) == []
    (text,) = warned({"BASELINKER_REQUESTS_PER_MINUTE": "101"})
    assert "above the 100 requests per minute of BaseLinker's standard plan; make sure that yours allows it" in text
    assert "block" not in text


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("true", "both"),
        ("TRUE", "both"),
        ("1", "both"),
        ("yes", "both"),
        ("false", "none"),
        ("code", "code"),
        ("name", "name"),
        ("both", "both"),
    ],
)
def test_the_order_source_tag_takes_a_yes_no_or_a_kind(value: Any, meaning: str) -> None:
    assert load({"TAG_ORDER_SOURCE": value}).tag_order_source == meaning


@pytest.mark.parametrize("value", ["sm_" + "a" * 32, "a/b_c-d.e", "1"])
def test_a_location_as_salesmanago_gives_it_is_taken(value: Any) -> None:
    assert load({"SALESMANAGO_LOCATION": value}).salesmanago_location == value


@pytest.mark.parametrize("value", ["a" * 37, "sklep główny", "a,b"])
def test_a_location_it_would_not_know_is_refused(value: Any) -> None:
    assert problems({"SALESMANAGO_LOCATION": value})[0].startswith("SALESMANAGO_LOCATION: ")


def test_a_closing_slash_of_a_url_does_not_matter() -> None:
    assert load({"SALESMANAGO_API_URL": "https://x.example/api/"}).salesmanago_api_url == "https://x.example/api"


def test_the_api_key_is_made_and_stays_the_same() -> None:
    key = load().salesmanago_api_key.get_secret_value()
    assert key == load().salesmanago_api_key.get_secret_value() != ""
    assert key != load({"SALESMANAGO_CLIENT_ID": "other"}).salesmanago_api_key.get_secret_value()


@pytest.mark.parametrize(
    "name", [*SECRETS, "KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD", "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"]
)
def test_a_secret_may_come_from_a_file_and_is_known_to_the_mask(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}-file\n")
    settings = load({f"{name}_FILE": str(file), "SCHEMA_REGISTRY_URL": "http://r:8081"}, without=[name])
    assert f"{SECRET}-file" in settings.secrets


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    (line,) = problems({"BASELINKER_TOKEN_FILE": str(file)})
    assert line.startswith("BASELINKER_TOKEN: ")


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe\x00"])
def test_a_secret_s_file_that_gives_nothing_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    (line,) = problems({"BASELINKER_TOKEN_FILE": str(file)}, without=["BASELINKER_TOKEN"])
    assert line.startswith("BASELINKER_TOKEN_FILE: ")


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('\ufeffTOPIC_PREFIX=from_file # why\nCONTACT_TAG="A ${B} $C"\nLOG_LEVEL=debug\n', encoding="utf-8")
    settings = load({"TOPIC_PREFIX": "from_environment"}, env_file=file)
    assert (settings.topic_prefix, settings.contact_tag, settings.log_level) == (
        "from_environment",
        "A ${B} $C",
        "DEBUG",
    )


def test_an_unreadable_env_file_is_a_problem_like_any_other(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"CONTACT_TAG=\xff")
    assert problems({"LOG_LEVEL": "LOUD"}, env_file=file)[0].startswith(".env: ")


def test_secrets_are_never_shown() -> None:
    settings = load({"KAFKA_SASL_PASSWORD": SECRET, "SCHEMA_REGISTRY_URL": f"http://u:{SECRET}@r:8081"})
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in settings.model_dump_json()


@pytest.mark.parametrize("name", [*WRONG, "KAFKA_COMPRESSION_TYPE", "KAFKA_LINGER_MS", "BASELINKER_TOKEN_FILE"])
def test_a_secret_pasted_into_the_wrong_line_is_not_shown(name: str) -> None:
    assert SECRET not in "\n".join(problems(WRONG | {name: f"{SECRET} !"}))


def test_a_name_nearly_right_is_pointed_out() -> None:
    (text,) = warned({"SALESMANAGO_APIKEY": "x"})
    assert "SALESMANAGO_API_KEY" in text


def test_a_strange_name_is_passed_over() -> None:
    assert warned({"BASELINKER_SERVICE_HOST": "10.0.0.1"}) == []


def test_the_example_is_what_the_settings_declare() -> None:
    assert (REPOSITORY / ".env.example").read_text(encoding="utf-8") == env_example()


def test_every_setting_has_a_help_text_and_a_line_in_the_example() -> None:
    for name in setting_names():
        assert Settings.model_fields[name.lower()].description
        assert f"\n{name}=" in env_example()


def test_the_example_as_it_is_lacks_only_what_is_required(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(env_example(), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings({}, file)
    assert all(": is missing; " in line for line in str(caught.value).splitlines())


@pytest.mark.parametrize("given", [{}, {"BASELINKER_TOKEN": " ", "TOPIC_PREFIX": "shop"}])
def test_a_running_sandbox_takes_the_place_of_an_account_only_whole(given: dict[str, str], tmp_path: Path) -> None:
    demo = tmp_path / "settings.env"
    here = {"DEMO_SETTINGS_FILE": str(demo), "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", **given}
    with pytest.raises(SettingsError, match="BASELINKER_TOKEN: is missing"):
        load_settings(here, None)
    sandbox = {**GOOD, "BASELINKER_TOKEN": "sandbox", "TOPIC_PREFIX": "demo-1", "BASELINKER_REQUESTS_PER_MINUTE": "600"}
    demo.write_text("".join(f"{name}='{value}'\n" for name, value in sandbox.items()))
    with pytest.warns(UserWarning, match="DEMO") as told:
        settings = load_settings(here, None)
    assert len(told) == 1, "its budget is no mistake of the person's"
    assert (settings.baselinker_token.get_secret_value(), settings.topic_prefix) == ("sandbox", "demo-1")


@pytest.mark.parametrize("name", ["BASELINKER_TOKEN", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET_FILE"])
def test_who_has_given_anything_of_an_account_is_told_what_is_missing(name: str, tmp_path: Path) -> None:
    demo = tmp_path / "settings.env"
    demo.write_text("".join(f"{key}='{value}'\n" for key, value in GOOD.items()))
    (tmp_path / "secret").write_text("given")
    value = str(tmp_path / "secret") if name.endswith("_FILE") else "given"
    with pytest.raises(SettingsError, match="SALESMANAGO_OWNER: is missing"):
        load_settings({"DEMO_SETTINGS_FILE": str(demo), "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", name: value}, None)


@pytest.mark.parametrize("name", ["BASELINKER_TOKEN", "SALESMANAGO_V3_API_KEY"])
@pytest.mark.parametrize("pasted", ["token\u017c", "to\u00a0ken", "to ken"])
def test_a_key_that_no_header_can_carry_is_named_and_not_shown(name: str, pasted: str) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings({"KAFKA_BOOTSTRAP_SERVERS": "k:9092", name: pasted}, None, need="kafka")
    assert name in str(told.value)
    assert pasted not in str(told.value)


def test_currencies_and_rates_are_taken_in_upper_and_lower_case() -> None:
    given = {"SHOP_CURRENCY": "pln", "EXCHANGE_RATES": " eur:4.27, CZK : 0.1735,", "FOREIGN_CURRENCY": "SKIP"}
    settings = load(given)
    assert (settings.shop_currency, settings.foreign_currency) == ("PLN", "skip")
    assert settings.exchange_rates == (("EUR", Decimal("4.27")), ("CZK", Decimal("0.1735")))
    assert load().exchange_rates == ()


@pytest.mark.parametrize(
    "rate",
    [
        "0",
        "0.00",
        "-4.27",
        "four",
        "NaN",
        "Infinity",
        "1e3",
        "1_000",
        "+4.27",
        "4,27",
        "٤",
        "",
        "12345678",
        "4.12345678901",
    ],
)
def test_a_rate_is_a_plain_number_above_0_of_a_sensible_size(rate: str) -> None:
    (line,) = problems({"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": f"CZK:0.17,EUR:{rate}"})
    assert line.startswith("EXCHANGE_RATES: ")
    assert "EUR" in line.partition("; ")[0] or "part 3" in line


def test_all_that_is_wrong_in_the_rates_is_named_at_once_and_nothing_of_their_text() -> None:
    (line,) = problems({"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": f"EUR:4,EUR:5,CZK:-1,{SECRET},{SECRET}:1,USD:NaN"})
    for part in ("EUR has two rates", "the rate of CZK is", "part 4 is", "part 5 has no code", "the rate of USD is"):
        assert part in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("given", "named", "way"),
    [
        ({"EXCHANGE_RATES": "EUR:4.27"}, "EXCHANGE_RATES", "set SHOP_CURRENCY"),
        ({"FOREIGN_CURRENCY": "skip"}, "FOREIGN_CURRENCY", "set it"),
        ({"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "EUR:4.27,pln:1"}, "EXCHANGE_RATES", "leave it out"),
    ],
)
def test_rates_and_a_skip_need_a_shop_currency_which_has_no_rate_itself(
    given: dict[str, str], named: str, way: str
) -> None:
    (line,) = problems(given)
    assert line.startswith(f"{named}: ")
    assert way in line


def test_every_problem_with_currencies_is_named_beside_all_others() -> None:
    lines = problems({"EXCHANGE_RATES": "EUR:4.27", "FOREIGN_CURRENCY": "skip", "LOG_LEVEL": "LOUD"})
    assert {line.split(":")[0] for line in lines} == {"EXCHANGE_RATES", "FOREIGN_CURRENCY", "LOG_LEVEL"}


def test_relay_domains_are_the_default_list_replaced_or_added_to() -> None:
    assert load().masked_email_domains == RELAY_DOMAINS
    assert load({"MASKED_EMAIL_DOMAINS": "example.com"}).masked_email_domains == ("example.com",)
    assert load({"MASKED_EMAIL_DOMAINS": "+example.com"}).masked_email_domains == (*RELAY_DOMAINS, "example.com")


def test_wrong_relay_domains_are_named_together_with_all_other_problems() -> None:
    lines = problems(
        {"MASKED_EMAIL_DOMAINS": "a.example,,gmail.com", "LOG_LEVEL": "LOUD"}, without=["BASELINKER_TOKEN"]
    )
    assert sorted(line.split(":")[0] for line in lines) == ["BASELINKER_TOKEN", "LOG_LEVEL", "MASKED_EMAIL_DOMAINS"]
    (line,) = (line for line in lines if line.startswith("MASKED"))
    assert "entry 2 is empty" in line
    assert "entry 3 covers a mail provider's domain" in line
    assert "gmail" not in line
