"""Notebook 15's control: a tiny T5 with and without its two position biases, on a task of order and on one where order does not matter.

Writes benchmarks/results/nb15_word_order.json.

``python -m benchmarks.nb15_word_order`` trains every variant at three learning rates with three seeds (one thread). The rate of each variant and task
is chosen by the mean exact match on validation texts; the table shows test texts. ``--smoke`` trains for a few steps and writes nothing.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from datetime import date
from importlib.metadata import version

import numpy as np
import torch
from torch.nn import functional as F

from lessons.t5 import T5, T5Config, generate_t5
from utils import ROOT
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb15_word_order.json"
RATES, SEEDS, STEPS, BATCH = (2e-3, 4e-3, 8e-3), (0, 1, 2), 300, 64
N_LETTERS, LENGTH, FIRST = 12, 6, 2  # ids: 0 padding, 1 end, then the letters
VARIANTS = {"both": (True, True), "encoder only": (True, False), "decoder only": (False, True), "none": (False, False)}
CONFIG = T5Config(
    FIRST + N_LETTERS,
    d_model=48,
    n_heads=4,
    d_head=12,
    n_layers=2,
    n_decoder_layers=2,
    d_ff=96,
    gated=True,
    dropout=0.0,
)


def examples(task: str, n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Six different letters (n, 7) and the answer (n, 7), end token last: the letters as they stand ("repeat") or sorted ("sort")."""
    letters = torch.rand((n, N_LETTERS), generator=generator).argsort(dim=1)[:, :LENGTH] + FIRST
    answer = letters if task == "repeat" else letters.sort(dim=1).values
    end = torch.ones((n, 1), dtype=torch.long)
    return torch.cat((letters, end), dim=1), torch.cat((answer, end), dim=1)


def tiny_t5(encoder_bias: bool, decoder_bias: bool, seed: int) -> T5:
    """A tiny T5; a bias that is left out stays at zero, so that all distances look alike."""
    seed_everything(seed)
    model = T5(CONFIG)
    for stack, used in ((model.encoder, encoder_bias), (model.decoder, decoder_bias)):
        if not used:
            stack.position_bias.table.weight.requires_grad_(False).zero_()
    return model


def train(model: T5, task: str, rate: float, seed: int, steps: int = STEPS) -> list[float]:
    """AdamW, warm-up over a tenth of the steps, then down to zero; returns the losses. The bias tables get five times the rate."""
    tables = [p for name, p in model.named_parameters() if name.endswith("table.weight") and p.requires_grad]
    others = [p for name, p in model.named_parameters() if not name.endswith("table.weight")]
    groups = [{"params": others, "lr": rate}] + ([{"params": tables, "lr": 5 * rate}] if tables else [])
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    factor = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min((n + 1) / (0.1 * steps), (steps - n) / (0.9 * steps))
    )
    generator, losses = torch.Generator().manual_seed(1000 + seed), []
    for _ in range(steps):
        source, target = examples(task, BATCH, generator)
        inputs = torch.cat((torch.zeros_like(target[:, :1]), target[:, :-1]), dim=1)
        loss = F.cross_entropy(model(source, inputs).flatten(0, 1), target.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        factor.step()
        losses.append(loss.item())
    return losses


def exact(model: T5, task: str, seed: int, n: int = 500) -> float:
    """Share of fresh examples answered without a mistake."""
    source, target = examples(task, n, torch.Generator().manual_seed(seed))
    written = generate_t5(model.eval(), source, LENGTH + 1)
    written = F.pad(written, (0, LENGTH + 1 - written.shape[1]))
    return (written == target).all(dim=1).float().mean().item()


def main(smoke: bool) -> None:
    set_threads(1)
    runs, began = [], time.process_time()
    rates, seeds, steps = ((2e-3,), (0,), 5) if smoke else (RATES, SEEDS, STEPS)
    for task in ("repeat", "sort"):
        for variant, biases in VARIANTS.items():
            for rate in rates:
                for seed in seeds:
                    model = tiny_t5(*biases, seed)
                    losses = train(model, task, rate, seed, steps)
                    result = {
                        "task": task,
                        "variant": variant,
                        "rate": rate,
                        "seed": seed,
                        "last_loss": round(float(np.mean(losses[-20:])), 4),
                    }
                    result |= {"validation": exact(model, task, 98), "test": exact(model, task, 99)}
                    runs.append(result)
                print(task, variant, rate, [round(r["validation"], 3) for r in runs[-len(seeds) :]], flush=True)
    report = {
        "command": "python -m benchmarks.nb15_word_order",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores",
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "cpu_seconds": round(time.process_time() - began),
        "runs": runs,
    }
    if not smoke:
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] == ["--smoke"])
