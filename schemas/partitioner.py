"""Key → partition as Java clients do it: murmur2, made positive, modulo a count that is given and never looked up.

The count is the cursor's: a topic that was given more partitions moves no order away from its row.
"""

SEED, MULTIPLIER, MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return the unsigned 32-bit hash of `org.apache.kafka.common.utils.Utils.murmur2`."""
    whole = len(key) - len(key) % 4
    found = SEED ^ len(key)
    for start in range(0, whole, 4):
        part = int.from_bytes(key[start : start + 4], "little") * MULTIPLIER & MASK
        part = (part ^ part >> 24) * MULTIPLIER & MASK
        found = (found * MULTIPLIER & MASK) ^ part
    if whole < len(key):
        found = (found ^ int.from_bytes(key[whole:], "little")) * MULTIPLIER & MASK
    found = (found ^ found >> 13) * MULTIPLIER & MASK
    return found ^ found >> 15


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key among `count`."""
    return (murmur2(key) & 0x7FFFFFFF) % count
