import pytest

from runtime.relay_domains import FREEMAIL, RELAY_DOMAINS, covers, host_of, read_domains, setting_with


@pytest.mark.parametrize(
    ("domain", "host", "covered"),
    [
        ("example.com", "example.com", True), ("example.com", "a.b.example.com", True),
        ("example.com", "notexample.com", False), ("example.com", "example.com.pl", False),
        ("example.com", "", False),
        ("marketplace.amazon.*", "marketplace.amazon.de", True),
        ("marketplace.amazon.*", "marketplace.amazon.com.br", True),
        ("marketplace.amazon.*", "x.marketplace.amazon.it", True),
        ("marketplace.amazon.*", "marketplace.amazon", False),
        ("marketplace.amazon.*", "amazon.de", False), ("marketplace.amazon.*", "xmarketplace.amazon.de", False),
        ("*.notification.mirakl.net", "empik.notification.mirakl.net", True),
        ("*.notification.mirakl.net", "a.b.notification.mirakl.net", True),
        ("*.notification.mirakl.net", "notification.mirakl.net", False),
        ("relay*.example.com", "relay-7.example.com", True), ("relay*.example.com", "x.relay.example.com", True),
        ("relay*.example.com", "example.com", False),
    ],
)  # fmt: skip
def test_a_domain_or_a_glob_covers_itself_and_all_below(domain: str, host: str, covered: bool) -> None:
    assert covers((domain,), host) is covered
    assert covers(("other.example", domain), host) is covered


def test_no_domain_covers_nothing() -> None:
    assert not covers((), "example.com")


@pytest.mark.parametrize(
    ("email", "host"),
    [(" X@Example.COM ", "example.com"), ("x@example.com.", "example.com"), ("a@b@c.pl", "c.pl"), ("", "")],
)
def test_the_host_is_what_is_behind_the_at(email: str, host: str) -> None:
    assert host_of(email) == host


@pytest.mark.parametrize(
    ("value", "domains"),
    [
        ("example.com", ("example.com",)),
        (" @Example.com , .relay.example ", ("example.com", "relay.example")),
        ("marketplace.amazon.*,*.notification.mirakl.net", ("marketplace.amazon.*", "*.notification.mirakl.net")),
        ("+example.com", (*RELAY_DOMAINS, "example.com")),
        ("+example.com, + @a.example.org", (*RELAY_DOMAINS, "example.com", "a.example.org")),
        ("+allegromail.pl", RELAY_DOMAINS),
        ("a.example,a.example", ("a.example",)),
        ("żółw.pl", ("żółw.pl",)),
        (("a.example", "b.example"), ("a.example", "b.example")),
    ],
)
def test_entries_with_a_plus_are_added_to_the_default_list_and_others_replace_it(
    value: str | tuple[str, ...], domains: tuple[str, ...]
) -> None:
    assert read_domains(value) == domains


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "entry 1 is empty"), ("a.example,,b.example", "entry 2 is empty"), ("a.example,", "entry 2 is empty"),
        ("+", "entry 1 is empty"), ("@", "entry 1 is empty"),
        ("relay", "entry 1 covers too much"), ("*", "entry 1 covers too much"), ("*.*", "entry 1 covers too much"),
        ("*.com", "entry 1 covers too much"), ("com", "entry 1 covers too much"),
        ("*mail.com", "entry 1 covers too much"),
        ("gmail.*", "entry 1 covers too much"), ("a.example,*.co.uk", "entry 2 covers too much"),
        ("com.pl", "entry 1 covers too much"), ("g*.com.pl", "entry 1 covers too much"),
        ("gmail.com", "entry 1 covers a mail provider's domain"), ("wp.pl", "entry 1 covers a mail provider's domain"),
        ("poczta.onet.*", "entry 1 covers a mail provider's domain"),
        ("jan@example.com", "entry 1 is no domain"), ("a..example", "entry 1 is no domain"),
        ("-a.example", "entry 1 is no domain"), ("10.0.0.1", "entry 1 is no domain"),
        ("a b.pl", "entry 1 is no domain"),
        ("?.example.com", "entry 1 is no domain"), ("[ab].example.com", "entry 1 is no domain"),
        ("https://example.com", "entry 1 is no domain"), ("++example.com", "entry 1 is no domain"),
        ("+a.example,b.example", "some entries have a + and some have none"),
    ],
)  # fmt: skip
def test_an_entry_that_is_no_domain_or_covers_too_much_is_refused_and_not_shown(value: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_domains(value)
    assert str(caught.value).startswith(why)
    assert not any(len(entry) > 5 and entry in str(caught.value) for entry in value.split(","))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        read_domains("+a.example,,gmail.com")
    assert [part in str(caught.value) for part in ("entry 2", "entry 3", "some entries have a +")] == [True] * 3


def test_the_default_list_passes_its_own_rules_and_covers_no_mail_provider() -> None:
    assert read_domains(RELAY_DOMAINS) == RELAY_DOMAINS
    assert not [host for host in FREEMAIL if covers(RELAY_DOMAINS, host)]


@pytest.mark.parametrize(
    ("found", "current", "line"),
    [
        (["b.example"], RELAY_DOMAINS, "MASKED_EMAIL_DOMAINS=+b.example"),
        (["b.example", "c.example"], (*RELAY_DOMAINS, "a.example"),
         "MASKED_EMAIL_DOMAINS=+a.example,+b.example,+c.example"),
        (["b.example"], ("allegromail.pl",), "MASKED_EMAIL_DOMAINS=+b.example"),
        (["marketplace.amazon.de"], ("allegromail.pl",), "MASKED_EMAIL_DOMAINS="),
        (["marketplace.amazon.de"], ("x.example",), "MASKED_EMAIL_DOMAINS=+x.example"),
    ],
)  # fmt: skip
def test_the_line_that_adds_domains_keeps_the_default_list_and_what_was_there(
    found: list[str], current: tuple[str, ...], line: str
) -> None:
    assert setting_with(found, current) == line
