"""A partition that is ready to be worked on: what restore hands to each stage."""

from dataclasses import dataclass

from schemas.progress import Progress


@dataclass(frozen=True, slots=True)
class Partition:
    """One assigned partition of the journal.

    `position` = the offset to continue from; `assigned_at` = seconds on the loop's clock. `new_gap`: its progress has
    a gap that no commit carries yet. `rows`: how many orders its ledger knows. `rows_lost`: entries were done before,
    and no row is left of them; intents may have been among these.
    """

    number: int
    topic_id: str
    assigned_at: float
    position: int
    progress: Progress
    new_gap: bool = False
    rows: int = 0
    rows_lost: bool = False
