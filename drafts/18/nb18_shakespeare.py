"""How low a loss on Shakespeare's characters in the seconds of nanoGPT's CPU recipe? A GPT, what each change brings, and tables that count.

``PYTHONPATH=. python drafts/18/nb18_shakespeare.py --text FILE``: to move to benchmarks/ when its numbers are in (mixing with the tables, the plays as default and a results file are still to be written). ``--text FILE`` takes another text (the well-known file of 1,115,394
characters is 90 % training, 10 % validation); without it the plays, Hamlet held out. ``--seconds N``: the time for each GPT (default: what the recipe
took in this run). ``--row NAME``, ``--seed S``. All losses: nats a character over the whole validation part, each predicted with at least half a
window of context.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Row:
    """One recipe. tables: lengths of the runs whose hashed tables are added to the input; muon: the rate for matrices, 0: AdamW for all."""

    name: str
    batch: int = 12
    window: int = 64
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    modern: bool = False  # rotary positions, RMS norm, squared ReLU, normed queries and keys, zero start of what writes
    rate: float = 1e-3
    muon: float = 0.0
    down: float = 1.0  # share of the run over which the rate falls
    floor: float = 0.1  # of the rate, at the end
    warm: float = 0.05
    decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    tables: tuple[int, ...] = ()
    bits: int = 15
    table_rate: float = 3e-3
    table_drop: float = 0.0
    clip: float = 1.0
    steps: int = 0  # 0: as many as the seconds allow


RECIPE = Row("recipe", steps=2000)  # nanoGPT, README: CPU
ROWS = [
    RECIPE,
    replace(RECIPE, name="rate 3e-3", rate=3e-3, steps=0),
    replace(RECIPE, name="batch 32", batch=32, rate=3e-3, floor=0.0, steps=0),
]
ROWS += [replace(ROWS[-1], name="+ modern block", modern=True)]
ROWS += [replace(ROWS[-1], name="+ Muon", muon=0.009, down=0.6, betas=(0.9, 0.98), decay=0.0)]
ROWS += [replace(ROWS[-1], name="+ tables of 2, 3, 4", tables=(2, 3, 4))]
ROWS += [replace(ROWS[-1], name="+ drop 0.2 of the tables", table_drop=0.2)]


def rows_of_tables(ids: torch.Tensor, lengths: tuple[int, ...], n_ids: int, bits: int) -> torch.Tensor:
    """(N,) -> (N, len(lengths)): for each position the row of the run of k characters that ends there, hashed where there are too many runs."""
    found = []
    for j, k in enumerate(lengths):
        code = torch.zeros_like(ids)
        for i in range(k - 1, -1, -1):
            code = code * n_ids + F.pad(ids, (i, 0))[: len(ids)]
        if n_ids**k > 2**bits:
            code = (code * 2_654_435_761 % 2**31 >> 8) % 2**bits
        found.append(code + j * 2**bits)
    return torch.stack(found, dim=1) if found else torch.zeros(len(ids), 0, dtype=torch.long)


class Norm(nn.Module):
    """Layer norm with a gain, or RMS norm without."""

    def __init__(self, d_model: int, modern: bool):
        super().__init__()
        self.gain = None if modern else nn.Parameter(torch.ones(d_model))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],)) if self.gain is None else F.layer_norm(x, (x.shape[-1],), self.gain)


class Block(nn.Module):
    def __init__(self, row: Row):
        super().__init__()
        d = row.d_model
        self.row, self.norm1, self.norm2 = row, Norm(d, row.modern), Norm(d, row.modern)
        self.W_qkv, self.W_o = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)

    def forward(self, x: torch.Tensor, turn: tuple | None) -> torch.Tensor:
        B, T, d = x.shape
        q, k, v = self.W_qkv(self.norm1(x)).view(B, T, 3, self.row.n_heads, -1).permute(2, 0, 3, 1, 4)  # (B, H, T, d_head)
        if turn is not None:
            q, k = (rotated(F.rms_norm(z, (z.shape[-1],)), turn) for z in (q, k))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.W_o(out.transpose(1, 2).reshape(B, T, d))
        h = self.up(self.norm2(x))
        return x + self.down(F.relu(h).square() if self.row.modern else F.gelu(h))


def rotated(x: torch.Tensor, turn: tuple) -> torch.Tensor:
    cos, sin = turn
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Model(nn.Module):
    def __init__(self, row: Row, n_ids: int):
        super().__init__()
        self.row = row
        self.embedding = nn.Embedding(n_ids, row.d_model)
        self.positions = None if row.modern else nn.Embedding(row.window, row.d_model)
        self.tables = nn.Embedding(len(row.tables) * 2**row.bits, row.d_model, sparse=True) if row.tables else None
        self.blocks = nn.ModuleList(Block(row) for _ in range(row.n_layers))
        self.norm = Norm(row.d_model, row.modern)
        self.head = nn.Linear(row.d_model, n_ids, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                writes = name.endswith(("W_o.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * row.n_layers) if writes else 0.02)
                if row.modern and (writes or name == "head.weight"):
                    nn.init.zeros_(p)
                elif row.modern and name.startswith("blocks"):
                    nn.init.uniform_(p, -1 / math.sqrt(p.shape[1]), 1 / math.sqrt(p.shape[1]))
        if row.modern:
            nn.init.normal_(self.embedding.weight, std=0.5)
        else:
            self.head.weight = self.embedding.weight
        if self.tables is not None:
            nn.init.zeros_(self.tables.weight)

    def forward(self, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        T, x = tokens.shape[1], self.embedding(tokens)
        if self.tables is not None:
            more = self.tables(places)  # (B, T, number of tables, d_model)
            if self.training and self.row.table_drop:
                kept = torch.rand(*places.shape, 1) >= self.row.table_drop
                more = more * kept / (1 - self.row.table_drop)
            x = x + more.sum(dim=2)
        turn = None
        if self.positions is None:
            half = self.row.d_model // self.row.n_heads // 2
            angle = torch.arange(T)[:, None] * 1000.0 ** (-torch.arange(half) / half)
            turn, x = (angle.cos(), angle.sin()), F.rms_norm(x, (x.shape[-1],))
        else:
            x = x + self.positions(torch.arange(T))
        for block in self.blocks:
            x = block(x, turn)
        return self.head(self.norm(x))


@torch.inference_mode()
def whole_loss(model: Model, ids: torch.Tensor, places: torch.Tensor, first: int) -> tuple[float, np.ndarray]:
    """Nats a character of ids[first:], and the probability of each; windows of the training's length, half overlapping."""
    model.eval()
    T = model.row.window
    starts = torch.arange(first - T // 2 - 1, len(ids) - 1, T // 2)
    p = np.zeros(len(ids) - first)
    for part in starts.split(64):
        at = (part[:, None] + torch.arange(T)).clamp(max=len(ids) - 2)
        logits = model(ids[at], places[at])[:, T // 2 :].log_softmax(dim=-1)
        where = at[:, T // 2 :]
        p[(where + 1 - first).flatten().numpy()] = logits.gather(2, ids[where + 1][..., None]).flatten().exp().numpy()
    model.train()
    return float(-np.log(p).mean()), p


def optimizers(model: Model, row: Row) -> list[torch.optim.Optimizer]:
    from scripts.muon import Muon

    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if not any(p is m for m in matrices) and (model.tables is None or p is not model.tables.weight)]
    found = []
    if row.muon:
        found += [Muon(matrices, lr=row.muon, weight_decay=0.0), torch.optim.AdamW(rest, row.rate, betas=row.betas, weight_decay=0.0)]
    else:
        wide = [p for p in rest if p.dim() == 2]
        groups = [{"params": matrices + wide, "weight_decay": row.decay}, {"params": [p for p in rest if p.dim() < 2], "weight_decay": 0.0}]
        found.append(torch.optim.AdamW(groups, row.rate, betas=row.betas))
    if model.tables is not None:
        found.append(torch.optim.SparseAdam([model.tables.weight], row.table_rate, betas=(0.9, 0.98)))
    return found


def train(row: Row, ids: torch.Tensor, first: int, n_ids: int, seconds: float, seed: int) -> dict:
    """Train on ids[:first] for the seconds (or row.steps); the whole loss of the rest."""
    torch.manual_seed(seed)
    generator, model, places = torch.Generator().manual_seed(seed), Model(row, n_ids), rows_of_tables(ids, row.tables, n_ids, row.bits)
    opts = optimizers(model, row)
    rates = [[group["lr"] for group in opt.param_groups] for opt in opts]
    began, step, losses = time.perf_counter(), 0, []
    while True:
        done = step / row.steps if row.steps else (time.perf_counter() - began) / seconds
        if done >= 1:
            break
        factor = min(1.0, max(done, 1e-4) / row.warm) * (row.floor + (1 - row.floor) * min(1.0, (1 - done) / row.down))
        for opt, base in zip(opts, rates, strict=True):
            for group, rate in zip(opt.param_groups, base, strict=True):
                group["lr"] = rate * factor
        at = torch.randint(first - row.window, (row.batch, 1), generator=generator) + torch.arange(row.window)
        loss = F.cross_entropy(model(ids[at], places[at]).flatten(0, 1), ids[at + 1].flatten())
        for opt in opts:
            opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None and not p.grad.is_sparse], row.clip)
        for opt in opts:
            opt.step()
        losses.append(loss.item())
        step += 1
    spent = time.perf_counter() - began
    val, _ = whole_loss(model, ids, places, first)
    return {"row": asdict(row), "seed": seed, "steps": step, "seconds": round(spent, 1), "train": round(float(np.mean(losses[-50:])), 4), "val": round(val, 4)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text")
    parser.add_argument("--seconds", type=float, default=130.0)
    parser.add_argument("--row", nargs="+", default=[row.name for row in ROWS])
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", default="{}", help="JSON of changes to the row")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = open(options.text, encoding="utf-8").read()
    letters = sorted(set(text))
    index = {c: i for i, c in enumerate(letters)}
    ids = torch.tensor([index[c] for c in text])
    for seed in options.seed:
        for row in ROWS:
            if row.name in options.row:
                changes = json.loads(options.set)
                print(json.dumps(train(replace(row, **changes), ids, int(0.9 * len(ids)), len(letters), options.seconds, seed)), flush=True)
