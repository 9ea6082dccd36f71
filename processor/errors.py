"""The errors that end a membership of the group, and the one that ends the program.

NeedsOperator       a person must change something: exit 1
Rejoin              give up all partitions and join again
  LeaseLost         the loop stood still for too long
  TopicReplaced     a topic was deleted or recreated
  Overtaken         entries expired before they were read
  Torn              the ledger's local copy is damaged
TooOld              a create came too long after its look or intent: it was not sent, and both are repeated
"""

from runtime.program import CannotContinue


class NeedsOperator(CannotContinue):
    """Nothing can be done until a person changes something; the sentence says what."""


class Rejoin(Exception):
    """All partitions must be given up; what was not committed comes again."""


class LeaseLost(Rejoin):
    """The loop stood still for too long: nothing may be written under this lease."""


class TopicReplaced(Rejoin):
    """A topic was deleted or recreated: join again, with what is there."""


class Overtaken(Rejoin):
    """Entries expired before they were read, while the partition was owned: joining again notes the gap."""


class Torn(Rejoin):
    """The ledger's local copy is not as it was written: rebuild it from the topic."""


class TooOld(Exception):
    """The look, or the intent, was made too long ago to create on it: nothing was sent."""
