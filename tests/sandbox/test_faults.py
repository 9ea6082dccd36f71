"""Which request meets a fault: decided by the seed and by what is asked about whom, not by what else is asked."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from sandbox.faults import Fault, Faults

BUYERS = [f"buyer{number}@example.com" for number in range(40)]


def met(faults: Faults, *asked: str) -> list[bool]:
    """For requests about these, one after the other, whether they meet a fault."""

    async def ask() -> list[bool]:
        request: Any = None
        return [await faults.play(request, "contact/upsert", False, [one]) is not None for one in asked]

    return asyncio.run(ask())


def met_by(seed: int, order: Sequence[str], **fault: Any) -> dict[str, list[bool]]:
    """For each buyer, asked about three times, in turns: whether each request meets the fault."""
    faults = Faults(seed)
    faults.active = [Fault("500", **fault)]
    found: dict[str, list[bool]] = {buyer: [] for buyer in BUYERS}
    for _ in range(3):
        for buyer, fails in zip(order, met(faults, *order), strict=True):
            found[buyer].append(fails)
    return found


def test_the_same_order_meets_the_same_faults_whatever_else_is_asked_meanwhile() -> None:
    mixed = random.Random(1).sample(BUYERS, len(BUYERS))
    assert met_by(1, BUYERS, rate=0.5) == met_by(1, mixed, rate=0.5)
    assert met_by(1, BUYERS, rate=0.5) != met_by(2, BUYERS, rate=0.5)


def test_about_so_many_requests_meet_a_fault_as_its_rate_says() -> None:
    for rate in (0.0, 0.05, 0.5, 1.0):
        drawn = [fails for some in met_by(1, BUYERS, rate=rate).values() for fails in some]
        assert abs(sum(drawn) / len(drawn) - rate) <= 0.12 * (0 < rate < 1)


def test_a_fault_of_one_order_hits_no_other_and_only_so_often_as_it_says() -> None:
    found = met_by(1, BUYERS, of=BUYERS[3], count=2)
    assert found.pop(BUYERS[3]) == [True, True, False]
    assert not any(fails for some in found.values() for fails in some)
