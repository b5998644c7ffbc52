"""Exact match of notebook 02's date translator with one kind of box removed, three seeds each: python benchmarks/architecture_ablation.py"""

import json
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from utils.lessons.architecture import DateTranslator, exact_match, remove, train  # noqa: E402
from utils.training import Measure, seed_everything, set_threads  # noqa: E402

SEEDS = (0, 1, 2)
BOXES = ("nothing", "norm", "feed-forward", "positions", "cross-attention")


def main() -> None:
    set_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
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
        "command": "python benchmarks/architecture_ablation.py",
        "machine": f"{platform.machine()}, 1 thread, torch {torch.__version__}",
        "seeds": SEEDS,
        "steps": 300,
        "seconds": round(measure.seconds),
        "exact_match": scores,
    }
    (ROOT / "benchmarks" / "results" / "architecture_ablation.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
