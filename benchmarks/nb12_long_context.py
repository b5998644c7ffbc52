"""Perplexity of SmolLM2 against length, inside and beyond its trained window of 8,192 tokens, for six ways to scale RoPE (notebook 12).

``python -m benchmarks.nb12_long_context`` writes its results after every run (about 25 minutes on one core); runs already
there are kept. Text: the opening of a play by Shakespeare; PLAYS takes more. The model reads a text once (bf16 where that is
fast), and each token's loss is kept by position, so the loss at position t is that of a context of t tokens. "dynamic" chooses its frequencies by
the length: it reads the text again at each length. ``--smoke`` reads some hundred tokens in every way, in seconds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from datetime import date
from importlib.metadata import version

import torch
from torch.nn import functional as F

from lessons.rope import Rotary
from utils import ROOT
from utils.data import shakespeare_plays
from utils.pretrained import fast_dtype, smollm2
from utils.training import set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb12_long_context.json"
WINDOW, SCALE, LENGTH, BIN = 8192, 2.0, 16384, 1024
PLAYS = ("A Winter's Tale",)
KINDS = ("default", "linear", "ntk", "yarn", "llama3", "dynamic")
DYNAMIC_LENGTHS = (10240, 12288, 16384)


@torch.inference_mode()
def losses_by_position(model, tokens: torch.Tensor, chunk: int = 1024) -> torch.Tensor:
    """tokens (1, T) -> the loss of each next token (T - 1,), nats; logits are made ``chunk`` positions at a time to save memory."""
    x = model.model(tokens, use_cache=False).last_hidden_state  # (1, T, d_model)
    parts = []
    for start in range(0, tokens.shape[1] - 1, chunk):
        logits = model.lm_head(x[0, start : min(start + chunk, tokens.shape[1] - 1)]).float()
        parts.append(F.cross_entropy(logits, tokens[0, start + 1 : start + 1 + len(logits)], reduction="none"))
    return torch.cat(parts)


def by_bin(losses: torch.Tensor) -> list[float]:
    """Mean loss of each full or last bin of 1,024 predictions: the first holds contexts of 1 to 1,024 tokens."""
    return [round(part.mean().item(), 4) for part in losses.split(BIN)]


def main(smoke: bool = False) -> None:
    """Run what is missing from the results, one run a play, kind and length."""
    text, dynamic_lengths = (256, (128, 192, 256)) if smoke else (LENGTH, DYNAMIC_LENGTHS)
    set_threads(1)
    tokenizer, model = smollm2(fast_dtype())
    config = model.config
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() and not smoke else {"runs": []}
    record |= {
        "command": "python -m benchmarks.nb12_long_context",
        "settings": {"window": WINDOW, "scale": SCALE, "length": text, "bin": BIN, "dtype": str(fast_dtype()).removeprefix("torch.")},
        "versions": {p: version(p) for p in ("torch", "transformers")},
        "machine": f"{platform.machine()}, 1 thread",
    }
    done = {(r["play"], r["kind"], r["length"]) for r in record["runs"]}
    plays = shakespeare_plays()
    for play in PLAYS:
        tokens = tokenizer(plays[play], return_tensors="pt").input_ids[:, :text]
        for kind in KINDS:
            for length in dynamic_lengths if kind == "dynamic" else (text,):
                if (play, kind, length) in done:
                    continue
                # "dynamic" with scale 1: the base follows the length alone, as in its inventor's formula
                scale = 1.0 if kind == "dynamic" else SCALE
                model.model.rotary_emb = Rotary(kind, config.head_dim, config.rope_parameters["rope_theta"], scale, WINDOW)
                began = time.process_time()
                losses = losses_by_position(model, tokens[:, :length])
                run = {"play": play, "kind": kind, "length": length, "loss_by_bin": by_bin(losses)}
                record["runs"].append(run | {"cpu_seconds": round(time.process_time() - began)})
                record["date"] = date.today().isoformat()
                if not smoke:
                    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
                print(play, kind, length, f"{time.process_time() - began:.0f} s", run["loss_by_bin"][-9:], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="some hundred tokens in every way, in seconds; writes nothing")
    main(parser.parse_args().smoke)
