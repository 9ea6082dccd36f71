"""What applying orders costs: requests, and the time they take at the processors' budget. Pure."""

import pytest

from operations.cost import cost_of, cost_of_single
from runtime.settings import Settings, load_settings


def settings(budget: int) -> Settings:
    """Of a program that polls six times a minute."""
    return load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "BASELINKER_REQUESTS_PER_MINUTE": str(budget)}, None, need="kafka"
    )


def test_orders_that_lie_near_are_read_with_one_request() -> None:
    assert [cost_of_single(settings(80), ids).requests for ids in ([], [5, 5, 104], [900, 5, 105])] == [0, 1, 3]


@pytest.mark.parametrize(("budget", "seconds"), [(74, 1.0), (44, 2.0), (20, 10.0)])
def test_a_request_takes_its_share_of_what_producer_and_tools_leave(budget: int, seconds: float) -> None:
    assert cost_of_single(settings(budget), [7]).seconds == seconds  # 9 a minute are the producer's, 5 the tools'


def test_a_thousand_orders_cost_a_dozen_requests() -> None:
    cost = cost_of(settings(74), 1000)
    assert (cost.requests, cost.seconds) == (12, 12.0)
    assert str(cost).startswith("cost: about 12 BaseLinker requests, 12 s at the processors' budget")
