"""Whether an API is called, and whose fault a failure is."""

import pytest

from processor.circuit_breaker import LONGEST_PAUSE_SECONDS, PROBE_SECONDS, STORM, CircuitBreaker
from processor.errors import NeedsOperator


def well() -> CircuitBreaker:
    breaker = CircuitBreaker("API")
    for _ in range(30):
        breaker.succeeded()
    return breaker


def test_a_storm_of_failures_lets_one_call_at_a_time_through_and_counts_no_attempt() -> None:
    breaker = well()
    counted = [breaker.failed(0.0, "down") for _ in range(STORM)]
    assert counted[0]
    assert not counted[-1]
    assert not breaker.admits(0.5, 0)
    assert breaker.admits(1.5, 0)
    assert not breaker.admits(1.5, 1)
    breaker.succeeded()
    assert breaker.admits(1.5, 40)


def test_while_half_of_all_calls_fail_no_attempt_is_counted_against_an_order() -> None:
    breaker = CircuitBreaker("API")
    counted = 0
    for turn in range(200):
        if turn % 2:
            breaker.succeeded()
        else:
            counted += breaker.failed(0.0, "down")
    assert counted == 0


def test_one_failure_among_many_successes_counts() -> None:
    assert well().failed(0.0, "down")


def test_a_pause_of_stated_length_is_kept_and_never_shortened() -> None:
    breaker = well()
    breaker.pushed_back(0.0, 100.0, "429")
    breaker.pushed_back(50.0, 5.0, "429")
    assert not breaker.admits(99.0, 0)
    assert breaker.admits(100.0, 0)


def test_pauses_of_no_stated_length_grow_once_for_many_calls_that_fail_together_and_are_bounded() -> None:
    breaker, now, pauses = well(), 0.0, []
    for _ in range(10):
        for _ in range(40):
            breaker.pushed_back(now, None, "503")
        pauses.append(breaker.until - now)
        now = breaker.until
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    breaker.succeeded()
    breaker.pushed_back(now, None, "503")
    assert breaker.until - now == 1.0


def test_after_a_refused_key_nothing_is_called_until_a_probe_succeeds() -> None:
    breaker = well()
    breaker.stop(0.0, "wrong key")
    assert not breaker.admits(1000.0, 0)
    breaker.recovered()
    assert breaker.admits(61.0, 0)
    assert breaker.stopped is None


def test_the_stopped_api_is_probed_once_a_minute() -> None:
    breaker = well()
    assert not breaker.probe_due(1000.0)
    breaker.stop(0.0, "wrong key")
    assert not breaker.probe_due(PROBE_SECONDS - 1)
    assert breaker.probe_due(PROBE_SECONDS)
    breaker.probing(PROBE_SECONDS)
    assert not breaker.probe_due(PROBE_SECONDS + 1)
    assert breaker.probe_due(2 * PROBE_SECONDS)


@pytest.mark.parametrize(("patient", "proven", "ends"), [(True, True, False), (True, False, True), (False, True, True)])
def test_a_refused_key_ends_the_program_where_nobody_waits_or_none_was_ever_accepted(
    patient: bool, proven: bool, ends: bool
) -> None:
    breaker = CircuitBreaker("BaseLinker", patient, proven)
    if ends:
        with pytest.raises(NeedsOperator, match="BaseLinker: check BASELINKER_TOKEN"):
            breaker.stop(0.0, "check BASELINKER_TOKEN")
    else:
        breaker.stop(0.0, "check BASELINKER_TOKEN")
        assert breaker.stopped == "check BASELINKER_TOKEN"


def test_an_accepted_call_proves_the_key() -> None:
    breaker = CircuitBreaker("API")
    breaker.succeeded()
    breaker.stop(0.0, "wrong key")
    assert breaker.stopped is not None
