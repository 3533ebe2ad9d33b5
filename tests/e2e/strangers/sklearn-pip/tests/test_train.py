"""The rows that judge are not the rows that teach."""

from train import split


def test_split():
    """Three in ten are held out."""
    learnt, held_out, _, _ = split()
    assert (len(learnt), len(held_out)) == (398, 171)
