"""Make the course's environment in .venv, with the standard library alone: ``python3 -m scripts.environment`` (``make lab`` runs it).

On Linux without an NVIDIA card torch comes from PyTorch's own index for CPU builds, when that index answers within seconds: the usual build
brings gigabytes of CUDA. Everything else comes from the usual index. Safe to run again after any interruption.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyTorch's documented address, see pytorch.org, "Start locally"


class SetUpError(RuntimeError):
    """The environment cannot be made; the message says what, why, and what mends it."""


def check_version(version: tuple[int, int]) -> None:
    """Raise SetUpError unless this Python can carry the course."""
    if not OLDEST <= version <= NEWEST:
        raise SetUpError(
            f"the course needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, this is {version[0]}.{version[1]}; "
            "name another one, such as: make lab PYTHON=python3.12"
        )


def python_of(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def usable(folder: Path, version: tuple[int, int]) -> bool:
    """Whether a virtual environment is of this Python and has a pip that starts."""
    probe = "import sys, pip; print(*sys.version_info[:2])"
    try:
        found = subprocess.run([python_of(folder), "-c", probe], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0 and found.stdout.split() == [str(version[0]), str(version[1])]


def make_environment(folder: Path) -> None:
    """A virtual environment of the running Python in ``folder``; a broken one, or one of another Python, is made anew."""
    if folder.exists():
        if usable(folder, sys.version_info[:2]):
            return
        print(f"{folder.name} is broken or of another Python; made anew.", flush=True)
        shutil.rmtree(folder)
    base = (
        getattr(sys, "_base_executable", None) or sys.executable
    )  # the environment's own interpreter may have gone with it
    made = subprocess.run([base, "-m", "venv", str(folder)], capture_output=True, text=True)
    if made.returncode or not usable(folder, sys.version_info[:2]):
        shutil.rmtree(folder, ignore_errors=True)
        reason = (made.stdout + made.stderr).strip().splitlines()
        raise SetUpError(
            f"'{base} -m venv' failed ({reason[-1] if reason else 'no message'}); on Debian and Ubuntu: sudo apt install python3-venv"
        )


def wants_cpu_build() -> bool:
    """Linux on x86-64 or Arm without an NVIDIA card: there the usual build of torch brings CUDA for nothing."""
    card = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists()
    return platform.system() == "Linux" and not card


def answers(index: str, seconds: float = 5.0) -> bool:
    """Whether a package index has a page for torch, within so many seconds in all."""
    code = (
        f"import urllib.request; urllib.request.urlopen({index.rstrip('/') + '/torch/'!r}, timeout={seconds}).read(1)"
    )
    try:  # in a process of its own: a server that sends a byte now and then would outlast a socket's time limit
        return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=seconds + 2).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def pip(folder: Path, *arguments: str) -> None:
    """Run the environment's pip with its progress in sight; raise SetUpError with pip's own reason where it fails."""
    command = [python_of(folder), "-m", "pip", "--disable-pip-version-check", *arguments]
    process = subprocess.Popen(command, stdout=None, stderr=subprocess.PIPE, text=True, errors="replace")
    said = []
    for line in process.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        said.append(line.strip())
    if process.wait():
        reason = next(
            (line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "pip gave no reason"
        )
        raise SetUpError(
            f"pip could not install what the course needs. {reason[:300]} Run the command again when that is mended."
        )


def requirement(name: str) -> str:
    """The line of requirements.txt for one package."""
    return re.search(rf"^{name}\b.*$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)[0]


def has_torch(folder: Path) -> bool:
    """Whether the environment has a torch that requirements.txt accepts."""
    probe = (
        "from importlib.metadata import version; from pip._vendor.packaging.requirements import Requirement; "
        f"assert Requirement({requirement('torch')!r}).specifier.contains(version('torch').split('+')[0])"
    )
    return subprocess.run([python_of(folder), "-c", probe], capture_output=True).returncode == 0


def install(folder: Path, lists: list[str], index: str = CPU_INDEX) -> None:
    """Install requirement files into the environment; what is there and fits stays. A file done is noted, by its hash."""
    done_file = folder / "course-installed.json"
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in ["requirements.txt", *lists]}
    try:
        done = json.loads(done_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        done = {}
    if all(done.get(name) == digest for name, digest in wanted.items()):
        return
    print(f"Installing into {folder.name} (some minutes, once) ...", flush=True)
    done_file.unlink(missing_ok=True)
    if wants_cpu_build() and not has_torch(folder):
        if answers(index):
            print(
                f"No NVIDIA card here: taking torch's CPU build from {index}, and so not gigabytes of CUDA.", flush=True
            )
            pip(folder, "install", "--no-deps", "--index-url", index, requirement("torch"))
        else:
            print(
                f"{index} does not answer: torch comes from the usual index, perhaps with CUDA (several GB).",
                flush=True,
            )
    pip(folder, "install", *(word for name in wanted for word in ("-r", str(ROOT / name))))
    done_file.write_text(json.dumps(wanted, indent=1), encoding="utf-8")


def settings(folder: Path) -> None:
    """JupyterLab's defaults for the course: no question about news, no look for updates."""
    path = folder / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    silent = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    path.write_text(json.dumps(silent, indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Make or complete the environment; returns the exit status. An error is one sentence on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv")
    parser.add_argument("--dev", action="store_true", help="what the tests, the exporter and the authors need, too")
    chosen = parser.parse_args(arguments)
    try:
        check_version(sys.version_info[:2])
        make_environment(chosen.folder)
        install(chosen.folder, ["requirements/dev.txt"] if chosen.dev else [])
        settings(chosen.folder)
    except SetUpError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
