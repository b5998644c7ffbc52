"""Accuracy beyond the trained length for each position scheme of notebook 06, over seeds.

    python benchmarks/position_lengths.py [--seeds 4] [--steps 1500]

Trains the notebook's `PriceModel` on boards of 2 to 20 lines and tests it on 5 to 80, for both questions ("last", "first"). Writes
benchmarks/results/position_lengths.json after each seed. About three CPU-minutes a seed on one core.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from utils.lessons.positions import SCHEMES, PriceModel, price_accuracy, train_prices  # noqa: E402
from utils.training import seed_everything, set_threads  # noqa: E402

LENGTHS = [5, 10, 15, 20, 25, 30, 40, 60, 80]
MODELS = {scheme: dict(scheme=scheme) for scheme in SCHEMES} | {"none, causal, 2 layers": dict(scheme="none", causal=True, n_layers=2)}


def main(seeds: int, steps: int, out: Path) -> None:
    """Train all models with `seeds` seeds and write the accuracies. Raises ValueError for fewer than one seed or step."""
    if seeds < 1 or steps < 1:
        raise ValueError(f"seeds and steps must be at least 1, got {seeds} and {steps}")
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
                results = [price_accuracy(model, n, question) for n in LENGTHS]
                table[name].append([round(a, 4) for a, _ in results])
                ceiling[question] = [round(c, 4) for _, c in results]
                print(f"seed {seed} {question:5} {name:22}", *(f"{n}: {a:.3f}" for n, (a, _) in zip(LENGTHS, results, strict=True)), flush=True)
        facts = dict(
            command=f"python benchmarks/position_lengths.py --seeds {seed + 1} --steps {steps}",
            machine=f"{platform.machine()}, 1 thread",
            trained_on="boards of 2 to 20 lines",
            seeds=list(range(seed + 1)),
            steps=steps,
            cpu_seconds=round(time.process_time() - start),
            lengths=LENGTHS,
            ceiling=ceiling,
            accuracy=accuracy,
        )
        out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "position_lengths.json")
    arguments = parser.parse_args()
    main(arguments.seeds, arguments.steps, arguments.out)
