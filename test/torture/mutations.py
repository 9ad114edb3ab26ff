"""Small corruptions of a file's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

__all__ = ["mutated"]


def mutated(content: bytes, random: Random, words: Sequence[bytes] = ()) -> bytes:
    """Return content with one to four corruptions, some of which use words of the format."""
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        content = _mutated_once(content, random, words)
    return content


def _mutated_once(content: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    start = random.randrange(len(content) + 1)
    stop = min(len(content), start + random.choice([1, 1, 2, 8, 64]))
    kind = random.randrange(6)
    if kind == 0 and start < stop:  # flip a bit
        flipped = content[start] ^ (1 << random.randrange(8))
        return content[:start] + bytes([flipped]) + content[start + 1 :]
    if kind == 1:  # cut out
        return content[:start] + content[stop:]
    if kind == 2:  # repeat
        return content[:stop] + content[start:stop] + content[stop:]
    if kind == 3:  # truncate
        return content[:start]
    if kind == 4 and words:  # overwrite with a word of the format
        return content[:start] + random.choice(words) + content[stop:]
    return content[:start] + random.randbytes(stop - start) + content[stop:]
