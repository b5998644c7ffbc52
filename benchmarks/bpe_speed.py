"""BPE of notebook 03 against Hugging Face's `tokenizers` (Rust): training and encoding one text, both in one run, in turns.

    python benchmarks/bpe_speed.py [--characters 1000000] [--vocab 1024] [--repeats 5]

Both sides get one thread. Each repeat trains a fresh tokenizer and encodes with it (empty caches), ours first, then theirs; reported are medians
of wall and CPU seconds. On a busy machine CPU seconds are the ones to compare. Merges and ids must be equal, or the script fails.
Writes benchmarks/results/bpe_speed.json. About ten CPU-seconds.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tokenizers  # noqa: E402
import torch  # noqa: E402
from tokenizers import models, pre_tokenizers, trainers  # noqa: E402

from utils.data import shakespeare  # noqa: E402
from utils.lessons.tokenization import BPETokenizer  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "bpe_speed.json"


def train_theirs(text: str, vocab_size: int) -> tokenizers.Tokenizer:
    """Byte-level BPE by Hugging Face, with the settings of ours."""
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    theirs.train_from_iterator([text], trainer)
    return theirs


def timed(run) -> tuple[object, float, float]:
    """(result, wall seconds, CPU seconds) of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main(characters: int, vocab_size: int, repeats: int) -> None:
    """Measure, check that both sides agree, print and write the medians."""
    torch.set_num_threads(1)
    text = shakespeare(characters)
    seconds = {f"{side} {work}": [] for work in ("train", "encode") for side in ("ours", "theirs")}
    for _ in range(repeats):
        ours, *spent = timed(lambda: BPETokenizer().train(text, vocab_size))
        seconds["ours train"].append(spent)
        theirs, *spent = timed(lambda: train_theirs(text, vocab_size))
        seconds["theirs train"].append(spent)
        our_ids, *spent = timed(lambda ours=ours: ours.encode(text))
        seconds["ours encode"].append(spent)
        their_ids, *spent = timed(lambda theirs=theirs: theirs.encode(text).ids)
        seconds["theirs encode"].append(spent)
        if our_ids != their_ids:
            sys.exit("error: the ids differ")
    median = {
        name: {
            kind: round(statistics.median(column), 3)
            for kind, column in zip(("wall", "cpu"), zip(*rows, strict=True), strict=True)
        }
        for name, rows in seconds.items()
    }
    facts = {
        "command": f"python benchmarks/bpe_speed.py --characters {characters} --vocab {vocab_size} --repeats {repeats}",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "threads": 1,
        "characters": len(text),
        "vocab_size": vocab_size,
        "tokens": len(our_ids),
        "median_seconds": median,
        "ours_over_theirs": {
            f"{work} {kind}": round(median[f"ours {work}"][kind] / median[f"theirs {work}"][kind], 2)
            for work in ("train", "encode")
            for kind in ("wall", "cpu")
        },
    }
    RESULTS.parent.mkdir(exist_ok=True)
    half = RESULTS.with_suffix(".part")
    half.write_text(json.dumps(facts, indent=1) + "\n")
    os.replace(half, RESULTS)
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=1_000_000)
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    main(chosen.characters, chosen.vocab, chosen.repeats)
