"""Why there is no Kafka."""


class NoKafka(Exception):
    """There is no way to a Kafka here; the text says what each way lacks, and what to do."""


class Unavailable(Exception):
    """One way to a Kafka is closed; the sentence says what it lacks, and what to do."""
