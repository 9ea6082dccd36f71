"""`audit` and `alerts`: what is missing, doubled or stuck is found and told; what is fine is not."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from clients import Http, SalesManago
from clients.contacts import Contact, PurchaseEvent
from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.judge import wrong
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import ask_sandbox, sandbox
from tests.harness.webhook import receiver
from tests.operations.test_mending import purchases


def sales_client(apis: dict[str, str]) -> SalesManago:
    """Somebody else who writes to the same account."""
    return SalesManago(
        Http("SALESmanago"),
        apis["SALESMANAGO_API_URL"],
        apis["SALESMANAGO_CLIENT_ID"],
        apis["SALESMANAGO_API_SECRET"],
        "another",
        apis["SALESMANAGO_OWNER"],
    )


def test_audit_finds_missing_doubled_and_differing_purchases_and_names_what_mends_them(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "25") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            fine = bl2sm(environment, "audit", "--since", "30d", "--json")
            assert fine.code == 0, fine.out
            assert fine.data["sent"] == len(purchases(apis))
            assert fine.data["findings"] == []

            gone, doubled, there, here, strayed = fetch_state(apis["SALESMANAGO_API_URL"])["events"][:5]
            sales = sales_client(apis)
            sales.delete_event(gone["eventId"])
            again = PurchaseEvent(str(doubled["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
            second = sales.add_event(doubled["contactId"], again)
            other = next(
                one["contactId"]
                for one in fetch_state(apis["SALESMANAGO_API_URL"])["events"]
                if one["contactId"] != strayed["contactId"]
            )
            again = PurchaseEvent(str(strayed["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
            strange = sales.add_event(other, again)
            as_it_was = datetime.fromtimestamp(there["date"] / 1000, UTC)
            changed = PurchaseEvent(str(there["externalId"]), as_it_was, "another_shop", Decimal("1.00"))
            sales.update_event(there["contactId"], there["eventId"], changed)
            edited = {"order_id": int(here["externalId"]), "delivery_price": 99.5}
            ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": edited})
            ran = bl2sm(environment, "audit", "--since", "30d", "--json")
            assert ran.code == 1
            found = {str(one["order_id"]): one for one in ran.data["findings"]}
            assert {order: one["kind"] for order, one in found.items()} == {
                str(gone["externalId"]): "missing",
                str(doubled["externalId"]): "doubled",
                str(there["externalId"]): "differing",
                str(here["externalId"]): "differing",
                str(strayed["externalId"]): "doubled",
            }
            assert all(one["mend"] for one in found.values())
            assert "changed in SALESmanago" in found[str(there["externalId"])]["why"]
            assert "location another_shop, now sandbox_shop" in found[str(there["externalId"])]["why"]
            assert "the order or the settings changed" in found[str(here["externalId"])]["why"]
            for order in fetch_state(apis["BASELINKER_API_URL"])["orders"]:
                assert order["email"] == "" or order["email"] not in ran.out

            assert second in found[str(doubled["externalId"])]["why"]
            assert strange in found[str(strayed["externalId"])]["why"], "it lies with another contact"
            alone = bl2sm(environment, "retract", "--order", str(strayed["externalId"]), "--extra")
            assert (alone.code, "nothing extra was found" in alone.err) == (1, True)
            extra = bl2sm(environment, "retract", "--order", str(doubled["externalId"]), "--extra", "--json").data
            assert [one["event_id"] for one in extra["purchases"]] == [second]
            mending = [one["mend"] for one in found.values()]
            for command in ", then ".join(mending).split(", then "):
                words = command.split()
                assert words[0] == "bl2sm"
                assert bl2sm(environment, *words[1:], SETTLE_SECONDS="1").code == 0, command
            programs.finish()
        assert bl2sm(environment, "audit", "--since", "30d").code == 0
        assert wrong(apis) == []


def test_alerts_tell_a_webhook_that_nothing_runs(kafka: str, prefix: str) -> None:
    with sandbox("--orders", "3") as apis, receiver() as (url, got):
        environment = settings(apis, kafka, prefix)
        assert bl2sm(environment, "alerts", "--test").code == 2
        nonsense = bl2sm(environment, "alerts", "--test", ALERT_WEBHOOK_URL="hooks.example.com")
        assert nonsense.code == 2
        assert "ALERT_WEBHOOK_URL is no URL" in nonsense.err
        environment["ALERT_WEBHOOK_URL"] = url
        assert bl2sm(environment, "topics").code == 0
        assert bl2sm(environment, "alerts", "--test").code == 0
        assert [one["kind"] for one in got] == ["test"]
        assert bl2sm(environment, "pause", "--by", "ala").code == 0
        assert bl2sm(environment, "alerts", "--once").code == 1
        assert {one["kind"] for one in got[1:]} == {"processors_stopped", "producers_stopped", "switched_off"}
        assert any("paused by ala" in one["text"] for one in got)
        assert {one["state"] for one in got} == {"firing"}
        away = bl2sm(environment, "alerts", "--once", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
        assert away.code == 1
        assert got[-1]["kind"] == "broker_away"


def test_a_double_with_the_edited_e_mails_contact_is_found(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
        sent = fetch_state(apis["SALESMANAGO_API_URL"])["events"][0]
        edited = {"order_id": int(sent["externalId"]), "email": "nowy.adres@example.com"}
        ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": edited})
        sales = sales_client(apis)
        contact = sales.upsert_contact(Contact(email="nowy.adres@example.com"))
        second = PurchaseEvent(str(sent["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
        sales.add_event(contact, second)
        (found,) = bl2sm(environment, "audit", "--since", "30d", "--json").data["findings"]
        assert found["kind"] == "doubled"
        words = found["mend"].split()
        assert bl2sm(environment, *words[1:]).code == 0
        assert bl2sm(environment, "audit", "--since", "30d").code == 0


def test_a_purchase_that_is_gone_is_never_delivered_unchanged(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "10") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
            sent = fetch_state(apis["SALESMANAGO_API_URL"])["events"][0]
            order = str(sent["externalId"])
            sales_client(apis).delete_event(sent["eventId"])
            bl2sm(environment, "replay", "--order", order, "--execute")
            programs.finish()
            same = {"order": {"order_id": int(order)}, "log_types": [2]}
            for _ in range(2):
                ask_sandbox(apis["BASELINKER_API_URL"], "orders", same)
                programs.finish()
                story = bl2sm(environment, "explain", order, "--offline").out
                assert "event_gone" in story.splitlines()[0]
                assert "`retract` and then `replay` send it anew" in story
            for command in ("retract", "replay"):
                ran = bl2sm(environment, command, "--order", order, "--execute", SETTLE_SECONDS="1")
                assert ran.code == 0, ran.err
            programs.finish()
        assert [str(one["externalId"]) for one in fetch_state(apis["SALESMANAGO_API_URL"])["events"]].count(order) == 1
