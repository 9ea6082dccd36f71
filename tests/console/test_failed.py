"""More dead letters than a page shows: chosen by their reason, put back as far as there is room."""

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from confluent_kafka import Producer
from starlette.testclient import TestClient

from console import failed
from console.failed import MOST_SECONDS, MOST_SHOWN
from console.program import Program
from operations import publish
from operations.publish import SMALL_LAG
from schemas.records import DeadLetter
from schemas.topics import Topics, order_key

MANY = MOST_SHOWN + 100
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def letters(online: Program) -> None:
    """Many letters; no processor takes what is put back."""
    producer = Producer({"bootstrap.servers": online.settings.kafka_bootstrap_servers})
    topics = Topics(online.settings.topic_prefix)
    for number in range(MANY + 2):
        reason = "rejected" if number < MANY else "undecodable"
        at = NOW + timedelta(seconds=number)
        key = order_key(number + 1)
        letter = DeadLetter(reason, "Rejected", "no & <b>", topics.journal, number % 6, number, key, 1, at)
        place = f"{number % 6}/{number}".encode()
        producer.produce(topics.dead_letters, b"value", place, number % 6, headers=letter.to_headers())  # type: ignore[arg-type]
    assert producer.flush(30) == 0


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's time is up after as many looks at the clock as it has seconds, however fast the machine is."""
    assert MANY / publish.PAGE < MOST_SECONDS
    monkeypatch.setattr(failed, "time", SimpleNamespace(monotonic=count().__next__))
    monkeypatch.setattr(publish, "AGAIN_SECONDS", 0.01)


def forms(page: str, name: str) -> dict[str, str]:
    """The hidden values of the first form that goes to an address."""
    form = page.partition(f'action="{name}"')[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


@pytest.mark.usefixtures("letters", "patience")
def test_letters_beyond_a_page_are_retried_as_far_as_there_is_room_and_dropped_by_reason(client: TestClient) -> None:
    page = client.get("/failed").text
    assert page.count('name="key"') == MOST_SHOWN and f"the oldest {MOST_SHOWN} entries of {MANY + 2}" in page
    assert '<p class="help" lang="en">no &amp; &lt;b&gt;</p>' in page
    assert f"Failed: {MANY + 2} orders" in page
    asked = {**forms(page, "/failed/preview"), "do": "retry"}
    assert asked["reason"] == "rejected"
    preview = client.post("/failed/preview", data=asked).text
    assert f"to be judged under today&#39;s rules: {MANY} orders." in preview
    assert "Cost: at most 6 requests to BaseLinker" in preview and "and 100 entries more" in preview
    told = client.post("/failed/retry", data=forms(preview, "/failed/retry"))
    assert told.headers["location"] == "/failed"
    page = client.get("/failed").text
    found = re.search(rf"Put back into the queue: (\d+) of {MANY} entries. The others stay on this list.", page)
    assert found is not None, page
    put = int(found[1])
    assert SMALL_LAG <= put < MANY and "once it is shorter" in page
    assert f'<span class="badge dead">{MANY - put}</span>' in page
    again = {**forms(page, "/failed/preview"), "reason": "rejected", "do": "retry"}
    preview = client.post("/failed/preview", data=again).text
    refused = client.post("/failed/retry", data=forms(preview, "/failed/retry")).text
    assert "nothing was put into it" in refused
    preview = client.post("/failed/preview", data={**again, "do": "drop"}).text
    assert "Their orders stay unsent until they are edited" in preview and "Cost" not in preview
    client.post("/failed/drop", data=forms(preview, "/failed/drop"))
    page = client.get("/failed").text
    assert f"Dropped: {MANY - put} entries." in page and page.count('name="key"') == 2
