"""Training, the machine check, the live copy: what they do, and how they refuse bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from utils import machine, training

ROOT = Path(__file__).resolve().parent.parent


def test_passive_waiting_is_set_before_torch():
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    code = "import utils, os, sys; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "PASSIVE"


def test_seed_everything():
    draws = []
    for _ in range(2):
        training.seed_everything(7)
        draws.append((torch.rand(3).tolist(), np.random.rand(3).tolist()))
    assert draws[0] == draws[1]
    with pytest.raises(ValueError, match="0 or more"):
        training.seed_everything(-1)


def test_threads_and_device():
    before = torch.get_num_threads()
    assert training.set_threads(1) == torch.get_num_threads() == 1
    assert training.set_threads() >= 1
    with pytest.raises(ValueError, match="at least 1"):
        training.set_threads(0)
    torch.set_num_threads(before)
    assert training.device().type in ("cpu", "cuda", "mps")


def test_measure_sees_time_and_memory():
    with training.Measure() as m:
        block = torch.ones(60_000_000)
        block.sum()
        sum(range(2_000_000))
    assert m.seconds > 0 and m.peak_gb - m.start_gb > 0.1


def regression(slope=3.0):
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    return [(x, slope * x)] * 8, torch.nn.Linear(1, 1)


def mse(model, batch):
    return torch.nn.functional.mse_loss(model(batch[0]), batch[1])


def test_fit_learns_stops_early_and_returns_every_loss():
    batches, model = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    losses = training.fit(model, lambda epoch: batches, mse, optimizer, epochs=20, after_epoch=lambda epoch: epoch == 9)
    assert len(losses) == 80 and losses[-1] < 1e-3 < losses[0] and not model.training
    assert abs(model.weight.item() - 3) < 0.1
    error = training.evaluate(model, batches, lambda m, b: ((m(b[0]) - b[1]).abs().sum(), len(b[0])))
    assert error < 0.1


def test_fit_refuses():
    batches, model = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with pytest.raises(ValueError, match="at least 1"):
        training.fit(model, lambda epoch: batches, mse, optimizer, epochs=0)
    with pytest.raises(ValueError, match="no batch"):
        training.fit(model, lambda epoch: [], mse, optimizer)
    with pytest.raises(RuntimeError, match="loss is nan"):
        training.fit(model, lambda epoch: batches, lambda m, b: mse(m, b) * float("nan"), optimizer)
    with pytest.raises(ValueError, match="no examples"):
        training.evaluate(model, [], mse)


def captured(monkeypatch, module):
    shown = []
    monkeypatch.setattr(
        module, "display", lambda bundle, metadata=None, raw=False: shown.append((bundle, metadata or {}))
    )
    return shown


def test_machine_check_names_what_is_missing(monkeypatch, tmp_path):
    shown = captured(monkeypatch, machine)
    monkeypatch.setattr(machine.data, "CACHE", tmp_path)
    assert machine.machine_check() is False
    assert "make data" in shown[0][0]["text/html"] and "SmolLM2" in shown[0][0]["text/plain"]


def test_this_environment_has_what_requirements_ask():
    wrong = [(what, found) for what, found, mend in machine.rows() if mend.startswith("pip install")]
    assert not wrong


def test_live_copy_blanks_live_cells_and_drops_solutions():
    sys.path.insert(0, str(ROOT / "scripts"))
    import nbformat
    from live import live_copy

    path = next((ROOT / "notebooks").glob("05_*.ipynb"))
    before, after = nbformat.read(path, as_version=4), live_copy(nbformat.read(path, as_version=4))
    blanked = [c for c in after.cells if "live" in c.metadata.get("tags", [])]
    assert blanked and all(line.startswith("#") for c in blanked for line in c.source.splitlines())
    assert sum("notes" in c.metadata.get("tags", []) for c in after.cells) == len(blanked)
    for text in ('"solution"', "<summary>Solution</summary>", "solutions_pass", "folded solutions"):
        assert text in json.dumps(before).replace("\\", "") and text not in json.dumps(after).replace("\\", "")
