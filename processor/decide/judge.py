"""Send or skip: the one step between reading an order and writing it."""

from collections.abc import Callable
from dataclasses import dataclass

from processor.decide.fingerprint import fingerprint
from processor.decide.rules import Enriched, RuleSettings, Send, Skip, decide, money_judged
from processor.ending import Ending
from processor.job import Job
from processor.redact import Unexpected, nameless
from runtime.logging import get_logger
from schemas.records import Outcome

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A job that is to be sent; `fingerprint` = `contact.purchase` of what will be sent."""

    job: Job
    send: Send
    fingerprint: str


class Judge:
    """`secret` keys the fingerprints; `treated` gets each purchase's currency and what is done with it."""

    def __init__(self, secret: bytes, treated: Callable[[str, str], None] = lambda currency, treatment: None) -> None:
        self._secret, self._treated = secret, treated

    def judge(self, job: Job, enriched: Enriched, rules: RuleSettings) -> Decided | Ending:
        """Decide; an order that makes the rules fail is a dead letter of its own, not the end of the program."""
        try:
            verdict = decide(enriched, job.purchase, rules)
            if (money := money_judged(enriched, job.purchase, verdict, rules)) is not None:
                self._treated(money.currency, money.treatment)
            if isinstance(verdict, Skip):
                return Ending(job, Outcome.SKIPPED, str(verdict.reason), settle_until=job.settle_until)
            return Decided(job, verdict, _fingerprint(verdict, self._secret))
        except Exception as error:
            unexpected = Unexpected(str(nameless(error)))
            log.error("the rules failed on an order", **job.log_fields, error=str(unexpected))
            return Ending(job, Outcome.DEAD, "undecidable", error=unexpected, settle_until=job.settle_until)


def _fingerprint(send: Send, secret: bytes) -> str:
    purchase = fingerprint(send.purchase.to_json(), secret) if send.purchase is not None else ""
    return f"{fingerprint(send.contact.to_json(), secret)}.{purchase}"
