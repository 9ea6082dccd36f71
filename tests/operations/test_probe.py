"""`probe`: what docs/apis.md leaves open is answered with few requests, and what it writes it deletes."""

from collections.abc import Iterator

import pytest

from clients import Contact
from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.stand_ins import switch
from tests.operations.shop import another_program, deployment


@pytest.fixture(scope="module")
def shop(kafka: str) -> Iterator[dict[str, str]]:
    """Settings of a shop without topics."""
    with deployment(kafka, "--orders", "20") as environment:
        yield environment


@pytest.fixture(autouse=True)
def _second_reading_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.probe.LATE_SECONDS", 0.0)


def test_probe_answers_the_open_questions_with_few_requests_and_writes_nothing(shop: dict[str, str]) -> None:
    before = fetch_state(shop["BASELINKER_API_URL"])["requests"]
    written = fetch_state(shop["SALESMANAGO_API_URL"])["writes"]
    facts = {}
    for cursor, said in (("inclusive", "yes"), ("exclusive", "no")):
        switch(shop["BASELINKER_API_URL"], cursor=cursor)
        ran = bl2sm(shop, "probe", "--json")
        assert ran.code == 0, ran.err
        facts = {fact["question"]: fact["answer"] for fact in ran.data["facts"]}
        assert facts["last_log_id itself comes back (inclusive)"] == said
        assert ran.data["baselinker_requests"] <= 20
    assert facts["a log id turns up late, below a higher one"].startswith("not seen: no new entry")
    assert facts["purchases of the contact with the most that are shown"].startswith("not seen")
    switch(shop["BASELINKER_API_URL"], cursor="inclusive", phone="exact")
    ran = bl2sm(shop, "probe", "--json")
    exact = {fact["question"]: fact["answer"] for fact in ran.data["facts"]}
    switch(shop["BASELINKER_API_URL"], phone="last9")
    question = "spellings of a phone that getOrdersByPhone finds"
    assert len(exact[question]) < len(facts[question])
    assert sum(fetch_state(shop["BASELINKER_API_URL"])["requests"].values()) - sum(before.values()) <= 60
    assert fetch_state(shop["SALESMANAGO_API_URL"])["writes"] == written
    for order in fetch_state(shop["BASELINKER_API_URL"])["orders"]:
        assert not order["email"] or order["email"] not in ran.out
        assert not order["phone"] or order["phone"] not in ran.out


@pytest.mark.parametrize("result", [True, "deleted", None])
@pytest.mark.parametrize(("gone", "again"), [("refuse", "not found"), ("accept", "deleted")])
def test_probe_cleans_up_the_events_it_made_and_reports_it_whatever_a_deletion_returns(
    shop: dict[str, str], result: bool | str | None, gone: str, again: str
) -> None:
    switch(shop["SALESMANAGO_API_URL"], delete_result=result, delete_gone=gone)
    ran = bl2sm(shop, "probe", "--json", "--write-as", "proba@example.com")
    assert ran.code == 0, ran.err
    facts = {fact["question"]: fact["answer"] for fact in ran.data["facts"]}
    assert facts["a description of 3,000 characters"].startswith("refused")
    assert facts["of 12 events contact/listById shows"].startswith("12,")
    assert facts["of 12 events contact/list shows, asked by e-mail"] == "12"
    assert fetch_state(shop["SALESMANAGO_API_URL"])["events"] == []
    parked = 1  # the unknown contact's, which is not stored
    assert facts["a deleted event deleted again"] == again
    deleted = 12 + parked * (gone == "accept")
    assert f"of {12 + parked} events:" in ran.err and f"{deleted} deleted" in ran.err


SHOWS, MAIN = "an upsert shows another user's contact in contact/list", "its main owner is SALESMANAGO_OWNER"
LIST, ALL = "the test contact in contact/list", "the test contact in contact/listAll"


@pytest.mark.parametrize(
    ("owner", "co_owner", "account_list", "said"),
    [
        (None, False, "allowed", {LIST: "1 cards", ALL: "1 cards", MAIN: "yes", SHOWS: "not seen"}),
        ("second@example.com", True, "allowed", {LIST: "1 cards", ALL: "1 cards", MAIN: "no", SHOWS: "yes"}),
        ("second@example.com", False, "allowed", {LIST: "0 cards", ALL: "1 cards", MAIN: "no", SHOWS: "no"}),
        ("second@example.com", True, "denied", {LIST: "1 cards", ALL: "not allowed", MAIN: "no", SHOWS: "not seen"}),
        ("second@example.com", False, "404", {LIST: "0 cards", ALL: "not allowed", MAIN: "not seen"}),
    ],
)
def test_probe_finds_out_what_becomes_of_another_users_contact(
    shop: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    owner: str | None,
    co_owner: bool,
    account_list: str,
    said: dict[str, str],
) -> None:
    monkeypatch.setattr("operations.probe.LISTED_SECONDS", 0.0)
    email = f"{owner}-{co_owner}-{account_list}@example.com".replace("second@", "").lower()
    switch(
        shop["SALESMANAGO_API_URL"],
        other_users=["second@example.com"], co_owner=co_owner, account_list=account_list,
    )  # fmt: skip
    if owner is not None:
        another_program(shop, owner).upsert_contact(Contact(email))
    try:
        ran = bl2sm(shop, "probe", "--json", "--write-as", email)
    finally:
        switch(shop["SALESMANAGO_API_URL"], other_users=[], co_owner=True, account_list="allowed")
    assert ran.code == 0, ran.err
    facts = {fact["question"]: fact["answer"] for fact in ran.data["facts"]}
    assert {question: facts[question].partition(":")[0] for question in said} == said
    listed = {"allowed": "0 cards", "denied": "refused", "404": "no such call"}[account_list]
    assert facts["an unknown contact in listAll"] == facts["an unknown contact in listAllById"] == listed
    assert "second@" not in ran.out and email not in ran.out
