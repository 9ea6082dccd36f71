"""The stages of the pipeline, in an order's way through them."""

from dataclasses import dataclass

from processor.coalesce.stage import Coalesce
from processor.commit.stage import Commit
from processor.consume.source import Source
from processor.deliver.stage import Deliver
from processor.enrich.stage import Enrich
from processor.record.stage import Record


@dataclass(frozen=True, slots=True)
class Stages:
    """decide stands between enrich and deliver, as a function."""

    source: Source
    coalesce: Coalesce
    enrich: Enrich
    deliver: Deliver
    record: Record
    commit: Commit

    def close(self) -> None:
        """End threads and files of what is left when the source was closed; calls under way are waited for."""
        self.deliver.close()
        self.enrich.close()
        self.commit.close()
        self.coalesce.close()
