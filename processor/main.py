"""`python -m processor`: a member of the group until told to stop, or caught up. Exit 0 fine, 1 a problem, 2 settings.

The chain: consume → decode → coalesce → enrich → decide → deliver → record → commit (session.py turns it).
"""

import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from clients import ApiError, BackpressureError, BaseLinker, FatalError, Http, Pacer, SalesManago
from processor.clock import boottime
from processor.commit.refusals import Commits
from processor.commit.transaction import Fenced
from processor.consume.other_groups import rivals
from processor.consume.source import Overtaken
from processor.control.settings_watch import Live
from processor.decide.rules import RuleSettings
from processor.deliver.lease import LeaseLost
from processor.deliver.state_machine import Limits
from processor.enrich.enricher import Enricher
from processor.enrich.relay_tally import RelayTally
from processor.parts import Parts, WrongKey
from processor.restore.ledger import Torn
from processor.restore.partition_count import check_partition_count
from processor.restore.topic_identity import TopicReplaced
from processor.session import Session
from runtime.assignment_known import AssignmentKnown
from runtime.client_errors import describe
from runtime.health import Health
from runtime.kafka import admin_config, consumer_config, cooperative, transactional_producer_config
from runtime.logging import get_logger
from runtime.metrics import Metrics
from runtime.program import run_program, wait_for_topics
from runtime.settings import Settings
from runtime.settings_overlay import merged
from schemas.codec import RegistryUnavailable, make_codec
from schemas.records import ShopSettings
from schemas.topics import Topics

TURN_SECONDS = 10.0
RIVALS_SECONDS = 5

log = get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one processor."""
    return run_program(
        "processor",
        "Carries journal entries to SALESmanago.",
        "assignment",
        lambda program: run(program.settings, program.until_caught_up, program.stop, program.health, program.metrics),
        argv,
    )


def run(settings: Settings, until_caught_up: bool, stop: Event, health: Health, metrics: Metrics) -> bool:
    """Join the group again and again until told to stop: a lost lease or a fenced producer ends only a session.

    True when all is done, with `until_caught_up`.
    """
    topics = Topics(settings.topic_prefix)
    admin = AdminClient(admin_config(settings))
    pacer = Pacer(0.0)
    metrics.watch_budget(lambda: pacer.rate, lambda: pacer.blocked_until)
    clients, commits = _Clients(settings, pacer, metrics), Commits(health, boottime)
    try:
        if wait_for_topics(admin, topics, settings, stop, health) is not None:
            clients.greet(stop, health)
        while not stop.is_set():
            try:
                count = wait_for_topics(admin, topics, settings, stop, health)
                if count is not None and not _alone(admin, settings, topics, until_caught_up, stop, health):
                    continue
                return count is not None and _join(
                    settings, topics, count, admin, clients, commits, until_caught_up, stop, health, metrics
                )
            except (LeaseLost, Fenced, TopicReplaced, Torn, Overtaken) as error:
                log.warning("giving up all partitions and joining anew", why=str(error))
                stop.wait(commits.pause_seconds)
            except RegistryUnavailable as error:
                log.warning("schema registry away: waiting for it", error=str(error))
                stop.wait(2.0)
            except KafkaException as error:
                log.warning("Kafka can't go on; joining anew", error=describe(error))
                stop.wait(2.0)
        return False
    finally:
        pacer.close()
        clients.close()


def _alone(
    admin: AdminClient, settings: Settings, topics: Topics, until_caught_up: bool, stop: Event, health: Health
) -> bool:
    """Whether no other group works on this journal; WrongKey or, where it goes on for ever, a wait."""
    try:
        names = rivals(admin, settings, topics.journal)
    except KafkaException as error:  # a coordinator is away: who can't be asked for can't record anything either
        log.warning("whether another group is at work can't be told; going on", error=describe(error))
        return True
    if not names:
        return True
    why = (
        f"processors of group {', '.join(names)} work on {topics.journal}, and side by side with {settings.group_id}"
        " they would send orders twice: stop them, or give this one their GROUP_ID"
    )
    if until_caught_up:
        raise WrongKey(why)
    health.set_ready("assignment", False, why)
    log.warning("waiting until no other group is at work", why=why)
    for _ in range(RIVALS_SECONDS):
        health.turn()
        stop.wait(1.0)
    return False


def _join(
    settings: Settings,
    topics: Topics,
    count: int,
    admin: AdminClient,
    clients: "_Clients",
    commits: Commits,
    until_caught_up: bool,
    stop: Event,
    health: Health,
    metrics: Metrics,
) -> bool:
    """Be a member once: until told to stop, caught up (True), or thrown out."""
    word = AssignmentKnown(settings)
    consumer, loader, follower = _consumers(settings, word)
    session: Session | None = None
    try:
        check_partition_count(loader, admin, topics, clients.codec, count)
        live = Live(follower, admin, topics, clients.codec, clients.rules_of, boottime)
        parts = _parts(settings, topics, count, admin, consumer, word, loader, live, clients, commits, health, metrics)
        session = Session(parts, until_caught_up)
        return session.run(stop.is_set)
    finally:
        clients.pacer.set_rate(0.0)  # what an old look-up thread still asks would be beyond the others' shares
        if session is not None:
            session.leave()
        consumer.close()
        loader.close()
        follower.close()
        if session is not None:
            session.close()


class _Clients:
    """Both APIs and the codec, kept over sessions."""

    def __init__(self, settings: Settings, pacer: Pacer, metrics: Metrics) -> None:
        self._http_bl = Http("BaseLinker", 30.0)
        self._http_sm = Http("SALESmanago", settings.create_timeout_seconds)
        self.pacer = pacer
        self.sales = SalesManago(
            self._http_sm,
            settings.salesmanago_api_url,
            settings.salesmanago_client_id,
            settings.salesmanago_api_secret.get_secret_value(),
            settings.salesmanago_api_key.get_secret_value(),
            settings.salesmanago_owner,
            counted=lambda path: metrics.salesmanago_requests.labels(path=path).inc(),
            event_api=settings.salesmanago_event_api,
        )
        base = BaseLinker(
            self._http_bl,
            settings.baselinker_api_url,
            settings.baselinker_token.get_secret_value(),
            pacer,
            counted=metrics.asked_baselinker,
        )
        self._settings = settings
        self.token_verified = Event()
        self._base = base
        self._relays = RelayTally(tuple(settings.masked_email_domains))
        metrics.unlisted_relays.read = self._relays.domains
        self.codec = make_codec(Topics(settings.topic_prefix), settings.schema_registry)

    def enricher(self) -> Enricher:
        """Return a new one: each session has its own, for the last one's thread may still be reading."""
        return Enricher(self._base, self.rules_of(None), boottime, self._relays.note)

    def rules_of(self, saved: ShopSettings | None) -> RuleSettings:
        """Return the rules under what was saved; SettingsError."""
        return rule_settings(merged(self._settings, saved))

    def greet(self, stop: Event, health: Health) -> None:
        """Ask SALESmanago who we are: WrongKey when it refuses; what does not answer is asked again.

        BaseLinker is asked once partitions are owned, for only then there is a share of its requests: a crash loop
        must not cost more than its share either.
        """
        _greet("SALESmanago", self.sales.users, stop, health)

    def close(self) -> None:
        """Close the pools."""
        self._http_bl.close()
        self._http_sm.close()


def _greet(name: str, ask: Callable[[], object], stop: Event, health: Health) -> None:
    pause = 1.0
    while not stop.is_set():
        health.turn()
        try:
            ask()
            health.set_ready(name, True)
            return
        except FatalError as error:
            raise WrongKey(str(error)) from None
        except ApiError as error:
            log.warning("does not answer yet; asking again", api=name, error=str(error))
            health.set_ready(name, False, str(error))
            until = error.retry_at if isinstance(error, BackpressureError) else None
            _wait(max(1.0, until.timestamp() - time.time()) if until is not None else pause, stop, health)
            pause = min(30.0, pause * 2)


def _wait(seconds: float, stop: Event, health: Health) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, TURN_SECONDS)):
        health.turn()


def rule_settings(settings: Settings) -> RuleSettings:
    """Return what the rules need."""
    return RuleSettings(
        location=settings.salesmanago_location,
        contact_tag=settings.contact_tag,
        tag_order_source=settings.tag_order_source,
        skip_shop_orders=settings.skip_shop_orders,
        product_id_field=settings.product_id_field,
        masked_email_domains=tuple(settings.masked_email_domains),
    )


def _consumers(settings: Settings, word: AssignmentKnown) -> tuple[Consumer, Consumer, Consumer]:
    """Return those of the journal, the ledger, and the saved settings; the latter two join no group."""
    consumer = Consumer(consumer_config(settings, settings.group_id, **word.config()))
    over: dict[str, Any] = {"queued.max.messages.kbytes": 16384}
    settings = settings.model_copy(
        update={"kafka_properties": {k: v for k, v in settings.kafka_properties.items() if k != "group.protocol"}}
    )
    loader = Consumer(consumer_config(settings, f"{settings.group_id}-ledger", **over))
    over = {"queued.max.messages.kbytes": 1024}
    return consumer, loader, Consumer(consumer_config(settings, f"{settings.group_id}-settings", **over))


def _parts(
    settings: Settings,
    topics: Topics,
    count: int,
    admin: AdminClient,
    consumer: Consumer,
    word: AssignmentKnown,
    loader: Consumer,
    live: Live,
    clients: _Clients,
    commits: Commits,
    health: Health,
    metrics: Metrics,
) -> Parts:
    enricher = clients.enricher()
    return Parts(
        consumer=consumer,
        group_word=word,
        loader=loader,
        admin=admin,
        make_producer=lambda name: Producer(transactional_producer_config(settings, name)),
        codec=clients.codec,
        topics=topics,
        group_id=settings.group_id,
        sales=clients.sales,
        enricher=enricher,
        greet_baselinker=enricher.greet,
        token_verified=clients.token_verified,
        pacer=clients.pacer,
        live=live,
        secret=settings.salesmanago_api_secret.get_secret_value().encode(),
        limits=Limits(
            settings.delivery_threads,
            settings.max_attempts,
            settings.create_timeout_seconds,
            settings.settle_seconds,
            intent_seconds=min(10.0, settings.session_timeout_ms / 2000),
        ),
        lease_seconds=settings.session_timeout_ms / 2000,
        dead_letter_limit=settings.max_consecutive_dead_letters,
        budget=settings.baselinker_requests_per_minute,
        poll_interval_seconds=settings.poll_interval_seconds,
        partitions=count,
        cooperative=cooperative(settings),
        clock=boottime,
        commits=commits,
        metrics=metrics,
        health=health,
    )
