"""Open JupyterLab at the start page, with the course's folder as its root: ``make lab``. Further options go to JupyterLab."""

import os
import subprocess
import sys

from utils import ROOT


def command(options: list[str]) -> list[str]:
    """The command line of the server: README, glossary, lessons and live/ can be reached; everything stays inside the course's folder."""
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    place = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb"]
    return [sys.executable, "-m", "jupyterlab", *root, *place, *options]


if __name__ == "__main__":
    try:
        sys.exit(subprocess.run(command(sys.argv[1:]), cwd=ROOT).returncode)
    except KeyboardInterrupt:
        sys.exit(0)
