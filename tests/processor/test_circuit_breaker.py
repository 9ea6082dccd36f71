"""Whether an API is called, and whose fault a failure is."""

from processor.circuit_breaker import STORM, Gate


def test_a_storm_of_failures_lets_one_call_at_a_time_through_and_counts_no_attempt() -> None:
    gate = Gate("API")
    for _ in range(30):
        gate.succeeded()
    counted = [gate.failed(0.0, "down") for _ in range(STORM)]
    assert counted[0]
    assert not counted[-1]
    assert not gate.admits(0.5, 0)
    assert gate.admits(1.5, 0)
    assert not gate.admits(1.5, 1)
    gate.succeeded()
    assert gate.admits(1.5, 40)


def test_while_half_of_all_calls_fail_no_attempt_is_counted_against_an_order() -> None:
    gate = Gate("API")
    counted = 0
    for turn in range(200):
        if turn % 2:
            gate.succeeded()
        else:
            counted += gate.failed(0.0, "down")
    assert counted == 0


def test_one_failure_among_many_successes_counts() -> None:
    gate = Gate("API")
    for _ in range(20):
        gate.succeeded()
    assert gate.failed(0.0, "down")


def test_a_stopped_gate_opens_by_a_probe_only() -> None:
    gate = Gate("API")
    gate.stop(0.0, "wrong key")
    assert not gate.admits(1000.0, 0)
    assert gate.probe_due(60.0)
    gate.probing(60.0)
    assert not gate.probe_due(61.0)
    gate.mended()
    assert gate.admits(61.0, 0)
