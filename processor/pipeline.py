"""The way of an order, turned by one thread: entry → job → order read → decided → sent → recorded → committed.

Stages hand on values, and `route` is the table of where each goes. Two arrows lead back: an intent that is in Kafka to
deliver, and an order's outcome to coalesce, which may hold its next entries.
"""

from collections.abc import Iterable
from typing import Any

from processor.decide.judge import Decided, Judge
from processor.decide.rules import RuleSettings
from processor.ending import Ending
from processor.job import Entry, Job
from processor.stages import Stages
from processor.values import Acknowledged, Dropped, Intent, Passed, Read, Recorded, Released, Undecodable

REPLY_SECONDS = 0.01


class Pipeline:
    """`rules` are those in effect."""

    def __init__(self, stages: Stages, judge: Judge, rules: RuleSettings) -> None:
        self.stages, self._judge, self.rules = stages, judge, rules

    def take(self, now: float, room: int, seconds: float) -> None:
        """Take up to `room` entries, waiting at most so long for them; Kafka's callbacks run in here."""
        for entry in self.stages.source.poll(now, room, seconds):
            self.stages.commit.start(entry.raw)
            self.route(entry)

    def turn(self, now: float) -> None:
        """Move all on that was taken."""
        stages = self.stages
        self.route_all(stages.coalesce.poll(now, stages.enrich.room))
        self.route_all(stages.enrich.poll(now))
        self.route_all(stages.deliver.poll(now))
        self.route_all(stages.deliver.join(now, REPLY_SECONDS if stages.deliver.in_flight else 0.0))
        self.route_all(stages.record.poll(now))
        self.route_all(stages.commit.poll(now))

    def route(self, value: Any) -> None:
        """Hand a value to the stage that it is for."""
        stages = self.stages
        match value:
            case Entry():
                stages.coalesce.submit(value)
            case Job():
                stages.enrich.submit(value)
            case Read():
                self.route(self._judge.judge(value.job, value.enriched, self.rules))
            case Decided():
                stages.deliver.submit(value)
            case Ending() | Undecodable():
                stages.record.submit(value)
            case Passed() | Intent() | Released():
                stages.commit.submit(value)
            case Recorded():
                stages.commit.submit(value)
                if value.job is not None and value.row is not None:
                    stages.coalesce.finished(value.job, value.row, value.value, value.settle_until)
            case Dropped():
                stages.coalesce.forget(value.job)
            case Acknowledged():
                job = value.intent.job
                stages.coalesce.stored(job.partition, job.order_id, value.value)
                stages.deliver.intended(value.intent, value.began)
            case _:
                raise TypeError(f"nothing is done with {type(value).__name__}")

    def route_all(self, values: Iterable[Any]) -> None:
        """Hand on what a stage brings."""
        for value in values:
            self.route(value)
