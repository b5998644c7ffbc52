"""Complete a machine that has its own Python packages (Colab) for the course: install what is missing, leave the rest as it is."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
KEPT = {
    "torch",
    "numpy",
    "pandas",
    "ipython",
}  # whatever their version: Colab's own builds fit its card and its front end
LEFT_OUT = {"jupyterlab", "ipywidgets", "nbval", "pip"}  # for a machine of one's own


def missing() -> list[str]:
    """The lines of requirements.txt that this machine does not fulfil, without what is kept or left out."""
    lines = []
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        need = Requirement(line)
        if need.name in LEFT_OUT:
            continue
        try:
            have = version(need.name)
        except PackageNotFoundError:
            lines.append(line)
            continue
        if need.name not in KEPT and not need.specifier.contains(have.split("+")[0], prereleases=True):
            lines.append(line)
    return lines


def constraints() -> list[str]:
    """Exact versions that pip must not touch: what is kept, and every package that this process has imported already (so no restart is needed)."""
    owners = packages_distributions()
    loaded = {owner for module in list(sys.modules) for owner in owners.get(module.split(".")[0], [])}
    # transformers and its tokenizers are never imported before this cell; what the course must replace is not held fast
    needed = {Requirement(line).name.lower() for line in missing()}
    held = []
    for name in sorted(KEPT | {owner.lower() for owner in loaded}):
        try:
            if re.fullmatch(r"[a-z0-9._-]+", name) and name not in needed:
                held.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return held


def complete() -> None:
    """Install what is missing, in one call of pip; nothing is done where nothing is missing. Raises RuntimeError with pip's own reason."""
    lines = missing()
    if not lines:
        return
    print(
        f"Installing what this machine lacks for the course: {', '.join(Requirement(line).name for line in lines)} ...",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder) / "constraints.txt"
        held.write_text("\n".join(constraints()) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(held), *lines]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()
        reason = next(
            (line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "no reason given"
        )
        raise RuntimeError(f"pip could not install what the course needs ({reason[:300]}). Run this cell again.")


if __name__ == "__main__":
    complete()
