"""Notebook 18's question: how low a loss on Shakespeare's characters in the seconds of nanoGPT's recipe for a CPU, and what does counting reach?

``python -m benchmarks.nb18_shakespeare``: the plays, read on Macbeth (Hamlet is the notebook's); three seeds of each row (75 minutes).
``--text FILE``: another text, of which the last tenth is for validation, as usual with the well-known file of 1,115,394 characters. ``--row`` picks
rows, ``--add`` goes on from the committed results. ``--seconds N``: the time for each GPT; without it, what the recipe takes here,
or the ``--share`` of it (the recipe, too, then has fewer steps, and its plan ends with them).

- The recipe is nanoGPT's for a CPU (Karpathy 2022, README, "I only have a macbook"; config/train_shakespeare_char.py for what the command leaves
  out), written again: 4 layers of 128, 4 heads, 12 windows of 64, no dropout, no biases, tied head, AdamW (0.9, 0.99), decay 0.1 on matrices, rate
  1e-3 after 100 steps of warming up, along a cosine to 1e-4, gradients cut at 1.
- Each other row changes one thing of the row named in ``of``; "+ block" is one thing with many parts: rotary positions, RMS norm, also of queries
  and keys, squared ReLU, the quiet start, a head of its own, Adam (0.9, 0.98) without decay in place of AdamW.
- All take as many steps as fit into the seconds: each row's step is timed first, rows in turn, five rounds, the fastest; so a machine that is busy
  later does not favour one row. ``seconds`` of a run says what it took in fact.
- Counting: Kneser-Ney tables of several orders, on the same training text.
- Mixed: p = w p(GPT) + (1 - w) p(tables), one w for each length of the longest context that was counted. The weights are fitted where neither has
  learned: on Macbeth for the plays; with ``--text`` on the first twentieth of the training part, which the GPT does not get, and which the
  tables get after the weights are fitted. (Not the last: it shares a play, and so its speakers' names, with the validation part. Without it the
  final row lost 0.15 nats.)
- With ``--text`` the GPT learns from 95 % of the training part, the tables from all of it. nanoGPT's own measure averages all places of a window,
  also those with little before them; it is higher by about 0.02.
- Losses: nats a character over the whole play (or part), each character from at least 33 before it; the first 64 are context only.

Rates, table sizes and drop were chosen on the last ninth of the *training* part of the well-known file, one seed; no choice rests on the
file's validation part. Writes benchmarks/results/nb18_shakespeare.json (``--text``: nb18_file.json). ``--smoke``: two rows, four steps, a short text,
nothing kept.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lessons.counting import KneserNey, fit_weights, mixed
from lessons.shakespeare import (
    FastConfig,
    FastGPT,
    MuonAdam,
    char_probabilities,
    parameter_groups,
    plays_as_ids,
    trapezoid,
)
from utils import ROOT
from utils.training import set_threads

RESULTS = ROOT / "benchmarks" / "results"
WINDOW, D_MODEL, HEADS, LAYERS, FIRST, ORDER = 64, 128, 4, 4, 64, 7


@dataclass(frozen=True)
class Row:
    """One way of training. of: the row that it changes. muon: Muon's rate, 0: Adam for all. grow: share of the run with half windows."""

    name: str
    of: str = ""
    fast: bool = True
    batch: int = 32
    rate: float = 3e-3
    muon: float = 0.009
    tables: tuple[int, ...] = (2, 3, 4, 5, 6)
    bits: int = 15
    d_table: int = 32
    table_rate: float = 3e-2
    drop: float = 0.2
    grow: float = 0.0
    to_zero: bool = True  # the rate falls to 0 in a straight line; else as nanoGPT's, a cosine to a tenth
    times: float = 1.0  # how many times the seconds of the others


FINAL = Row("+ tables", of="+ Muon")
ROWS = [
    Row("recipe", fast=False, batch=12, rate=1e-3, muon=0, tables=(), to_zero=False),
    Row("rate 3e-3", "recipe", fast=False, batch=12, rate=3e-3, muon=0, tables=(), to_zero=False),
    Row("batch 32", "rate 3e-3", fast=False, rate=3e-3, muon=0, tables=(), to_zero=False),
    Row("rate to zero", "batch 32", fast=False, rate=3e-3, muon=0, tables=()),
    Row("+ block", "rate to zero", muon=0, tables=()),
    Row("+ Muon", "+ block", tables=()),
    FINAL,
    replace(FINAL, name="tables, nothing dropped", of="+ tables", drop=0.0),
    replace(FINAL, name="windows of 32 at first", of="+ tables", grow=0.4),
    replace(FINAL, name="batch 12 again", of="+ tables", batch=12),
    replace(FINAL, name="+ tables, twice the time", of="+ tables", times=2.0),
]
ROWS += [replace(ROWS[0], name="recipe, twice the time", of="recipe", times=2.0)]


class NanoGPT(nn.Module):
    """nanoGPT's model with bias=False: tokens (B, T) -> logits (B, T, V)."""

    def __init__(self, n_ids: int):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(n_ids, D_MODEL), nn.Embedding(WINDOW, D_MODEL)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(D_MODEL, bias=False),
                    "W_qkv": nn.Linear(D_MODEL, 3 * D_MODEL, bias=False),
                    "W_o": nn.Linear(D_MODEL, D_MODEL, bias=False),
                    "norm2": nn.LayerNorm(D_MODEL, bias=False),
                    "up": nn.Linear(D_MODEL, 4 * D_MODEL, bias=False),
                    "down": nn.Linear(4 * D_MODEL, D_MODEL, bias=False),
                }
            )
            for _ in range(LAYERS)
        )  # fmt: skip
        self.norm = nn.LayerNorm(D_MODEL, bias=False)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * LAYERS) if name.endswith(("W_o.weight", "down.weight")) else 0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        B, T = tokens.shape
        x = self.embedding(tokens) + self.positions.weight[:T]
        for b in self.blocks:
            q, k, v = b["W_qkv"](b["norm1"](x)).view(B, T, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + b["W_o"](out.transpose(1, 2).reshape(B, T, D_MODEL))
            x = x + b["down"](F.gelu(b["up"](b["norm2"](x))))
        return F.linear(self.norm(x), self.embedding.weight)


def start(row: Row, n_ids: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A new model of this row and its optimizer."""
    if not row.fast:
        model = NanoGPT(n_ids)
        groups = [{"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": 0.1}]
        groups += [{"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}]
        return model, torch.optim.AdamW(groups, row.rate, betas=(0.9, 0.99))
    model = FastGPT(FastConfig(n_ids, WINDOW, D_MODEL, HEADS, LAYERS, row.tables, row.bits, row.d_table, row.drop))
    return model, MuonAdam(parameter_groups(model, row.rate, row.muon, row.table_rate))


def factor(row: Row, step: int, total: int) -> float:
    """What the rate is multiplied by."""
    if row.to_zero:
        return trapezoid(step, total)
    if step < total / 20:
        return (step + 1) / (total / 20 + 1)
    done = (step - total / 20) / (total - total / 20)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done))


def train(row: Row, ids: torch.Tensor, n_ids: int, steps: int, total: int, seed: int) -> tuple[nn.Module, list[float], float]:
    """``steps`` steps of a run of ``total``; returns (model, losses, seconds a step: the median)."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model, optimizer = start(row, n_ids)
    rates = [group["lr"] for group in optimizer.param_groups]
    losses, seconds = [], []
    model.train()
    for step in range(steps):
        began = time.perf_counter()
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor(row, step, total)
        window = WINDOW // 2 if step < row.grow * total else WINDOW
        at = torch.randint(len(ids) - window, (row.batch * WINDOW // window, 1), generator=generator) + torch.arange(window)
        loss = F.cross_entropy(model(ids[at]).flatten(0, 1), ids[at + 1].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    return model, losses, float(np.median(seconds))


def cost_of(row: Row) -> tuple:
    """What a step's time depends on: rows that agree here cost the same."""
    return row.fast, row.batch, row.muon > 0, row.tables, row.grow


def step_times(rows: dict[str, Row], ids: torch.Tensor, n_ids: int, rounds: int) -> dict[str, float]:
    """Seconds a step of each row: the least of ``rounds`` medians of 12 steps, rows in turn, so that a slow minute of the machine favours none.

    Rows that differ in a number alone (a rate, what is dropped) cost the same and share one time.
    """
    found = {name: [] for name in rows}
    for _ in range(rounds):
        for name, row in rows.items():
            found[name].append(train(row, ids, n_ids, 12, 2000, 0)[2])
    cost = {name: cost_of(row) for name, row in rows.items()}
    return {name: round(min(min(found[other]) for other in found if cost[other] == cost[name]), 5) for name in found}


def nats(p: np.ndarray) -> float:
    return round(float(-np.log(p).mean()), 4)


def counted(train_ids: torch.Tensor, n_ids: int, parts: dict[str, torch.Tensor], orders: tuple[int, ...]) -> list[dict]:
    """Losses and seconds of tables of each order."""
    found = []
    for order in orders:
        began = time.perf_counter()
        table = KneserNey(train_ids.numpy(), n_ids, order)
        made = time.perf_counter() - began
        losses = {name: nats(table.probabilities(ids.numpy(), FIRST)) for name, ids in parts.items()}
        found.append({"order": order, "seconds": round(made, 2), **losses})
        print(json.dumps(found[-1]), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--share", type=float, default=1.0, help="of the recipe's seconds, where --seconds is not given")
    parser.add_argument("--row", nargs="+", default=[row.name for row in ROWS], choices=[row.name for row in ROWS])
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--add", action="store_true", help="keep the committed runs and step times; run what is missing")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    set_threads(2)
    if options.text:
        text = options.text.read_text(encoding="utf-8")
        letters = sorted(set(text))
        ids = torch.tensor([letters.index(c) for c in text])
        cut = int(0.9 * len(ids))
        train_ids, parts = ids[:cut], {"validation": ids[cut - FIRST :]}
        to_fit, to_learn = train_ids[: cut // 20 + FIRST], train_ids[cut // 20 :]
    else:
        plays, letters = plays_as_ids()
        train_ids, parts = plays["train"], {"validation": plays["validation"]}
        to_learn, to_fit = train_ids, plays["validation"]
    if options.smoke:
        train_ids, to_learn, to_fit = train_ids[:20_000], to_learn[:20_000], to_fit[:2_000]
        parts, options.row, options.seed = {name: some[:2_000] for name, some in parts.items()}, ["recipe", "+ tables"], [0]
    n_ids, rows = len(letters), [row for row in ROWS if row.name in options.row]

    path, runs = RESULTS / f"nb18_{'file' if options.text else 'shakespeare'}.json", []
    kept = json.loads(path.read_text(encoding="utf-8")) if options.add else None
    tables = kept["tables"] if kept else counted(train_ids, n_ids, parts, (3, ORDER) if options.smoke else (3, 4, 5, 6, ORDER, 8))
    table = KneserNey(train_ids.numpy(), n_ids, ORDER)
    before = table if to_learn is train_ids else KneserNey(to_learn.numpy(), n_ids, ORDER)
    depth, p_fit = (before.seen(to_fit.numpy(), FIRST), before.probabilities(to_fit.numpy(), FIRST))

    if kept:
        seconds, times, runs = kept["seconds"], kept["seconds_a_step"], kept["runs"]
        for row in rows:
            same = [times[other.name] for other in ROWS if other.name in times and cost_of(other) == cost_of(row)]
            times |= {row.name: same[0]} if same and row.name not in times else {}
        new = {row.name: row for row in [ROWS[0], *rows] if row.name == "recipe" or row.name not in times}
        now = step_times(new, to_learn, n_ids, rounds=5) if len(new) > 1 else {}
        times |= {name: round(t * times["recipe"] / now["recipe"], 5) for name, t in now.items()}  # this hour's machine may be another
    else:
        times = step_times({row.name: row for row in [ROWS[0], *rows]}, to_learn, n_ids, rounds=1 if options.smoke else 5)
        seconds = options.seconds or options.share * 2000 * times["recipe"]
    print(f"{seconds:.0f} s for each GPT; seconds a step: {times}", flush=True)
    record = {
        "command": "python -m benchmarks.nb18_shakespeare"
        + (" --text FILE" if options.text else "")
        + (f" --seconds {options.seconds:g}" if options.seconds else "" if options.share == 1 else f" --share {options.share:g}"),
        "date": date.today().isoformat(),
        "versions": {p: version(p) for p in ("torch", "numpy")},
        "machine": f"{platform.machine()}, 2 threads",
        "characters": {"train": len(train_ids), "different": n_ids, **{name: len(some) for name, some in parts.items()}},
        "recipe_seconds": round(2000 * times["recipe"], 1),
        "seconds": round(seconds, 1),
        "seconds_a_step": times,
        "tables": tables,
        "rows": [asdict(row) for row in ROWS if row.name in times],
        "runs": runs,
    }

    known = {name: (table.probabilities(some.numpy(), FIRST), table.seen(some.numpy(), FIRST)) for name, some in parts.items()}
    for seed in options.seed:
        for row in rows:
            if any(run["row"] == row.name and run["seed"] == seed for run in runs):
                continue
            total = round(row.times * seconds / times[row.name])
            total = 4 if options.smoke else total
            began = time.perf_counter()
            model, losses, _ = train(row, to_learn, n_ids, total, total, seed)
            took = time.perf_counter() - began
            weights = fit_weights(char_probabilities(model, to_fit, FIRST), p_fit, depth, ORDER)
            run = {"row": row.name, "seed": seed, "steps": total, "seconds": round(took, 1), "train": round(float(np.mean(losses[-50:])), 4)}
            for part, some in parts.items():
                p = char_probabilities(model, some, FIRST)
                run |= {part: nats(p), f"{part}_mixed": nats(mixed(p, known[part][0], known[part][1], weights))}
            runs.append(run)
            print(json.dumps(run), flush=True)
            if not options.smoke:  # after every run, so that an interruption loses one at most
                path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
