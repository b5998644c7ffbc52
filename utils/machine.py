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

from utils import ROOT, data, pretrained, tools


def status() -> list[tuple[str, bool, str]]:
    """What is cached and whole: (name, good, command that mends it) for each package, the two models and the shipped checkpoints."""
    listed = data.packages()
    rows = [
        (f"{name} {number}", data.sound(data.wheel_path(name), digest), "make data")
        for name, (number, digest) in listed.items()
    ]
    models = {"MiniLM, unpacked": "all-minilm-l6-v2", "SmolLM2, converted to safetensors": "smollm2-135m-instruct"}
    rows += [(name, pretrained.intact(data.CACHE / folder), "make data") for name, folder in models.items()]
    for path in sorted(pretrained.CHECKPOINTS.glob("*.json")):  # each record; the small T5's tokenizer is named in its record
        if path.stem.endswith("_tokenizer"):
            continue
        try:
            pretrained.load_checkpoint(path.stem)
            rows.append((f"checkpoint {path.stem}", True, ""))
        except data.DataError:
            rows.append((f"checkpoint {path.stem}", False, "git checkout data/checkpoints"))
    return [(name, good, "" if good else mend) for name, good, mend in rows]


def rows() -> list[tuple[str, str, str]]:
    """(what, found, command that mends it or "") for this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(ROOT)
    good_python = (3, 11) <= sys.version_info[:2] <= (3, 13)
    found = [
        ("Python", platform.python_version(), "" if good_python else "make lab PYTHON=python3.12"),
        ("Cores", str(cores), ""),
        (
            "Memory",
            f"{memory.total / 1e9:.0f} GB, {memory.available / 1e9:.0f} GB free",
            "" if memory.available > 4e9 else "close other programs: a notebook takes up to 4 GB",
        ),
        ("Disk", f"{disk.free / 1e9:.0f} GB free", "" if disk.free > 2e9 else "free 2 GB for data and models"),
    ]
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        need = Requirement(line)
        if need.marker is not None and not need.marker.evaluate():
            continue
        try:
            have = version(need.name)
            good = need.specifier.contains(have.split("+")[0], prereleases=True)
        except PackageNotFoundError:
            have, good = "missing", False
        found.append((need.name, have, "" if good else f"pip install '{line}'"))
    found += [(name, "cached" if good else "missing or damaged", mend) for name, good, mend in status()]
    for name in tools.PROGRAMS:  # made where a notebook first needs it: not there yet is nothing wrong
        gone = tools.missing(name)
        damaged = gone is not None and tools.place(name).exists()
        state = "damaged" if damaged else "there" if gone is None else "not made yet; a notebook makes it when it needs it"
        found.append((f"{name}'s own environment", state, "make tools" if damaged else ""))
    return found


def machine_check() -> bool:
    """Show what is wrong on this machine, and how to mend it; what is fine is folded away. Returns True when nothing is missing."""
    found = rows()
    wrong = [row for row in found if row[2]]
    summary = "Everything is here." if not wrong else f"To mend: {', '.join(what for what, _, _ in wrong)}."
    page = f"<p><b>{html.escape(summary)}</b></p>{_table(wrong) if wrong else ''}"
    page += f"<details><summary>All {len(found)} things that were looked at</summary>{_table(found)}</details>"
    display({"text/html": page, "text/plain": summary}, raw=True)
    return not wrong


def _table(found: list[tuple[str, str, str]]) -> str:
    cell = "<td style='text-align:left'>"
    lines = [(what, have, f"<code>{html.escape(mend)}</code>" if mend else "fine") for what, have, mend in found]
    body = "".join(f"<tr>{cell}{html.escape(what)}</td>{cell}{html.escape(have)}</td>{cell}{mend}</td></tr>" for what, have, mend in lines)
    return f"<table><tr><th>What</th><th>Found</th><th>Mend with</th></tr>{body}</table>"
