"""Goes on with the long run from its weights, at a falling rate: ``python drafts/16/continue.py STEPS RATE``; needs the files of landing/ in their places.

Writes data/cache/entity_t5_next.safetensors (all weights, transformers' names) and .json every 200 steps. Draws go on with a seed of their own: when the
weights ship, this becomes a third stage of ``scripts/entity_t5.train``, with the same seed.
"""

import gzip
import json
import sys
import time

import torch
from safetensors.torch import save_file

from lessons.t5 import load_t5
from scripts import entity_t5 as e
from utils import ROOT
from utils.pretrained import add_differences, load_checkpoint

torch.set_num_threads(1)
if not e.REAL.exists():  # what the tagger said, without training it again
    labels = json.loads(gzip.open(ROOT / "drafts/16/real_labels.json.gz", "rt").read())
    some = [words for words in e.review_sentences() if any(w[0].isupper() and w != "I" for w in words[1:])]
    rows = []
    for i, found in labels.items():
        words = some[int(i)]
        named = dict(map(tuple, found))
        rows.append({"words": words, "labels": [named.get(k, "O") for k in range(len(words))]})
    e.write_lines(e.REAL, rows)
steps, rate = int(sys.argv[1]), float(sys.argv[2])
tokenizer, theirs, model = e.start_model()
add_differences(theirs, load_checkpoint("entity_t5"))
model = load_t5(model, theirs)
batches, some, losses, record = e.Batches(tokenizer, 1), e.exams(), [], {"steps": steps, "rate": rate, "sentences": 0, "curve": []}
began = time.process_time()
batches.examples.widen(e.SETTINGS["plain"])


def after_step(n: int, value: float) -> None:
    losses.append(value)
    record["sentences"] += n
    record["cpu_seconds"] = round(time.process_time() - began)
    if len(losses) % 200 == 0 or len(losses) == steps:
        e.put_back(theirs, model)
        found = {name: round(e.strict_f1(theirs, tokenizer, s), 4) for name, s in some.items()}
        record["curve"].append({"step": len(losses), "sentences": record["sentences"], "loss": round(sum(losses[-200:]) / len(losses[-200:]), 4), "f1": found})
        print(record["curve"][-1], flush=True)
        tensors = {name: p.detach().clone().contiguous() for name, p in theirs.named_parameters()}
        save_file(tensors, ROOT / "data/cache/entity_t5_next.safetensors")
        (ROOT / "data/cache/entity_t5_next.json").write_text(json.dumps(record))


e.learn(model, batches, steps, 1.0, after_step, rate=rate)
