"""One unfinished job per order; later entries join it or wait for it."""

import pytest

from processor.job import Job, Jobs, Step
from tests.processor.entries import entry, row


def test_entries_of_one_order_are_one_job_and_later_ones_wait_for_it() -> None:
    jobs = Jobs()
    job = jobs.open(7, 0, [entry(1)], None)
    assert jobs.join(entry(2, log_type=1))
    assert job.purchase
    assert job.offset == 2
    job.step = Step.READING
    assert jobs.join(entry(3))
    assert [later.raw.offset for later in job.followers] == [3]
    with pytest.raises(ValueError, match="unfinished job"):
        jobs.open(7, 0, [entry(4)], None)
    assert [later.raw.offset for later in jobs.close(job)] == [3]
    assert not jobs.join(entry(5))


def test_a_purchase_stays_due_through_an_edit() -> None:
    assert Job(7, 0, row(purchase_due=True), [entry(1, log_type=16)]).purchase
    assert not Job(7, 0, row(), [entry(1, log_type=16)]).purchase


def test_abandoned_jobs_are_forgotten() -> None:
    jobs = Jobs()
    gone, kept = jobs.open(7, 0, [entry(1)], None), jobs.open(8, 1, [entry(1, 8)], None)
    assert jobs.abandon({0}) == [gone]
    assert list(jobs) == [kept]
    assert list(jobs.waiting) == [kept]
