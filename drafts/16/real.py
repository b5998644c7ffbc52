"""Real sentences labelled by MiniLM's tagger, for the T5 to learn from: ``python drafts/16/real.py 40000``; writes data/cache/ner_real.jsonl.

Sentences of IMDB's training reviews, the plays and the articles. Left out: the 130 annotated sentences, and any that holds one of them or lies in one.
Only sentences in which the tagger's least sure word has a probability of 0.9 are kept.
"""

import json
import random
import re
import sys
import time

import torch
import transformers

from utils import ROOT
from utils.data import articles, reviews, shakespeare_plays
from utils.entities import annotated_sentences, entity_words

transformers.utils.logging.set_verbosity_error()
torch.set_num_threads(1)
n = int(sys.argv[1])
rng = random.Random(0)
annotated = {" ".join(s.words).lower() for s in annotated_sentences()}
texts = [*reviews("imdb", "train").text, *articles().text]
for play in shakespeare_plays().values():
    texts += [p for p in play.split("\n\n") if 60 < len(p) < 600]
sentences = set()
for text in texts:
    for part in re.split(r"(?<=[.!?])[\"')]*\s+", re.sub(r"\s+|<br ?/?>", " ", text)):
        words = entity_words(part)
        if 5 <= len(words) <= 40 and any(w[0].isupper() for w in words[1:]):
            sentences.add(tuple(words))
sentences = sorted(sentences)
rng.shuffle(sentences)
folder = sys.argv[2] if len(sys.argv) > 2 else "runs/minilm/minilm-entities"
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()
kept, began = [], time.time()
with torch.inference_mode():
    for k in range(0, min(n, len(sentences)), 64):
        batch = sorted(sentences[k : k + 64], key=len)
        batch = [w for w in batch if not any(" ".join(w).lower() in a or a in " ".join(w).lower() for a in annotated)]
        x = tokenizer([list(w) for w in batch], is_split_into_words=True, padding=True, truncation=True, max_length=128, return_tensors="pt")
        p = model(**x).logits.softmax(-1)
        best, ids = p.max(-1)
        for row, words in enumerate(batch):
            labels, sure, seen = ["O"] * len(words), 1.0, set()
            for t, w in enumerate(x.word_ids(row)):
                if w is not None and w not in seen:
                    seen.add(w)
                    labels[w], sure = model.config.id2label[ids[row, t].item()], min(sure, best[row, t].item())
            if sure > 0.9 and len(seen) == len(words):
                kept.append({"words": words, "labels": labels})
        if k % 6400 == 0:
            print(k, len(kept), f"{time.time() - began:.0f} s", flush=True)
(ROOT / "data/cache/ner_real.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
print(len(sentences), "sentences,", len(kept), "kept,", sum(any(x != "O" for x in r["labels"]) for r in kept), "with entities")
for r in rng.sample(kept, min(12, len(kept))):
    print(" ".join(w if x == "O" else f"[{w} {x}]" for w, x in zip(r["words"], r["labels"], strict=True)))
