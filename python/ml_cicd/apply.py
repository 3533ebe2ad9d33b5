"""Performs operations in order, each read back by its adapter, and says what really happened.

Every operation is idempotent and conditional on what it expects to replace, so a repeated run finishes what an
interrupted one began.
"""

from dataclasses import dataclass
from typing import assert_never

from ml_cicd.domain.config import Config
from ml_cicd.domain.model import ModelVersion
from ml_cicd.domain.operation import (
    ROUTED,
    AppendLedger,
    DeploySlot,
    Done,
    Operation,
    Receipt,
    RegisterVersion,
    SetAlias,
    SetSplit,
)
from ml_cicd.domain.rollout import RolloutState, RouterView, Split
from ml_cicd.errors import Conflict, InputError, MlCicdError, OutsideError
from ml_cicd.ports import TrafficRouter, World


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Where operations happen: the world, its configuration, and the registry that was asked for."""

    world: World
    config: Config
    registry_uri: str


def apply(operations: tuple[Operation, ...], scene: Scene, *, again: str) -> Receipt:
    """Perform `operations` in order and stop at the first that fails.

    `again` is the command that finishes the rest.
    The receipt has a `problem` when some are done and others are not.

    Raises:
        MlCicdError: the first operation failed, so nothing has changed.
    """
    done: list[Done] = []
    for index, operation in enumerate(operations):
        scene.world.progress.say(describe(operation) + " ...")
        try:
            done.append(_perform(operation, scene, tuple(done)))
        except MlCicdError as problem:
            if not any(d.changed for d in done):
                raise
            rest = tuple(describe(o) for o in operations[index:])
            return Receipt(done=tuple(done), not_done=rest, problem=str(problem), cures=(again,))
    return Receipt(done=tuple(done), not_done=(), problem="", cures=())


def describe(operation: Operation) -> str:
    """Say what an operation wants, for plans and receipts."""
    match operation:
        case RegisterVersion():
            return f"Register {operation.name} with payload {operation.digest[:19]}"
        case SetAlias():
            return f"Point alias {operation.alias} of {operation.name} at {operation.version or 'the new version'}"
        case AppendLedger():
            return f"Record in the ledger of {operation.name}: {operation.entry.op} {operation.entry.candidate}"
        case SetSplit():
            split = operation.split
            return f"Route {operation.target}: champion {split.champion}, {split.percent} to {split.candidate}"
        case DeploySlot():
            return f"Deploy {operation.model} version {operation.version} into slot {operation.slot}"
        case _:
            assert_never(operation)


def _perform(operation: Operation, scene: Scene, before: tuple[Done, ...]) -> Done:
    match operation:
        case RegisterVersion():
            return _register(operation, scene)
        case SetAlias():
            return _set_alias(operation, scene, before)
        case AppendLedger():
            entry = scene.world.ledger(scene.registry_uri).append(operation.name, operation.entry)
            return Done(what=describe(operation), result=f"entry {entry.number}", changed=True)
        case SetSplit():
            return _set_split(operation, scene)
        case DeploySlot():
            return _deploy(operation, scene)
        case _:
            assert_never(operation)


def _register(operation: RegisterVersion, scene: Scene) -> Done:
    version, created = scene.world.registry(scene.registry_uri).register(operation)
    result = f"version {version.number}, {'created' if created else 'was there already'}"
    return Done(what=describe(operation), result=result, changed=created, values=_version_values(version, created))


def _version_values(version: ModelVersion, created: bool) -> dict[str, str]:
    return {"version": version.number, "uri": version.uri, "created": str(created).lower()}


def _set_alias(operation: SetAlias, scene: Scene, before: tuple[Done, ...]) -> Done:
    version = operation.version or next((d.values["version"] for d in before if "version" in d.values), "")
    if not version:
        raise InputError(f"No version to point alias {operation.alias!r} at.", cure="This is a bug; please report it.")
    moved = scene.world.registry(scene.registry_uri).set_alias(operation.name, operation.alias, version)
    result = f"{operation.alias} -> {version}" + ("" if moved else ", as it was")
    return Done(what=describe(operation), result=result, changed=moved)


def _set_split(operation: SetSplit, scene: Scene) -> Done:
    router = scene.world.router(scene.config.target(operation.target))
    view = route(router, operation.split, operation.state, expect_seq=operation.expect_seq)
    value = view.split.encode()
    return Done(what=describe(operation), result=f"router reads {value}", changed=True, values={ROUTED: value})


def route(router: TrafficRouter, split: Split, state: RolloutState | None, *, expect_seq: int) -> RouterView:
    """Write to the router; where the answer got lost, look whether the write took effect.

    Raises:
        OutsideError: it did not.
    """
    try:
        return router.write(split, state, expect_seq=expect_seq)
    except Conflict:
        raise
    except OutsideError:
        view = router.read()
        if view.split != split:
            raise
        return view


def _deploy(operation: DeploySlot, scene: Scene) -> Done:
    slots = scene.world.slots(scene.config.target(operation.target))
    wanted = (operation.version, operation.digest)
    there = slots.identify(operation.slot)
    if (there.version, there.digest) == wanted:
        return Done(what=describe(operation), result="was there already", changed=False)
    now = slots.deploy(operation.slot, model=operation.model, version=operation.version, digest=operation.digest)
    return Done(what=describe(operation), result=f"slot says version {now.version}", changed=True)
