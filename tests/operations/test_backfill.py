"""`backfill`: an interrupted one continues where it says and leaves no order out; nothing is sent twice."""

import random
from datetime import timedelta
from typing import Any, cast

import pytest

from operations.backfill import MOST_PAGES, plan_backfill, walk
from runtime.settings import load_settings
from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.stand_ins import purchases, switch
from tests.operations.shop import deployment, kinds
from tests.producer.simulated import DAY, NOW, World, plan

SINCE, UNTIL = NOW - DAY, NOW


@pytest.mark.parametrize("by_id", [False, True])
def test_what_is_listed_again_after_an_interruption_leaves_no_order_out(by_id: bool) -> None:
    shop = World(plan()).shop
    for order_id in range(1000, 1110):  # a bulk action: more than a page of one second
        shop.place(order_id, SINCE)
    shop.place(500, SINCE + timedelta(seconds=5))
    for order_id in range(2000, 2330):
        shop.place(order_id, SINCE + timedelta(seconds=order_id - 1990))
    everything = {order.order_id for order in shop.placed}
    shop.by_id = by_id
    whole = list(walk(shop, SINCE, UNTIL))
    assert sorted(order.order_id for page, _ in whole for order in page) == sorted(everything), "each once"
    for count in range(1, len(whole) + 1):
        published = {order.order_id for page, _ in whole[:count] for order in page}
        after = {order.order_id for page in walk(shop, whole[count - 1][1], UNTIL) for order in page[0]}
        assert published | after == everything, f"after {count} pages"


def test_backfill_sends_what_the_journal_never_named_and_nothing_twice(kafka: str) -> None:
    with deployment(kafka, "--orders", "25", SWEEP_INTERVAL_SECONDS="0") as shop:
        url = shop["BASELINKER_API_URL"]
        orders, logs = fetch_state(url)["orders"], fetch_state(url)["logs"]
        hidden = {log["order_id"] for log in logs[: len(logs) // 3]}
        switch(url, hidden_log_ids=[log["log_id"] for log in logs if log["order_id"] in hidden])
        catch_up(shop)
        sent = purchases(shop)
        assert wrong(shop) != []
        previewed = bl2sm(shop, "backfill", "--since", "30d", "--json")
        assert previewed.code == 0, previewed.err
        confirmed = [one for one in orders if one["confirmed"]]
        assert previewed.data["complete"] is True
        assert previewed.data["orders"] == len(confirmed)
        assert previewed.data["delivered"] == len(sent)
        assert purchases(shop) == sent
        done = bl2sm(shop, "backfill", "--since", "30d", "--execute", "--json")
        assert done.data["published"] == len(confirmed)
        catch_up(shop, "processor")
        assert wrong(shop) == []
        assert set(purchases(shop).values()) == {1}
        assert kinds(shop, "update") == []


class NoRows:
    """A deployment that has sent nothing yet."""

    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "k:9092"}, None, "kafka")

    def rows(self) -> dict[int, Any]:
        return {}


def test_a_preview_whose_pages_have_no_order_of_the_time_says_so() -> None:
    shop = World(plan()).shop
    for order_id in range(1000, 2000):
        shop.place(order_id, SINCE + timedelta(seconds=order_id))
    shop.shuffled, shop.by_id = random.Random(1), True  # not sorted: read by id
    shop.place(3000, SINCE)
    found = plan_backfill(cast("Any", NoRows()), shop, SINCE - DAY, SINCE)
    assert (found.complete, found.orders, found.estimated_orders) == (False, 0, 0)
    assert shop.asked.count("getOrders") == MOST_PAGES
