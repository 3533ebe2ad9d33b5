"""What the record lacks, once traffic is where it belongs."""

from dataclasses import replace

from ml_cicd.rollout.arms import counters_of, deputises
from ml_cicd.rollout.events import Settled
from ml_cicd.rollout.history import Outcome, entries_due, rejected, undecided
from ml_cicd.rollout.machine import Operations, Where, step
from ml_cicd.rollout.site import Site


def settle(site: Site, where: Where, outcome: Outcome) -> Operations:
    """Return what the record lacks, now that traffic is where it belongs.

    The ledger first: its client may have to be installed. Where somebody else moved the traffic meanwhile, the record
    gets what stays true of this rollout, and no slot is touched: the idle one may be the one that serves by now.
    """
    ledger = site.history()
    author = site.author()
    keeps = deputises(where.split, counters_of(site))
    if site.router.read(urgent=True).split.seq != where.split.seq:  # last: what is read here is soon out of date
        true = replace(outcome, champion=ledger.champion or outcome.champion)
        return entries_due(author, ledger, where.state, true)
    return step(where, Settled(ledger=ledger, author=author, outcome=outcome, keeps=keeps))[1]


def overdue(site: Site, where: Where, outcome: Outcome) -> Operations:
    """Return what the record lacks of how the last rollout ended, where its run could not write that; no move.

    Where the ledger has another champion somebody else is about to move traffic, or did, and writes that himself.
    """
    if not (rejected(where.state) or undecided(where.state)):
        return ()
    ledger = site.history()
    if ledger.champion != outcome.champion:
        return ()
    return entries_due(site.author(), ledger, where.state, replace(outcome, stopped=False))
