"""Accuracy beyond the trained length for each position scheme of notebook 06, over seeds.

    python -m benchmarks.nb06_position_lengths [--seeds 4] [--steps 1500] [--smoke]

The notebook imports the task and `PriceModel` from here and shows them; this script trains the model on boards of 2 to 20 lines and tests it on
5 to 80, for both questions ("last", "first"). Writes benchmarks/results/nb06_position_lengths.json after each seed. About three CPU-minutes a
seed on one core. --smoke: a few steps of everything in seconds, nothing is written.
"""

import argparse
import json
import math
import platform
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from lessons.attention import EncoderBlock, causal_mask
from lessons.positions import BiasedSelfAttention, LearnedPositions, RelativeBias, alibi_bias, sinusoidal_positions
from utils import ROOT
from utils.training import fit, seed_everything, set_threads

LENGTHS = [5, 10, 15, 20, 25, 30, 40, 60, 80]
SCHEMES = ("none", "sinusoidal", "learned", "t5", "alibi")
MODELS = {scheme: dict(scheme=scheme) for scheme in SCHEMES} | {"none, causal, 2 layers": dict(scheme="none", causal=True, n_layers=2)}


def price_batch(
    n_lines: int, size: int, generator: torch.Generator, question: str = "last"
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Random price boards: tokens (size, n_lines + 1), answers (size,), and the accuracy of the best order-blind guess.

    A line is one token, 16 * good + price (4 goods, 16 prices); the final token 64 + good asks for the good's "last" or
    "first" price. Raises ValueError for another question.
    """
    if question not in ("last", "first"):
        raise ValueError(f"question must be 'last' or 'first', not {question!r}")
    goods = torch.randint(4, (size, n_lines), generator=generator)
    prices = torch.randint(16, (size, n_lines), generator=generator)
    asked = goods.gather(1, torch.randint(n_lines, (size, 1), generator=generator))  # (size, 1), on the board
    line = torch.arange(n_lines).expand(size, n_lines)
    hit = goods == asked
    first, last = line.masked_fill(~hit, n_lines).amin(1), line.masked_fill(~hit, -1).amax(1)
    answer = prices.gather(1, (last if question == "last" else first)[:, None])[:, 0]  # (size,)
    counts = torch.zeros(size, 16).scatter_add_(1, prices, hit.float())  # how often each price of this good occurs
    ceiling = (counts.amax(1) / counts.sum(1)).mean().item()
    tokens = torch.cat([goods * 16 + prices, 64 + asked], dim=1)  # (size, n_lines + 1)
    return tokens, answer, ceiling


class PriceModel(nn.Module):
    """A small encoder that answers at the last token: tokens (B, T) -> logits (B, 16). scheme: one of SCHEMES."""

    def __init__(self, scheme: str, causal: bool = False, n_layers: int = 1, d_model: int = 32, n_heads: int = 8):
        super().__init__()
        if scheme not in SCHEMES:
            raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, not {scheme!r}")
        self.scheme, self.causal = scheme, causal
        self.embedding = nn.Embedding(68, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model ** -0.5)
        if scheme == "sinusoidal":
            self.register_buffer("sines", sinusoidal_positions(128, d_model))
        if scheme == "learned":
            self.positions = LearnedPositions(128, d_model)
        self.blocks = nn.ModuleList(EncoderBlock(d_model, n_heads, 2 * d_model) for _ in range(n_layers))
        if scheme in ("t5", "alibi"):
            bias = RelativeBias(n_heads, max_distance=16) if scheme == "t5" else partial(alibi_bias, n_heads)
            for block in self.blocks:
                block.attention = BiasedSelfAttention(d_model, n_heads, bias)
        self.norm, self.head = nn.LayerNorm(d_model), nn.Linear(d_model, 16)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        B, T = tokens.shape
        x = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)  # (B, T, d_model), entries of size 1
        if self.scheme == "sinusoidal":
            x = x + self.sines[:T]
        if self.scheme == "learned":
            x = x + self.positions(T)
        for block in self.blocks:
            x = block(x, causal_mask(T) if self.causal else None)
        return self.head(self.norm(x[:, -1]))  # (B, 16)


def train_prices(model: PriceModel, question: str = "last", seed: int = 0, steps: int = 700) -> list[float]:
    """Train on boards of 2 to 20 lines, 64 a step, in place; returns the losses."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)

    def batches(epoch):
        for _ in range(steps):
            yield price_batch(int(torch.randint(2, 21, (1,), generator=generator)), 64, generator, question)

    def loss_fn(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    return fit(model, batches, loss_fn, optimizer, scheduler, description=model.scheme)


@torch.inference_mode()
def price_accuracy(model: PriceModel, n_lines: int, question: str = "last", n: int = 2000) -> tuple[float, float]:
    """Accuracy on n fresh boards of n_lines, and the order-blind ceiling on the same boards."""
    tokens, answers, ceiling = price_batch(n_lines, n, torch.Generator().manual_seed(1000 + n_lines), question)
    return (model.eval()(tokens).argmax(-1) == answers).float().mean().item(), ceiling


def main(seeds: int, steps: int, out: Path | None, boards: int = 2000) -> None:
    """Train all models with `seeds` seeds, test them on `boards` boards a length, and write the accuracies to `out`, if any.

    Raises ValueError for fewer than one seed, step or board.
    """
    if min(seeds, steps, boards) < 1:
        raise ValueError(f"seeds, steps and boards must be at least 1, got {seeds}, {steps} and {boards}")
    set_threads(1)
    accuracy = {question: {name: [] for name in MODELS} for question in ("last", "first")}
    ceiling: dict[str, list[float]] = {}
    start = time.process_time()
    for seed in range(seeds):
        for question, table in accuracy.items():
            for name, config in MODELS.items():
                seed_everything(seed)
                model = PriceModel(**config)
                train_prices(model, question, seed, steps)
                results = [price_accuracy(model, n, question, boards) for n in LENGTHS]
                table[name].append([round(a, 4) for a, _ in results])
                ceiling[question] = [round(c, 4) for _, c in results]
                print(f"seed {seed} {question:5} {name:22}", *(f"{n}: {a:.3f}" for n, (a, _) in zip(LENGTHS, results, strict=True)), flush=True)
        facts = dict(
            command=f"python -m benchmarks.nb06_position_lengths --seeds {seed + 1} --steps {steps}",
            machine=f"{platform.machine()}, 1 thread",
            trained_on="boards of 2 to 20 lines",
            seeds=list(range(seed + 1)),
            steps=steps,
            cpu_seconds=round(time.process_time() - start),
            lengths=LENGTHS,
            ceiling=ceiling,
            accuracy=accuracy,
        )
        if out is not None:
            out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "nb06_position_lengths.json")
    parser.add_argument("--smoke", action="store_true", help="a few steps of everything, in seconds; writes nothing")
    arguments = parser.parse_args()
    if arguments.smoke:
        main(seeds=1, steps=3, out=None, boards=20)
    else:
        main(arguments.seeds, arguments.steps, arguments.out)
