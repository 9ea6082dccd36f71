"""The right to write, and how it is lost."""

import pytest

from processor.deliver.lease import Lease
from processor.errors import LeaseLost


def test_a_loop_that_stood_still_loses_the_right_to_write_for_good() -> None:
    now = [0.0]
    lease = Lease(10.0, lambda: now[0])
    now[0] = 9.0
    lease.turn()
    now[0] = 18.9
    lease.check()
    now[0] = 19.1
    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(LeaseLost):
        lease.turn()
    with pytest.raises(LeaseLost):
        lease.turn()


def test_a_lease_that_was_given_up_lets_nothing_be_written() -> None:
    lease = Lease(10.0, lambda: 0.0)
    assert lease.turn() == 0.0
    lease.give_up()
    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(LeaseLost):
        lease.turn()
