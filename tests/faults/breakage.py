"""The deliberate breaks: what each does to the code, in a sentence and in text, and which tests must notice."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FAULTS = "tests/faults"
CRASH = f"{FAULTS}/test_crash_points.py::test_a_processor_killed_at_any_step_loses_and_doubles_nothing[usual]"
PRODUCER = (
    f"{FAULTS}/test_crash_points_producer.py::test_a_producer_killed_at_any_step_skips_and_doubles_nothing[usual]"
)
STOP = f"{FAULTS}/test_stop_points.py::test_a_processor_stopped_at_any_step_changes_nothing_once_it_was_replaced[usual]"
EXACT = f"{FAULTS}/test_late_and_hidden.py"
PURCHASE = {"CRASH_WAY": "a purchase"}


@dataclass(frozen=True, slots=True)
class Break:
    """`edits`: file, exact text (once in it), new text."""

    name: str
    sentence: str
    edits: tuple[tuple[str, str, str], ...]
    caught_by: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


BREAKS = (
    Break(
        "commit-before-record",
        "An entry's offset is committed as soon as it was taken, not when its order has an outcome.",
        (
            (
                "processor/pipeline.py",
                "            self.stages.commit.start(entry.raw)\n",
                "            self.stages.commit.start(entry.raw)\n"
                "            self.stages.commit.submit(Passed(entry.raw))\n",
            ),
        ),
        (CRASH,),
        PURCHASE,
    ),
    Break(
        "skip-the-look",
        "A purchase is created whatever SALESmanago's cards show.",
        (
            (
                "processor/deliver/stage.py",
                "        self._go(attempt, after_look(attempt, seen, self._now, self._limits))\n",
                "        self._go(attempt, after_look(attempt, Seen(None, None, 0), self._now, self._limits))\n",
            ),
        ),
        (CRASH,),
        PURCHASE,
    ),
    Break(
        "look-before-the-wait",
        "An order that somebody may still be creating is looked at first, waited for, and created; looks do not age.",
        (
            (
                "processor/deliver/state_machine.py",
                "    return Next(Step.LOOK, attempt.settle_until)\n",
                "    return Next(Step.LOOK)\n",
            ),
            (
                "processor/deliver/state_machine.py",
                "Next(Step.CREATE if young and attempt.intended_contact == attempt.contact_id else Step.INTEND)\n",
                "Next(Step.INTEND, attempt.settle_until)\n",
            ),
            (
                "processor/deliver/state_machine.py",
                "    return Next(Step.CREATE if young else Step.LOOK)\n",
                "    return Next(Step.CREATE)\n",
            ),
            (
                "processor/deliver/requests.py",
                "if now - looked_at > LOOK_AGE_SECONDS or now - intended_at",
                "if now - intended_at",
            ),
        ),
        (f"{EXACT}::test_a_create_that_works_after_its_senders_death_is_waited_for_and_adopted",),
    ),
    Break(
        "drop-the-lease",
        "Nothing is checked at the write of a create: not the loop, not the age of look and intent.",
        (
            (
                "processor/deliver/requests.py",
                "            self._lease.check()\n            now = self._clock()\n",
                "            return\n            now = self._clock()\n",
            ),
        ),
        (STOP,),
        PURCHASE,
    ),
    Break(
        "lease-before-the-call",
        "The lease is checked before the call instead of at the write of the request body.",
        (
            (
                "processor/deliver/requests.py",
                "partial(self._api.add_event, contact_id, event, before_write=check)\n",
                "lambda: [check(), self._api.add_event(contact_id, event)][1]\n",
            ),
        ),
        (STOP,),
        PURCHASE,
    ),
    Break(
        "ledger-to-stable-offset",
        "The ledger is read up to the last stable offset only: rows behind an open transaction are not seen.",
        (
            (
                "runtime/end_offsets.py",
                "isolation_level=IsolationLevel.READ_UNCOMMITTED,",
                "isolation_level=IsolationLevel.READ_COMMITTED,",
            ),
        ),
        (f"{EXACT}::test_rows_behind_a_killed_members_open_transaction_are_waited_for",),
    ),
    Break(
        "rows-without-offsets",
        "Intents are written without their partitions' offsets: nobody checks whether the member still owns them.",
        (
            (
                "processor/commit/stage.py",
                "self._writer.write, messages, offsets, metadata), batch\n",
                "self._writer.write, messages, [] if batch.intents else offsets, metadata), batch\n",
            ),
        ),
        (STOP,),
        PURCHASE,
    ),
    Break(
        "two-jobs-of-one-order",
        "An entry whose order has an unfinished job opens another one beside it.",
        (
            (
                "processor/coalesce/stage.py",
                "self._orders.get(order_id)\n        if order is None:\n",
                "self._orders.get(order_id)\n        if order is None or order.job is not None:\n",
            ),
        ),
        (f"{EXACT}::test_an_order_whose_buyer_changes_while_its_purchase_is_created_has_one_purchase",),
    ),
    Break(
        "cursor-apart",
        "The producer writes entries and cursor in two transactions.",
        (
            (
                "producer/publish.py",
                "        messages.append(",
                "        self._writer.write(messages)\n        messages = []\n        messages.append(",
            ),
        ),
        (PRODUCER,),
        {"CRASH_WAY": "a first start", "CRASH_POINTS": "all"},
    ),
)
