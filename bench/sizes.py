"""How much each benchmark does: whole for the page, small for the smoke test."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts and seconds."""

    runs: int
    backlog_orders: int
    backlog_processors: tuple[int, ...]
    rival_orders: int
    rivals: tuple[str, ...]
    limit_minutes: float
    limit_warm_up_minutes: float
    limit_orders: int
    limit_processors: tuple[int, ...]
    limit_allegro: tuple[float, ...]
    limit_real_minutes: float
    limit_real_processors: tuple[int, ...]
    trickle_orders: int
    trickle_poll_seconds: float
    trickle_idle_seconds: float
    producing_entries: int
    codec_records: int
    ledger_rows: tuple[int, ...]
    memory_entries: int
    kafka_transactions: int
    kafka_rows: int
    profile_orders: int


WHOLE = Sizes(
    runs=3,
    backlog_orders=20_000,
    backlog_processors=(1, 2, 4),
    rival_orders=200,
    rivals=("plain", "quix", "fast_stream"),
    limit_minutes=10,
    limit_warm_up_minutes=40,
    limit_orders=80_000,
    limit_processors=(1, 2, 3, 6),
    limit_allegro=(0.0, 0.3, 0.6),
    limit_real_minutes=10,
    limit_real_processors=(1, 3),
    trickle_orders=120,
    trickle_poll_seconds=10,
    trickle_idle_seconds=120,
    producing_entries=100_000,
    codec_records=50_000,
    ledger_rows=(10_000, 100_000, 1_000_000),
    memory_entries=1_000_000,
    kafka_transactions=60,
    kafka_rows=300_000,
    profile_orders=5000,
)
SMALL = Sizes(
    runs=1,
    backlog_orders=100,
    backlog_processors=(1,),
    rival_orders=4,
    rivals=("plain",),
    limit_minutes=0.5,
    limit_warm_up_minutes=0.2,
    limit_orders=400,
    limit_processors=(1, 3),
    limit_allegro=(0.3,),
    limit_real_minutes=0.1,
    limit_real_processors=(1,),
    trickle_orders=2,
    trickle_poll_seconds=1,
    trickle_idle_seconds=0,
    producing_entries=500,
    codec_records=200,
    ledger_rows=(200,),
    memory_entries=2000,
    kafka_transactions=2,
    kafka_rows=500,
    profile_orders=100,
)
