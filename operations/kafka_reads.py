"""What lies in Kafka, read from outside: offsets, members, cursor, rows, entries, dead letters. Writes nothing.

Every function asks the broker anew and returns plain data; KafkaException when the broker does not answer. A reader
never joins the processors' group.
"""

from operations.journal_reads import JournalReads
from operations.ledger_reads import LedgerReads
from operations.letter_reads import LetterReads


class KafkaReads(JournalReads, LedgerReads, LetterReads):
    """Everything that is read of one deployment; to be closed."""
