"""What BaseLinker's failures mean: readiness, the pause, and when the program ends."""

from datetime import timedelta

import pytest

from clients import BackpressureError, FatalError, RetriableError
from producer.baselinker_health import LONGEST_PAUSE_SECONDS, PROBE_SECONDS, BaseLinkerHealth
from runtime.health import Health
from runtime.metrics import Metrics
from runtime.program import CannotContinue
from tests.producer.simulated import NOW

REFUSED = FatalError("the token is refused", api="BaseLinker")
LOST = RetriableError("no answer", api="BaseLinker")


def known(must_work: bool = True) -> tuple[BaseLinkerHealth, Health]:
    health = Health()
    return BaseLinkerHealth(health, Metrics(), must_work), health


def test_a_token_that_is_refused_before_the_first_answer_ends_the_program() -> None:
    with pytest.raises(CannotContinue, match="the token is refused"):
        known()[0].failed(REFUSED, 0, NOW)


def test_a_token_that_is_refused_in_mid_run_pauses_until_an_answer_comes() -> None:
    baselinker, health = known()
    baselinker.answered()
    assert baselinker.failed(REFUSED, 3, NOW) == PROBE_SECONDS
    assert health.ready() == {"BaseLinker": "the token is refused"}
    baselinker.answered()
    assert health.ready() == {"BaseLinker": "ok"}


def test_pauses_double_up_to_a_bound_and_start_again_once_something_was_answered() -> None:
    baselinker, _ = known()
    assert [baselinker.failed(LOST, 0, NOW) for _ in range(8)] == [1, 2, 4, 8, 16, 32, *[LONGEST_PAUSE_SECONDS] * 2]
    assert [baselinker.failed(LOST, 1, NOW) for _ in range(3)] == [1, 2, 4]  # one answer came before the first of these
    baselinker.answered()
    assert baselinker.failed(LOST, 1, NOW) == 1


def test_a_block_is_waited_out_and_named_in_readiness() -> None:
    baselinker, health = known()
    blocked = BackpressureError("blocked", api="BaseLinker", retry_at=NOW + timedelta(minutes=5))
    assert baselinker.failed(blocked, 0, NOW) == 300
    assert health.ready()["BaseLinker"] == "blocked; waiting until 12:05:00 UTC"
    assert baselinker.failed(blocked, 0, NOW + timedelta(minutes=9)) == 1
