"""Private environments that are kept: whole before anybody uses one, compared before each use, built once."""

import base64
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shell.test_bootstrap import bootstrap, load_module, place

__all__ = ["place"]
ROOT = Path(__file__).resolve().parents[2]
PROBE = [
    "-I",
    "-c",
    "import tiny, tiny.more; print(tiny.__file__); print(tiny.more.__cached__)",
]


def write_wheel(folder: Path, *, name: str = "tiny", false_record: bool = False) -> str:
    """Write a wheel with two modules; its hash."""
    files = {f"{name}/__init__.py": "", f"{name}/more.py": "ANSWER = 42\n"}
    info = f"{name}-1.0.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, text in files.items():
        text_of_it = "other" if false_record and path.endswith("more.py") else text
        found = base64.urlsafe_b64encode(hashlib.sha256(text_of_it.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={found},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.fixture
def wheels(place: Path) -> dict[str, str]:
    """A folder with one wheel, the lock `tiny` that names it, and the settings of a machine without a network."""
    found = write_wheel(place / "wheels")
    lock(place, found)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place / "wheels")}


def lock(place: Path, *hashes: str) -> None:
    """Write the lock `tiny`."""
    text = "".join(f" \\\n    --hash=sha256:{one}" for one in hashes)
    (place / "python" / "locks" / "tiny.txt").write_text(f"tiny==1.0{text}\n", encoding="utf-8")


def looks_whole(place: Path, python: str) -> None:
    """Hold that the environment has the package, from its own folder and with bytecode beside it."""
    answer = subprocess.run([python, *PROBE], check=True, capture_output=True, text=True, cwd=place)
    module, bytecode = answer.stdout.split()
    folder = str(Path(python).parents[1])
    assert module.startswith(folder)
    assert bytecode.startswith(folder)
    assert Path(bytecode).is_file()


def test_a_folder_of_wheels_is_enough(place: Path, wheels: dict[str, str]) -> None:
    """Without any index the lock is installed from wheels, with its bytecode, and a second step finds it."""
    answer, outputs = bootstrap(place, "tiny", environ=wheels)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    looks_whole(place, outputs["python"])
    again, found = bootstrap(place, "tiny", environ={"PIP_NO_INDEX": "1"})
    assert found == outputs
    assert "installing" not in again.stdout


@pytest.mark.parametrize(
    "setting",
    [
        {"PIP_ROOT": "{place}/other"},
        {"PIP_DRY_RUN": "1"},
        {"PIP_TARGET": "{place}/other"},
        {"PIP_PREFIX": "{place}/other"},
        {"PIP_USER": "1"},
        {"PIP_PYTHON": "/nowhere"},
        {"PIP_PLATFORM": "win32"},
        {"PIP_CONSTRAINT": "/nowhere.txt"},
        {"PIP_REQUIREMENT": "/nowhere.txt"},
        {"PIP_NO_BINARY": ":all:"},
        {"PIP_REQUIRE_VIRTUALENV": "1"},
        {"PIP_QUIET": "3"},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_of_pip_cannot_empty_it(place: Path, wheels: dict[str, str], setting: dict[str, str]) -> None:
    """Whatever variable steers pip elsewhere, the environment has what the lock names."""
    given = {name: value.format(place=place) for name, value in setting.items()}
    answer, outputs = bootstrap(place, "tiny", environ={**wheels, **given})
    assert answer.returncode == 0, answer.stdout + answer.stderr
    looks_whole(place, outputs["python"])
    assert not (place / "other").exists()


@pytest.mark.parametrize("line", ["target = {place}/other", "root = {place}/other", "dry-run = true", "quiet = 3"])
@pytest.mark.parametrize("section", ["global", "install"])
def test_a_configuration_of_pip_cannot_empty_it(place: Path, wheels: dict[str, str], section: str, line: str) -> None:
    """A configuration file neither, and what it says of where packages come from still counts."""
    file = place / "pip.conf"
    links = f"no-index = true\nfind-links =\n  /nowhere\n  {wheels['PIP_FIND_LINKS']}\n"
    text = f"[global]\n{links}[{section}]\n{line}\n" if section == "install" else f"[global]\n{links}{line}\n"
    file.write_text(text.format(place=place), encoding="utf-8")
    answer, outputs = bootstrap(place, "tiny", environ={"PIP_CONFIG_FILE": str(file)})
    assert answer.returncode == 0, answer.stdout + answer.stderr
    looks_whole(place, outputs["python"])
    assert not (place / "other").exists()


def test_what_says_how_to_reach_packages_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index, proxy, certificates and patience of variables and files reach pip; a variable wins over a file."""
    file = place / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://file.invalid/simple\nproxy = http://proxy.invalid:3128\ntarget = /nowhere\n"
        "[install]\nextra-index-url = https://one.invalid\n   https://two.invalid\ncert = /some/where.pem\n",
        encoding="utf-8",
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.invalid/simple")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "7")
    monkeypatch.setenv("HTTPS_PROXY", "http://other.invalid")
    found = load_module(place).pip_environment()
    assert found["HTTPS_PROXY"] == "http://other.invalid"
    own = {name: value for name, value in found.items() if name.startswith("PIP_")}
    assert own.pop("PIP_CONFIG_FILE") == os.devnull
    assert own == {
        "PIP_INDEX_URL": "https://variable.invalid/simple",
        "PIP_PROXY": "http://proxy.invalid:3128",
        "PIP_EXTRA_INDEX_URL": "https://one.invalid https://two.invalid",
        "PIP_CERT": "/some/where.pem",
        "PIP_DEFAULT_TIMEOUT": "7",
    }


def test_a_package_that_is_not_as_it_says_is_refused(place: Path, wheels: dict[str, str]) -> None:
    """A file whose hash is not its package's own record is no environment: an error, nothing kept, nothing left."""
    lock(place, write_wheel(place / "wheels", false_record=True))
    answer, outputs = bootstrap(place, "tiny", environ=wheels)
    assert (answer.returncode, outputs) == (4, {})
    assert "more.py is not as the package tiny says" in answer.stdout
    assert [path.suffix for path in (place / "temp" / "ml-cicd").iterdir()] == [".lock"]


def test_an_environment_made_by_hand_is_taken(place: Path, wheels: dict[str, str]) -> None:
    """The commands of docs/environments.md, from wheels alone: ML_CICD_TOOL_ENV installs nothing and is whole."""
    page = (ROOT / "docs" / "environments.md").read_text("utf-8")
    (script,) = (body for body in re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL) if "ml_cicd.pth" in body)
    script = script.replace("/opt/ml-cicd", "own").replace("cli.txt", "tiny.txt")
    path = f"{Path(sys.base_prefix) / 'bin'}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(place)}
    subprocess.run(["bash", "-e", "-c", script], check=True, cwd=place, env=environ, capture_output=True, text=True)
    own = str(place / "own" / "bin" / "python")
    answer, outputs = bootstrap(place, "tiny", environ={"PIP_NO_INDEX": "1", "ML_CICD_TOOL_ENV": own})
    assert (answer.returncode, outputs) == (0, {"python": own}), answer.stdout
    looks_whole(place, own)
    assert not (place / "temp").exists()


def delete(folder: Path) -> None:
    """Remove a module."""
    next(folder.rglob("tiny/more.py")).unlink()


def alter(folder: Path) -> None:
    """Change a byte, and neither size nor time."""
    path = next(folder.rglob("tiny/more.py"))
    before = path.stat()
    path.write_text("ANSWER = 41\n", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def add(folder: Path) -> None:
    """Add what Python would run at its start."""
    (next(folder.rglob("tiny")).parent / "evil.pth").write_text("import os\n", encoding="utf-8")


def cut_bytecode(folder: Path) -> None:
    """Cut a compiled file in two."""
    path = next(folder.rglob("more.*.pyc"))
    path.write_bytes(path.read_bytes()[:40])


def lose_interpreter(folder: Path) -> None:
    """Remove the interpreter."""
    (folder / "bin" / "python").unlink()


def lose_all(folder: Path) -> None:
    """Remove the folder and leave its mark."""
    shutil.rmtree(folder)


def spoil_mark(folder: Path) -> None:
    """Cut the mark in two."""
    (mark,) = folder.parent.glob("*.mark")
    mark.write_text(mark.read_text("utf-8")[:100], encoding="utf-8")


@pytest.mark.parametrize("spoil", [delete, alter, add, cut_bytecode, lose_interpreter, lose_all, spoil_mark])
def test_what_is_not_whole_any_more_is_made_anew(
    place: Path, wheels: dict[str, str], spoil: Callable[[Path], None]
) -> None:
    """Each use compares every file: one that is gone, changed or new means another environment, and that is used."""
    _, before = bootstrap(place, "tiny", environ=wheels)
    spoil(Path(before["python"]).parents[1])
    answer, after = bootstrap(place, "tiny", environ=wheels)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert after["python"] != before["python"]
    looks_whole(place, after["python"])
    again, last = bootstrap(place, "tiny", environ=wheels)
    assert (last, "installing" in again.stdout) == (after, False)


def test_a_copy_of_it_is_whole(place: Path, wheels: dict[str, str]) -> None:
    """Times alone are no change: a tool cache that was copied or restored is used."""
    _, before = bootstrap(place, "tiny", environ=wheels)
    folder = Path(before["python"]).parents[1]
    for path in folder.rglob("*.py"):
        os.utime(path, (1, 1))
    _, after = bootstrap(place, "tiny", environ=wheels)
    assert after == before


def test_it_outlives_the_job(place: Path, wheels: dict[str, str]) -> None:
    """It is kept in the tool cache, so a job that finds its temporary folder empty has it all the same."""
    environ = {**wheels, "RUNNER_TOOL_CACHE": str(place / "tools")}
    _, before = bootstrap(place, "tiny", environ=environ)
    assert Path(before["python"]).is_relative_to(place / "tools" / "ml-cicd")
    assert not (place / "temp").exists()
    again, after = bootstrap(place, "tiny", environ={**environ, "RUNNER_TEMP": str(place / "another")})
    assert (after, "installing" in again.stdout) == (before, False)


def test_without_a_tool_cache_it_lies_in_the_temporary_folder(place: Path, wheels: dict[str, str]) -> None:
    """A tool cache that cannot be written to is none."""
    (place / "tools").write_text("a file\n", encoding="utf-8")
    answer, outputs = bootstrap(place, "tiny", environ={**wheels, "RUNNER_TOOL_CACHE": str(place / "tools")})
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert Path(outputs["python"]).is_relative_to(place / "temp")


def test_where_another_user_may_write_nothing_is_kept(
    place: Path, wheels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write there could leave an environment with its mark, which would run as us."""
    environ = {**wheels, "RUNNER_TOOL_CACHE": str(place / "tools")}
    _, ours = bootstrap(place, "tiny", environ=environ)
    root = place / "tools" / "ml-cicd"
    assert Path(ours["python"]).is_relative_to(root)
    assert root.stat().st_mode & 0o077 == 0
    root.chmod(0o777)
    _, outputs = bootstrap(place, "tiny", environ=environ)
    assert Path(outputs["python"]).is_relative_to(place / "temp")
    root.chmod(0o755)
    module, other = load_module(place), os.getuid() + 1
    assert module.is_ours(root)
    monkeypatch.setattr(module.os, "getuid", lambda: other)
    assert not module.is_ours(root)


def test_the_lock_of_a_killed_run_is_free_at_once(place: Path, wheels: dict[str, str]) -> None:
    """Whoever holds it is waited for, which is said; once he is killed nobody waits, and his half is not used."""
    module = load_module(place)
    root = place / "temp" / "ml-cicd"
    root.mkdir(parents=True)
    key = module.key_of(place / "python" / "locks" / "tiny.txt")
    hold = (
        f"import fcntl; f = open({str(root / key)!r} + '.lock', 'a'); fcntl.flock(f, 2); print(1, flush=True); input()"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    (root / f"{key}-half").mkdir()
    command = [sys.executable, "-I", str(place / "python" / "bootstrap.py"), "tiny"]
    environ = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(place / "temp"), **wheels}
    waiting = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    assert "waiting for another run" in waiting.stdout.readline()
    holder.kill()
    holder.communicate()
    said, _ = waiting.communicate(timeout=120)
    assert waiting.returncode == 0
    looks_whole(place, said.strip().splitlines()[-1].removeprefix("ml-cicd: "))
    assert not said.strip().endswith(f"{key}-half/bin/python")


def test_who_has_waited_too_long_makes_another(
    place: Path, wheels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock saves work and no more: a run that hangs with it stops nobody."""
    module = load_module(place)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0)
    monkeypatch.setenv("RUNNER_TEMP", str(place / "temp"))
    monkeypatch.delenv("RUNNER_TOOL_CACHE", raising=False)
    for name, value in wheels.items():
        monkeypatch.setenv(name, value)
    with module.one_at_a_time(place / "x.lock"), (place / "x.lock").open("a", encoding="utf-8") as stream:
        assert not module.locked(stream)
        with module.one_at_a_time(place / "x.lock"):
            looks_whole(place, str(module.prepare(place / "python" / "locks" / "tiny.txt")))


def test_a_cancelled_install_leaves_nothing(place: Path, wheels: dict[str, str]) -> None:
    """A signal while pip waits for an index that is silent: exit 130, an annotation, no folder, no mark."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        environ = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(place / "temp"), "PIP_INDEX_URL": index}
        command = [sys.executable, "-I", str(place / "python" / "bootstrap.py"), "tiny"]
        running = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            os.killpg(running.pid, signal.SIGTERM)
            said, _ = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "::error title=ml-cicd::Interrupted" in said
    assert [path.suffix for path in (place / "temp" / "ml-cicd").iterdir()] == [".lock"]


def test_what_nobody_uses_is_swept_away(place: Path, wheels: dict[str, str]) -> None:
    """A week after its last use an environment goes when another is made; one that was used since then stays."""
    _, one = bootstrap(place, "tiny", environ=wheels)
    root = Path(one["python"]).parents[2]
    (half := root / "0123-half").mkdir()
    for path in root.iterdir():
        os.utime(path, (1, 1))
    _, two = bootstrap(place, "empty")
    assert not Path(one["python"]).exists()
    assert not half.exists()
    assert Path(two["python"]).exists()
    for path in root.iterdir():
        os.utime(path, (1, 1))
    bootstrap(place, "empty")
    bootstrap(place, "tiny", environ=wheels)
    assert Path(two["python"]).exists()


def test_two_runs_at_once_install_once(place: Path, wheels: dict[str, str]) -> None:
    """Of four that begin together one installs and all use what it made."""
    environ = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(place / "temp"), **wheels}
    command = [sys.executable, "-I", str(place / "python" / "bootstrap.py"), "tiny"]
    running = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=240)[0] for process in running]
    assert sum("installing" in text for text in said) == 1
    assert len({text.strip().splitlines()[-1] for text in said}) == 1
    assert len(list((place / "temp" / "ml-cicd").glob("*-*"))) == 1
