"""quixstreams: a StreamingDataFrame that calls the APIs for each message."""

from quixstreams import Application

from bench.rivals import job
from bench.rivals.send import send


def main() -> None:
    """Run until killed."""
    app = Application(
        broker_address=job.KAFKA, consumer_group=f"{job.PREFIX}-quix", auto_offset_reset="earliest", loglevel="WARNING"
    )
    journal = app.topic(f"{job.PREFIX}.journal", value_deserializer="bytes")
    app.dataframe(journal).update(send)
    app.run()


if __name__ == "__main__":
    main()
