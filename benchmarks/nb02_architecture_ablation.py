"""Exact match of notebook 02's date translator with one kind of box removed, three seeds each: python -m benchmarks.nb02_architecture_ablation

``--smoke`` trains each variant for two steps and writes nothing.
"""

import argparse
import json
import platform

import torch

from lessons.architecture import DateTranslator, exact_match, remove, train
from utils import ROOT
from utils.training import Measure, seed_everything, set_threads

SEEDS = (0, 1, 2)
BOXES = ("nothing", "norm", "feed-forward", "positions", "cross-attention")


def smoke() -> None:
    """Every box taken out once, two steps, fifty dates."""
    for box in BOXES:
        seed_everything(0)
        model = remove(DateTranslator(), box)
        losses = train(model, steps=2)
        print(f"without {box}: loss {losses[-1]:.2f}, exact match {exact_match(model, n=50):.2f}")


def main(smoke_only: bool = False) -> None:
    """Train all variants and write the results, or only try them (``smoke_only``)."""
    set_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    if smoke_only:
        return smoke()
    scores: dict[str, list[float]] = {box: [] for box in BOXES}
    with Measure() as measure:
        for box in BOXES:
            for seed in SEEDS:
                seed_everything(seed)
                model = remove(DateTranslator(), box)
                train(model, seed=seed)
                scores[box].append(round(exact_match(model), 4))
            print(box, scores[box], flush=True)
    result = {
        "command": "python -m benchmarks.nb02_architecture_ablation",
        "machine": f"{platform.machine()}, 1 thread, torch {torch.__version__}",
        "seeds": SEEDS,
        "steps": 300,
        "seconds": round(measure.seconds),
        "exact_match": scores,
    }
    (ROOT / "benchmarks" / "results" / "nb02_architecture_ablation.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="two steps each, in seconds; writes nothing")
    main(smoke_only=parser.parse_args().smoke)
