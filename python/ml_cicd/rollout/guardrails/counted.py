"""A guardrail over requests that something happened to: a rate that must not rise by more than a margin."""

from dataclasses import dataclass, replace

from ml_cicd.rollout.guardrail import Blind, Levels, Proves, Window
from ml_cicd.rollout.state import WHOLE
from ml_cicd.stats.dispersion import Dispersion, add_look, interrupted, together
from ml_cicd.stats.sequential import (
    Counts,
    MarginState,
    MarginTest,
    RateState,
    RateTest,
    combine_log_e,
    margin_log_e,
    margin_update,
    rate_log_e,
    rate_update,
    requests_for_margin,
)
from ml_cicd.stats.users import UserCounts, later, user_excess

WIDEST_MARGIN = 0.5
OUTAGE = 100
COLLAPSED = 5.0  # a candidate that warms up is stopped when its odds of failing are more than this many times as high
OWN_BURSTS = 12.0  # bursts of five come to 11: beyond that, what the champion does not do as well is harm and no chance
COLLAPSE_WEIGHT = 0.05  # the part of the false rollbacks that may happen while it warms up


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What is watched: `event` is the counter of the metric source; `verb` and `harm_words` are for people."""

    name: str
    event: str
    verb: str
    harm_words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HarmTest:
    """Two tests on different looks, whose evidence is averaged: one while the candidate warms up, one after that.

    `outage`: from so many requests of the candidate's on, a leap to half of them is no burst. Where a burst is five on
    average, it would need one of fifty.
    """

    collapse: RateTest
    worse: RateTest
    outage: float = OUTAGE


def harm_test(alpha: float, tolerated: float = 1.0) -> HarmTest:
    """Build it: false alarms of both together happen at most at a rate of `alpha`."""
    return HarmTest(
        collapse=RateTest(alpha=alpha * COLLAPSE_WEIGHT, tolerated=tolerated * COLLAPSED),
        worse=RateTest(alpha=alpha * (1 - COLLAPSE_WEIGHT), tolerated=tolerated),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class HarmEvidence:
    """Evidence of harm, and how clustered failures are: by time, of the candidate (`own`) and of the champion
    (`others`), and by the champion's users. `requests` are those of both arms so far, `champion` the champion's for as
    long as its users were counted.
    """

    collapse: RateState = RateState()  # noqa: RUF009  # frozen
    worse: RateState = RateState()  # noqa: RUF009  # frozen
    own: Dispersion = Dispersion()  # noqa: RUF009  # frozen
    others: Dispersion = Dispersion()  # noqa: RUF009  # frozen
    users: UserCounts | None = None
    requests: int = 0
    champion: int = 0

    @property
    def dispersion(self) -> Dispersion:
        """What both arms tell of bursts."""
        return together(self.own, self.others)

    @property
    def by_user(self) -> float:
        """By how much users who fail more often than others raise the dispersion, by the requests of known users."""
        known = 0 if self.users is None else self.users.during.requests
        return user_excess(self.users, round(self.requests * min(1.0, known / max(1, self.champion))))

    @property
    def phi(self) -> float:
        """What proof of a margin is tempered by. Failures of one user close together are in both parts, which errs on
        the safe side.
        """
        return self.dispersion.phi + self.by_user

    @property
    def harm_phi(self) -> float:
        """What evidence of harm is tempered by. A candidate that fails again and again, all at once and not between, is
        harmful, however clustered that is.
        """
        return min(self.dispersion.phi, max(OWN_BURSTS, self.others.phi)) + self.by_user


def harm_taken_in(test: HarmTest, evidence: HarmEvidence, reading: Counts, proves: Proves) -> HarmEvidence:
    """Add one reading.

    It is tempered by the dispersion that was known before it and by the candidate's part in it: a burst of the
    candidate's is no harm because it is the first, and what the champion does in a look takes back nothing that the
    look proves. That it lasts need not be seen where too much failed at once for a burst.
    """
    own = add_look(evidence.own, reading.nc, reading.xc)
    if not (own.leapt and reading.nc >= test.outage):
        evidence = replace(evidence, own=own)
    phi, others = evidence.harm_phi, evidence.others
    before, now = evidence.users, reading.users
    goes_on = before is not None and now is not None and now.during.requests >= before.during.requests
    seen = replace(
        evidence,
        champion=reading.nb + (evidence.champion if goes_on else 0),
        others=interrupted(others) if proves is Proves.HARM else add_look(others, reading.nb, reading.xb),
        users=before if now is None else later(before, now),
        requests=evidence.requests + reading.nc + reading.nb,
    )
    if proves is Proves.COLLAPSE:
        return replace(seen, collapse=rate_update(replace(test.collapse, phi=phi), evidence.collapse, reading))
    return replace(seen, worse=rate_update(replace(test.worse, phi=phi), evidence.worse, reading))


def harm_of(test: HarmTest, evidence: HarmEvidence) -> float:
    """Return the log evidence of harm, tempered by what is known of the dispersion now; a rejection stands."""
    phi = evidence.harm_phi
    logs = [
        tried.cap if state.rejected else rate_log_e(replace(tried, phi=phi), state)
        for tried, state in ((test.collapse, evidence.collapse), (test.worse, evidence.worse))
    ]
    return combine_log_e(logs, [COLLAPSE_WEIGHT, 1 - COLLAPSE_WEIGHT])


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedEvidence:
    """Evidence of harm, and of each step's margin: now, and without the champion's last failures."""

    harm: HarmEvidence
    safety: tuple[MarginState, ...]
    before: tuple[MarginState, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedGuardrail:
    """A watched event; margins are absolute, one for each step."""

    watched: Watched
    steps: tuple[int, ...]
    margins: tuple[float, ...]
    harm: HarmTest
    safe: tuple[MarginTest, ...]

    @property
    def name(self) -> str:
        """Name in configuration, log and report."""
        return self.watched.name

    @property
    def harm_words(self) -> str:
        """Why a candidate is rolled back by it."""
        return self.watched.harm_words

    @property
    def nothing(self) -> Counts:
        """The reading of a look in which nothing was seen."""
        return Counts(nc=0, xc=0, nb=0, xb=0)

    def blind(self, seen: Counts, requests: int) -> Blind | None:
        """Return nothing: a source that does not count the event is an error."""
        del seen, requests
        return None

    def start(self) -> CountedEvidence:
        """Return the evidence before the first look."""
        nothing = tuple(MarginState() for _ in self.safe)
        return CountedEvidence(harm=HarmEvidence(), safety=nothing, before=nothing)

    def reading(self, candidate: Window, champion: Window) -> Counts:
        """Return what it takes from one look."""
        return Counts(
            nc=candidate.requests,
            xc=candidate.count(self.watched.event),
            nb=champion.requests,
            xb=champion.count(self.watched.event),
            users=champion.users.get(self.watched.event),
        )

    def take_in(self, evidence: CountedEvidence, reading: Counts, proves: Proves) -> CountedEvidence:
        """Add one reading. Where it proves no margin, the champion may have died in the look before it already, unseen
        until its health check had failed: what its failures in that one proved is taken back.
        """
        harmed = replace(evidence, harm=harm_taken_in(self.harm, evidence.harm, reading, proves))
        if proves is Proves.HARM:
            return replace(harmed, safety=evidence.before)
        if proves is Proves.COLLAPSE:
            return harmed
        pairs = zip(self.safe, evidence.safety, strict=True)
        proven = tuple(margin_update(test, state, reading) for test, state in pairs)
        return replace(harmed, safety=proven, before=evidence.safety if reading.xb else proven)

    def harm_log_e(self, evidence: CountedEvidence) -> float:
        """Return the log evidence of harm."""
        return harm_of(self.harm, evidence.harm)

    def safety(self, evidence: CountedEvidence, step: int) -> float:
        """Return how far the proof of this step's margin is."""
        test = replace(self.safe[step], phi=evidence.harm.phi)
        return margin_log_e(test, evidence.safety[step]) / test.cap

    def remark(self, evidence: CountedEvidence) -> str:
        """Say that failures come in bursts, or to some users more than to others, where they do."""
        harm, causes = evidence.harm, []
        if harm.dispersion.phi > 1:
            dispersion = f"dispersion {harm.dispersion.estimate:.1f}; 1 is each on its own"
            causes.append(f"{self.watched.name} come in bursts ({dispersion})")
        if harm.by_user:
            causes.append(f"some users have more {self.watched.name} than others (dispersion {1 + harm.by_user:.1f})")
        return f"{' and '.join(causes)}, so the evidence counts {harm.phi:.1f} times less" if causes else ""

    def requests_needed(self, step: int, rate: float) -> int:
        """Return about how many candidate requests this step needs."""
        return requests_for_margin(rate, self.margins[step], self.steps[step] / WHOLE, self.safe[step].alpha)

    def served_words(self, served: Counts, candidate: str, champion: str) -> str:
        """Say how often it happened to both versions."""
        return (
            f"version {candidate} {self.watched.verb} {served.xc:,} of {served.nc:,} requests, "
            f"version {champion} {served.xb:,} of {served.nb:,}"
        )


def counted(watched: Watched, *, margin: float, levels: Levels) -> CountedGuardrail:
    """Build one: the last step is held to `margin`, each step before it to twice the next one's.

    A small share needs many more requests for the same margin, so early steps ask for less than the last one.
    """
    last = len(levels.steps) - 1
    margins = tuple(min(WIDEST_MARGIN, margin * 2 ** (last - i)) for i in range(last + 1))
    return CountedGuardrail(
        watched=watched,
        steps=levels.steps,
        margins=margins,
        harm=harm_test(levels.harm_alpha),
        safe=tuple(MarginTest(alpha=levels.safety_alpha, margin=m) for m in margins),
    )
