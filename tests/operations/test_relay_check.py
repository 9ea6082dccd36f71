import pytest

from operations.relay_check import check_relays
from runtime.settings import Settings, load_settings
from tests.processor.simulated import order


def settings(domains: str = "") -> Settings:
    given = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "MASKED_EMAIL_DOMAINS": domains}
    return load_settings(given, None, need="kafka")


def orders(host: str, count: int = 6) -> list[str]:
    return [f"a{number}b{number}c{number}d4e5@{host}" for number in range(count)]


@pytest.mark.parametrize(
    ("emails", "domains", "text", "value"),
    [
        (orders("mail.market.example"), "", "mail.market.example (6 orders)", "+mail.market.example"),
        (orders("m.example", 5), "+a.example", "m.example (5 orders)", "+a.example,+m.example"),
        (["x@marketplace.amazon.pl"], "allegromail.pl", "marketplace.amazon.pl (1 order)", ""),
    ],
)  # fmt: skip
def test_an_unlisted_relay_is_a_warning_with_the_line_to_add(
    emails: list[str], domains: str, text: str, value: str
) -> None:
    read = [order(number, email=email) for number, email in enumerate([*emails, "kupujacy@example.com"])]
    (finding,) = check_relays(read, settings(domains))
    assert finding.state == "warning"
    assert text in finding.text
    assert f"the last {len(read)} orders" in finding.text
    assert f" MASKED_EMAIL_DOMAINS={value} and " in finding.mend
    assert not any(email.partition("@")[0] in finding.text for email in emails)


def test_ordinary_orders_and_listed_relays_are_fine() -> None:
    read = [order(number, email=f"kupujacy{number}@example.com") for number in range(50)]
    read += [order(number, email=email) for number, email in enumerate(orders("marketplace.amazon.de", 50), 50)]
    assert [one.state for one in check_relays(read, settings())] == ["ok"]
    assert list(check_relays([], settings())) == []
