"""Work that takes longer than a page: one of a session's kind, refused beside one that runs alone, begun once."""

import threading
import time

import pytest
from structlog.testing import capture_logs

from console.said import Known
from console.works import Work, Works
from operations.topic_reads import KafkaAway
from tests.harness.waiting import wait_until


def test_a_new_preview_ends_ones_own_earlier_one_and_what_runs_alone_is_refused_twice() -> None:
    def job(work: Work) -> None:
        while True:
            work.breathe()
            time.sleep(0.01)

    works = Works()
    mine, yours = works.start("preview", "session 1", None, job), works.start("preview", "session 2", None, job)
    again = works.start("preview", "session 1", None, job)
    wait_until(lambda: mine.state == "stopped", 30, "the earlier one has ended")
    assert (yours.state, again.state) == ("running", "running")
    works.start("backfill", "session 1", None, job, alone=True)
    with pytest.raises(Known, match="busy"):
        works.start("backfill", "session 2", None, job, alone=True)
    works.end(30.0)
    assert works.running("preview") is works.running("backfill") is None


def test_a_preview_is_begun_once_and_again_only_where_beginning_failed() -> None:
    works = Works()
    work = works.start("plan_replay", "session 1", None, lambda work: "the plan")
    wait_until(lambda: work.state == "done", 30, "it is done")
    with pytest.raises(RuntimeError), works.using(work) as plan:
        assert plan == "the plan"
        with pytest.raises(Known, match="used"), works.using(work):
            pass
        raise RuntimeError("processors are running")
    with works.using(work):
        pass
    with pytest.raises(Known, match="used"), works.using(work):
        pass


def test_a_preview_that_is_not_complete_is_not_begun() -> None:
    works = Works()
    work = works.start("plan_replay", "session 1", None, lambda work: None)
    wait_until(lambda: work.state == "done", 30, "it has ended")
    with pytest.raises(Known, match="not_done"), works.using(work):
        pass
    assert work.used_at is None


def test_an_action_that_takes_long_is_logged_at_its_start_and_at_its_end_with_what_came_of_it() -> None:
    works, go_on = Works(), threading.Event()
    act = {"what": "again/orders", "by": "AK"}

    def publish(work: Work) -> int:
        assert go_on.wait(30)
        work.done = 2
        return 3

    def fail(work: Work) -> None:
        publish(work)
        raise KafkaAway("no broker")

    def stop(work: Work) -> None:
        publish(work)
        work.breathe()

    with capture_logs() as log:
        begun = [works.start(job.__name__, "session", None, job, act=act) for job in (publish, fail, stop)]
        preview = works.start("preview", "session", None, publish)
        assert [line.pop("event") for line in log] == ["started from the console"] * 3
        assert log == [{"log_level": "info", **act}] * 3
        begun[2].stopping = True
        go_on.set()
        wait_until(lambda: all(work.state != "running" for work in [*begun, preview]), 30, "all have ended")
    ended = sorted(log[3:], key=lambda line: str(line["event"]))
    assert ended == [
        {"log_level": "info", "event": "done from the console", **act, "result": 3},
        {"log_level": "error", "event": "failed from the console", **act, "done": 2, "error": "KafkaAway"},
        {"log_level": "info", "event": "stopped from the console", **act, "done": 2},
    ]
