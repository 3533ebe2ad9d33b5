"""Why a rollout cannot begin or go on now, and what to do: somebody is at work, or the configuration changed."""

from ml_cicd.ground.errors import Conflict, InputError, MlCicdError
from ml_cicd.rollout.session import DEPLOY_SECONDS
from ml_cicd.rollout.site import Place
from ml_cicd.rollout.situation import Situation
from ml_cicd.rollout.state import RolloutState, RouterView


def named(state: RolloutState) -> str:
    """Name a rollout."""
    return f"rollout of version {state.candidate.version} ({state.run_id})"


def refusal(
    found: Situation, view: RouterView, state: RolloutState, place: Place, *, gone: bool = False
) -> MlCicdError:
    """Say it; `gone`: the process that wrote the state last is known to be dead."""
    left = int(view.split.lease - view.now)
    stop = f"`{place.to_champion}` ends it."
    if found is Situation.OTHER_CANDIDATE:
        return Conflict(f"The {named(state)} is not finished.", cure=f"Let it end first; {stop}")
    if found is Situation.ALIVE and gone:
        return Conflict(
            f"The {named(state)} is not finished; its last process has ended here: it was a tick, or was killed.",
            cure=f"Take the next look with --mode tick; or wait, this command goes on with it in {left} s; {stop}",
        )
    if found is Situation.ALIVE:
        return Conflict(
            f"The {named(state)} is being run by somebody else.",
            cure=f"Its lease ends in {left} s unless renewed; {stop}",
        )
    if found is Situation.OTHER_PLAN:
        what = f"The {named(state)} began under another canary configuration, or another version of ml-cicd began it."
        return InputError(what, cure=f"Put that back, or end it: {stop}")
    return _claimed(view, state, left, gone=gone)


def _claimed(view: RouterView, state: RolloutState, left: int, *, gone: bool) -> Conflict:
    """Say who holds the idle slot, and whether that can still be alive: no deployment outlasts its time or its process.

    Whether a run on another machine still lives cannot be told from here: its link is what somebody can look at.
    """
    age = int(view.now - state.started_at)
    run = f"deploying version {state.candidate.version} into slot {view.split.idle}"
    over = f"take its claim over: --take-over true; or wait, it ends in {left} s."
    if age >= DEPLOY_SECONDS:
        return Conflict(
            f"The run that was {run} is dead: it began {age} s ago, and a deployment has {DEPLOY_SECONDS:g} s.",
            cure=over.capitalize(),
        )
    if gone:
        return Conflict(
            f"The run that was {run} is dead: its process has ended on this machine.", cure=over.capitalize()
        )
    who = ", ".join(filter(None, (state.actor, state.run_url)))
    return Conflict(
        f"Another run is {run}, since {age} s{f' ({who})' if who else ''}.",
        cure=f"Let it end, or cancel it. If it is dead, {over}",
    )
