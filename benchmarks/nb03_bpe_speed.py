"""BPE of notebook 03 against Hugging Face's `tokenizers` (Rust): training and encoding one text, both in one run, in turns.

    python -m benchmarks.nb03_bpe_speed [--characters 1000000] [--vocab 1024] [--repeats 5] [--smoke]

Both sides get one thread. Each repeat trains a fresh tokenizer and encodes with it (empty caches), ours first, then theirs; reported are medians
of wall and CPU seconds. On a busy machine CPU seconds are the ones to compare. Ids must be equal, or the script fails.

Then both encode texts without a space, each a single chunk, with the merges of SmolLM2: 100,000 letters, random or all the same (medians), and once
10 MB of DNA (A, C, G, T at random) and of Chinese-like text (3,000 characters, the k-th with frequency 1/k).
Writes benchmarks/results/nb03_bpe_speed.json. About a minute of CPU time; --smoke takes small texts, a few seconds, and writes nothing.
"""

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers
import torch
from tokenizers import models, pre_tokenizers, trainers

from lessons.tokenization import BYTE_ORDER, BPETokenizer
from utils import ROOT
from utils.data import shakespeare
from utils.pretrained import smollm2_folder

RESULTS = ROOT / "benchmarks" / "results" / "nb03_bpe_speed.json"


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


def with_smollm2_merges() -> tuple[list[tuple[int, int]], tokenizers.Tokenizer]:
    """The merges of SmolLM2 as pairs of our ids, and their tokenizer with the same merges, ids and pattern (GPT-2's)."""
    model = json.loads((smollm2_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    ids = {"<|endoftext|>": 0}
    for place, byte in enumerate(BYTE_ORDER):  # printable bytes stand for themselves, the others are moved behind 255
        ids[chr(byte) if place < 188 else chr(256 + place - 188)] = 1 + place
    merges, names = [], []
    for rule in model["merges"]:
        left, right = rule.split(" ") if isinstance(rule, str) else rule
        if left in ids and right in ids and left + right not in ids:
            merges.append((ids[left], ids[right]))
            names.append((left, right))
            ids[left + right] = len(ids)
    theirs = tokenizers.Tokenizer(models.BPE(vocab=ids, merges=names))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return merges, theirs


def without_spaces(smoke: bool) -> dict[str, str]:
    """The long texts, by name; each is a single chunk of GPT-2's pattern."""
    draw, small = random.Random(0), 100 if smoke else 1
    han = [chr(0x4E00 + k) for k in range(3000)]
    draw.shuffle(han)
    return {
        "random letters": "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=100_000)),
        "one letter": "a" * 100_000,
        "DNA": "".join(draw.choices("ACGT", k=10_000_000 // small)),
        "Chinese-like": "".join(draw.choices(han, [1 / (k + 1) for k in range(3000)], k=10_000_000 // 3 // small)),
    }


def timed(run) -> tuple[object, float, float]:
    """(result, wall seconds, CPU seconds) of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def compare_without_spaces(repeats: int, smoke: bool) -> dict[str, dict]:
    """Encode the long texts with both sides, empty caches; medians of wall and CPU seconds by text."""
    rows = {}
    for name, text in without_spaces(smoke).items():
        seconds = {"ours": [], "theirs": []}
        for _ in range(repeats if len(text) <= 100_000 else 1):
            merges, theirs = with_smollm2_merges()
            ours = BPETokenizer(merges=merges)
            our_ids, *spent = timed(lambda ours=ours, text=text: ours.encode(text))
            seconds["ours"].append(spent)
            their_ids, *spent = timed(lambda theirs=theirs, text=text: theirs.encode(text).ids)
            seconds["theirs"].append(spent)
            if our_ids != their_ids:
                sys.exit(f"error: the ids of {name} differ")
        rows[name] = {"bytes": len(text.encode()), "tokens": len(our_ids)} | {side: medians(seconds[side]) for side in seconds}
        print(name, rows[name], flush=True)
    return rows


def medians(spent: list[list[float]]) -> dict[str, float]:
    """{"wall": ..., "cpu": ...} of repeated (wall, CPU) seconds."""
    wall, cpu = zip(*spent, strict=True)
    return {"wall": round(statistics.median(wall), 3), "cpu": round(statistics.median(cpu), 3)}


def main(characters: int, vocab_size: int, repeats: int, smoke: bool) -> None:
    """Measure, check that both sides agree, print and write the medians (--smoke: small texts, nothing written)."""
    torch.set_num_threads(1)
    if smoke:
        characters, repeats = min(characters, 50_000), 1
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
    median = {name: medians(spent) for name, spent in seconds.items()}
    long = compare_without_spaces(repeats, smoke)
    facts = {
        "command": f"python -m benchmarks.nb03_bpe_speed --characters {characters} --vocab {vocab_size} --repeats {repeats}",
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
            f"{work} {kind}": round(median[f"ours {work}"][kind] / max(median[f"theirs {work}"][kind], 1e-3), 2)
            for work in ("train", "encode")
            for kind in ("wall", "cpu")
        },
        "without_spaces": long,
    }
    if smoke:
        print("smoke run: the ids agree, nothing written")
        return
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
    parser.add_argument("--smoke", action="store_true", help="small texts, a few seconds, writes nothing")
    chosen = parser.parse_args()
    main(chosen.characters, chosen.vocab, chosen.repeats, chosen.smoke)
