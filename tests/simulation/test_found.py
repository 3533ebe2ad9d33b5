"""Histories in which a law once broke, each with what was mended since."""

import pytest

from tests.simulation.histories import live, parse

FOUND = (
    # A run that is suspended between a look and its renewal: what the champion served alone was evidence at the share.
    ("canary", "24:PAUSE"),
    ("canary", "26:LONG_PAUSE"),
    ("late canary", "10:SWITCH 23:FAIL 26:PAUSE 31:FAIL 47:SWITCH"),
    # A disk that is full at the promotion: the command that the report named refused to go on.
    ("canary", "59:FULL"),
    ("canary", "63:FULL"),
    # A rollback between the last look and the ledger's entry: the promotion went on record all the same.
    ("canary, last-good", "63:SWITCH 78:SWITCH"),
    # A killed rejection and then a rollback, or another try: the ledger never heard of the rejection.
    ("bad canary, previous", "27:KILL"),
    ("bad canary, previous", "29:KILL"),
    ("bad canary, previous", "19:RECORD_AWAY"),
    ("two bad canaries", "29:KILL 45:AWAY"),
    # Two rollbacks at once: the second one's hook began in the slot that the first one had moved traffic to.
    ("promoted, two rollbacks", "1:SWITCH"),
    ("bad canary, previous", "32:SWITCH"),
    # A rollback that had nothing to do filled the slot that a canary had claimed meanwhile.
    ("canary, champion", "1:SWITCH 9:SWITCH 26:SWITCH"),
    # The same a moment after the canary's lease had ended: it was late, and renewed it.
    ("half, champion", "12:SWITCH 56:SWITCH 57:PAUSE"),
    # A rollback to what serves already, behind whose back the files are: the standby was written down as another one.
    ("canary, version 1", "58:FULL 86:FAIL"),
    # A second try found its slot by its old name while the hook of a standby was at work there.
    ("two bad canaries", "37:SWITCH"),
    # A claim on a slot that is held is none: the hook that holds it goes on, and the claim's own is refused.
    ("two bad canaries", "23:LOST 38:SWITCH 52:SWITCH"),
    # A slot was filled, whole, between another run's question and its swap: told, and put right by one command.
    ("promoted, two rollbacks", "3:SWITCH 7:SWITCH 11:SWITCH 17:SWITCH"),
    # Another question between the look at the router and the entry: traffic had moved, and the record did not know.
    ("promoted, two rollbacks", "0:SWITCH 12:SWITCH 27:CANCEL"),
    ("promoted, two rollbacks", "0:SWITCH 11:SWITCH 26:CANCEL"),
    # Of two commands that are named the promotion's is refused, for a rollback came after it, and the rollback's helps.
    ("turned down, canary", "56:FAIL 75:RECORD_AWAY 76:SWITCH"),
    # A clock that is put back ends a lease, by the router's rule and by ours.
    ("two canaries", "62:SWITCH 63:PAUSE 64:BACK"),
)


@pytest.mark.parametrize(("story", "acts"), FOUND)
def test_what_was_found_stays_mended(story: str, acts: str) -> None:
    """Every law holds in it now."""
    told: list[str] = []
    assert live(parse(story, acts), told).broken is None, "\n".join(told)
