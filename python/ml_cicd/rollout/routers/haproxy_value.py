"""HAProxy's side of a split: the whole traffic state as one map value, so that a change is one atomic write.

split -> serving-slot : idle-slot : threshold(0..10000) : lease(epoch s) : salt : seq
"""

from ml_cicd.ground.errors import CorruptState, MlCicdError
from ml_cicd.rollout.state import Split

FIELDS = 6
EMPTY = "blue:green:0:0:none:0"
CURE = f"Restore it, e.g. {EMPTY} with the slot that serves first, and raise its last number."


def encode(split: Split) -> str:
    """Return the map value."""
    return f"{split.serving}:{split.idle}:{split.threshold}:{split.lease}:{split.salt}:{split.seq}"


def decode(text: str) -> Split:
    """Read a map value.

    Raises:
        CorruptState: it is not one that ml-cicd wrote, e.g. edited by hand.
    """
    parts = text.strip().split(":")
    if len(parts) != FIELDS or not all(parts[i].isascii() and parts[i].isdigit() for i in (2, 3, 5)):
        raise CorruptState(f"The router's split value {text.strip()[:80]!r} was not written by ml-cicd.", cure=CURE)
    serving, idle, threshold, lease, salt, seq = parts
    try:
        return Split(serving=serving, idle=idle, threshold=int(threshold), lease=int(lease), salt=salt, seq=int(seq))
    except MlCicdError as problem:
        raise CorruptState(f"The router's split value {text.strip()!r}: {problem.what}", cure=CURE) from problem
