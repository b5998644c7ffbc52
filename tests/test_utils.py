"""Training, plotting, widgets, the machine check: what they do, and how they refuse bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from utils import machine, plotting, training, widgets

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


def test_plot_attention_and_curves():
    plotting.use_style()
    ax = plotting.plot_attention(torch.eye(3, 4), list("abc"), list("wxyz"), "title")
    assert ax.images[0].get_clim() == (0, 1) and ax.get_ylabel() == "query"
    with pytest.raises(ValueError, match=r"shape \(3, 4\)"):
        plotting.plot_attention(torch.eye(3, 4), list("abcd"), list("wxy"), "title")
    ax = plotting.plot_curves(
        {"one": [3, 2, 1], "three seeds": np.random.rand(3, 3)}, xlabel="step", ylabel="loss", title="t"
    )
    assert (
        len(ax.lines) == 2 and len(ax.collections) == 1 and ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    )
    with pytest.raises(ValueError, match="at least one"):
        plotting.plot_curves({})
    with pytest.raises(ValueError, match="3 points, but x has 2"):
        plotting.plot_curves({"a": [1, 2, 3]}, x=[1, 2])
    plt.close("all")


def test_show_needs_an_alt_text_and_a_figure():
    plt.close("all")
    with pytest.raises(ValueError, match="no figure"):
        plotting.show("a sentence about the picture")
    plt.plot([1, 2])
    for alt in ("", "plot"):
        with pytest.raises(ValueError, match="alt text"):
            plotting.show(alt)
    plt.close("all")


def captured(monkeypatch, module):
    shown = []
    monkeypatch.setattr(
        module, "display", lambda bundle, metadata=None, raw=False: shown.append((bundle, metadata or {}))
    )
    return shown


def test_show_carries_the_alt_text(monkeypatch):
    shown = captured(monkeypatch, plotting)
    plt.plot([1, 2])
    plotting.show("a line that rises from one to two")
    assert shown[0][0]["image/png"].startswith(b"\x89PNG") and shown[0][1]["image/png"]["alt"].startswith("a line")
    assert not plt.get_fignums()


def test_explore_renders_a_first_frame_and_follows_its_controls(monkeypatch):
    shown, slider = captured(monkeypatch, widgets), ipywidgets.IntSlider(value=2, min=0, max=5, description="n")
    seen = []
    widgets.explore(lambda n: seen.append(n) or f"<b>{n * n}</b>", alt="the square of a number", n=slider)
    bundle = shown[0][0]
    assert "<b>4</b>" in bundle["text/html"] and "n <b>2</b>" in bundle["text/html"]
    slider.value = 5
    assert seen == [2, 5]


def test_explore_streams_shows_figures_and_survives_errors(monkeypatch):
    shown, slider = captured(monkeypatch, widgets), ipywidgets.IntSlider(value=1, min=0, max=5)
    frames = []

    def stream(n):
        for i in range(3):
            frames.append(i)
            yield f"<i>{i}/{n}</i>"

    widgets.explore(stream, alt="three frames, one after the other", n=slider)
    assert frames == [0, 1, 2] and "<i>2/1</i>" in shown[0][0]["text/html"]

    def picture(n):
        figure, ax = plt.subplots()
        ax.plot([0, n])
        return figure

    widgets.explore(picture, alt="a line from zero to n", n=ipywidgets.IntSlider(value=1))
    assert (
        shown[1][0]["image/png"].startswith(b"\x89PNG") and shown[1][1]["image/png"]["alt"] == "a line from zero to n"
    )
    fragile = ipywidgets.IntSlider(value=1, min=0, max=5)
    widgets.explore(lambda n: f"{1 / n}", alt="one divided by n", n=fragile)
    fragile.value = 0  # the error is shown in the pane, not raised
    with pytest.raises(ZeroDivisionError):
        widgets.explore(lambda n: f"{1 / 0}", alt="a broken first frame", n=ipywidgets.IntSlider())
    with pytest.raises(ValueError, match="at least one control"):
        widgets.explore(lambda: "", alt="nothing to control here")


def test_token_html():
    out = widgets.token_html([" the", "<b>", "\n"], [-1.0, 0.0, 2.0])
    assert "␣the" in out and "&lt;b&gt;" in out and "⏎" in out and "rgba(47,143,91,1.00)" in out
    with pytest.raises(ValueError, match="1 tokens, but 2 weights"):
        widgets.token_html(["a"], [1, 2])


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
    assert not any("solution" in c.metadata.get("tags", []) for c in after.cells) and "assert check(" not in json.dumps(
        after
    )
    assert any("solution" in c.metadata.get("tags", []) for c in before.cells)
