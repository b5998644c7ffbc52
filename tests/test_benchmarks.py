"""Each long experiment still runs: `--smoke` takes seconds and leaves the committed results alone."""

import json
import os
import re
import subprocess
import sys

import pytest

from utils import ROOT

BENCHMARKS = sorted((ROOT / "benchmarks").glob("nb*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda p: p.stem)
def test_smoke(path):
    assert re.fullmatch(r"nb\d\d_\w+", path.stem)
    results = ROOT / "benchmarks" / "results" / f"{path.stem}.json"
    before = results.read_bytes()
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}", "--smoke"], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip(), "it says nothing of what it did"
    assert results.read_bytes() == before, "a smoke run must not touch the committed results"


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda p: p.stem)
def test_results_name_their_command(path):
    record = json.loads((ROOT / "benchmarks" / "results" / f"{path.stem}.json").read_text(encoding="utf-8"))
    assert f"python -m benchmarks.{path.stem}" in json.dumps(record)


def test_no_result_without_its_benchmark():
    """A result that no benchmark writes names the script that does."""
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        if path.stem not in {p.stem for p in BENCHMARKS}:
            command = json.loads(path.read_text(encoding="utf-8"))["command"]
            modules = re.findall(r"python -m ([\w.]+)", command)
            assert modules and all((ROOT / f"{m.replace('.', '/')}.py").exists() for m in modules), (path.name, command)
