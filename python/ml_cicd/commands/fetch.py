"""Bring the files of a registered version to a folder, once they are known to be the ones that were registered."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit, InputError, IntegrityError
from ml_cicd.ground.inputs import Command, CommonInputs, Needs, option
from ml_cicd.ground.operation import Done, Receipt, apply
from ml_cicd.ground.report import Report
from ml_cicd.registry.reference import find, says_champion
from ml_cicd.registry.versions import CHAMPION, ModelVersion
from ml_cicd.world import World

OUTPUTS: Mapping[str, str] = {
    "found": "true when there is such a version; false when there is no champion yet.",
    "version": "Version whose files they are.",
    "digest": "Payload digest of the files.",
    "path": "Folder that holds them; empty when there is no champion yet.",
}
ON_ERROR: Mapping[str, str] = {"found": "false"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `fetch`."""

    version: str = option("A number, an alias, or champion: what serves by the ledger.", default=CHAMPION)
    to: str = option("Folder that the files come to; new, or empty.", required=True, path=True)
    if_missing: str = option(
        "What it means that there is no champion yet: fail, or skip, which ends well with found: false.",
        default="fail",
        choices=("fail", "skip"),
    )
    model_name: str = option("Registered model; empty for the configuration's.")
    registry_uri: str = option("Registry; empty for the configuration's.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchVersion:
    """The files of a version in a folder, all of them or none."""

    version: ModelVersion
    to: str
    registry_uri: str

    def describe(self) -> str:
        """Say what is wanted."""
        return f"Fetch {self.version.name} version {self.version.number} to {self.to}"

    def perform(self, doors: World) -> Done[str]:
        """Download, compare with the digest of the registration, and put in place."""

        def bring(folder: str) -> str:
            return doors.records(self.registry_uri).registry.download(self.version, folder)

        changed = doors.models.receive(self.to, self.version.digest, bring)
        result = f"{self.version.digest}{'' if changed else ', as it was'}"
        return Done(what=self.describe(), result=result, changed=changed, value=self.to)


def run(inputs: Inputs, world: World) -> Report:
    """Find the version, then bring its files."""
    config = world.config(inputs.config, required=False)
    name = config.model_name(inputs.model_name)
    uri = config.registry_uri(inputs.registry_uri)
    records = world.records(uri)
    version = find(inputs.version, records.registry.snapshot(name), records.ledger.read(name), targets=config.targets)
    if version is None:
        return _missing(inputs, name, there=world.files.exists(inputs.to))
    if not version.digest:
        raise IntegrityError(
            f"Version {version.number} of {name} carries no payload digest, so its files cannot be checked.",
            cure="Choose a version that `ml-cicd register` made.",
        )
    fetch = FetchVersion(version=version, to=inputs.to, registry_uri=uri)
    receipt = apply((fetch,), world, say=world.say, again="", dry_run=inputs.dry_run)
    return _report(inputs, version, receipt)


def _missing(inputs: Inputs, name: str, *, there: bool) -> Report:
    """Report that there is no champion, where that is allowed; a folder of an earlier time would pass for one."""
    if not says_champion(inputs.version) or inputs.if_missing != "skip":
        raise InputError(
            f"{name} has no {inputs.version} yet.",
            cure="Roll a version out with `ml-cicd canary`, or write --if-missing skip where that is no error.",
        )
    if there:
        raise InputError(f"{name} has no {inputs.version} yet, but {inputs.to} is there.", cure="Remove it.")
    return Report(
        command="fetch",
        exit_code=Exit.DONE,
        headline=f"{name} has no {inputs.version} yet; nothing was fetched.",
        outputs={"found": "false", "version": "", "digest": "", "path": ""},
    )


def _report(inputs: Inputs, version: ModelVersion, receipt: Receipt) -> Report:
    what = f"{version.name} version {version.number} ({version.digest})"
    changed = any(done.changed for done in receipt.done)
    headline = f"Fetched {what} to {inputs.to}." if changed else f"{inputs.to} holds {what} already."
    if inputs.dry_run:
        headline = f"Would fetch {what} to {inputs.to}."
    return Report(
        command="fetch",
        exit_code=Exit.DONE,
        headline=headline,
        outputs={"found": "true", "version": version.number, "digest": version.digest, "path": inputs.to},
        sections=(receipt,),
    )


COMMAND = Command(
    inputs=Inputs, outputs=OUTPUTS, on_error=ON_ERROR, run=run, needs=Needs(first="registry", later=("sqlite",))
)
