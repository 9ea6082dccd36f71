"""`python -m producer`: stands by or leads, until stopped (or caught up)."""

from collections.abc import Sequence

from confluent_kafka.admin import AdminClient

from clients import BaseLinker, Http, Pacer
from clients.pacing import producer_rate
from producer.leader import Stopped
from producer.service import Service
from runtime.kafka import admin_config
from runtime.program import Program, run_program
from schemas.codec import make_codec
from schemas.topics import Topics


def main(argv: Sequence[str] | None = None) -> int:
    """Run one producer."""
    return run_program("producer", "Turns BaseLinker's journal into Kafka messages.", "leadership", run, argv)


def run(program: Program, pacer: Pacer | None = None) -> bool:
    """Return whether the journal was read to its end, False when stopped before; `pacer`: the usual one."""
    settings, metrics = program.settings, program.metrics
    pacer = pacer or Pacer(producer_rate(settings.poll_interval_seconds))
    metrics.watch_budget(lambda: pacer.rate, lambda: pacer.blocked_until)
    http = Http("BaseLinker", 30.0)
    token = settings.baselinker_token.get_secret_value()
    api = BaseLinker(http, settings.baselinker_api_url, token, pacer, counted=metrics.asked_baselinker)
    codec = make_codec(Topics(settings.topic_prefix), settings.schema_registry)
    try:
        return Service(program, AdminClient(admin_config(settings)), codec, api).run()
    except Stopped:
        return False
    finally:
        pacer.close()
