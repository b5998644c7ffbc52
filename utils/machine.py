"""What this machine has and what it lacks: versions, cores, memory, disk, cached data, each with the command that mends it."""

from __future__ import annotations

import html
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

import psutil
from IPython.display import display
from packaging.requirements import Requirement

from utils import data


def rows() -> list[tuple[str, str, str]]:
    """(what, found, command that mends it or "") for this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(data.ROOT)
    found = [
        (
            "Python",
            platform.python_version(),
            "" if sys.version_info >= (3, 10) else "make clean, then make lab PYTHON=python3.12",
        ),
        ("Cores", str(cores), ""),
        (
            "Memory",
            f"{memory.total / 1e9:.0f} GB, {memory.available / 1e9:.0f} GB free",
            "" if memory.available > 4e9 else "close other programs: a notebook takes up to 4 GB",
        ),
        ("Disk", f"{disk.free / 1e9:.0f} GB free", "" if disk.free > 2e9 else "free 2 GB for data and models"),
    ]
    for line in (data.ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            need = Requirement(line)
            try:
                have = version(need.name)
                good = need.specifier.contains(have.split("+")[0], prereleases=True)
            except PackageNotFoundError:
                have, good = "missing", False
            found.append((need.name, have, "" if good else f"pip install '{line}'"))
    found += [(name, "cached" if present else "missing", mend) for name, present, mend in data.status()]
    return found


def machine_check() -> bool:
    """Show the table of this machine; returns True when nothing is missing."""
    table = rows()
    body = "".join(
        f"<tr><td style='text-align:left'>{html.escape(what)}</td><td style='text-align:left'>{html.escape(have)}</td>"
        f"<td style='text-align:left'>{'fine' if not mend else '<code>' + html.escape(mend) + '</code>'}</td></tr>"
        for what, have, mend in table
    )
    missing = [what for what, _, mend in table if mend]
    summary = "Everything is here." if not missing else f"To mend: {', '.join(missing)}."
    display(
        {
            "text/html": f"<p><b>{html.escape(summary)}</b></p><table><tr><th>What</th><th>Found</th><th>Mend with</th></tr>{body}</table>",
            "text/plain": summary,
        },
        raw=True,
    )
    return not missing
