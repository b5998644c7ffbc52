"""Perplexity of SmolLM2 against length, inside and beyond its trained window of 8,192 tokens, for six ways to scale RoPE (notebook 12).

``python benchmarks/long_context.py`` writes benchmarks/results/long_context.json after every run (about 25 minutes on one core); runs already
there are kept. Text: the opening of a play by Shakespeare; PLAYS takes more. The model reads a text once (bf16), and each token's loss is kept
by position, so the loss at position t is that of a context of t tokens. "dynamic" chooses its frequencies by the length: it reads the text again
at each length.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from utils.data import shakespeare_plays  # noqa: E402
from utils.lessons.rope import Rotary  # noqa: E402
from utils.pretrained import smollm2  # noqa: E402
from utils.training import set_threads  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "long_context.json"
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


def main() -> int:
    """Run what is missing from the results, one run a play, kind and length."""
    set_threads(1)
    tokenizer, model = smollm2(torch.bfloat16)
    config = model.config
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": []}
    record |= {
        "command": "python benchmarks/long_context.py",
        "settings": {"window": WINDOW, "scale": SCALE, "length": LENGTH, "bin": BIN, "dtype": "bfloat16"},
        "versions": {p: version(p) for p in ("torch", "transformers")},
        "machine": f"{platform.machine()}, 1 thread",
    }
    done = {(r["play"], r["kind"], r["length"]) for r in record["runs"]}
    plays = shakespeare_plays()
    for play in PLAYS:
        tokens = tokenizer(plays[play], return_tensors="pt").input_ids[:, :LENGTH]
        for kind in KINDS:
            for length in DYNAMIC_LENGTHS if kind == "dynamic" else (LENGTH,):
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
                RESULTS.write_text(json.dumps(record, indent=1) + "\n")
                print(play, kind, length, f"{time.process_time() - began:.0f} s", run["loss_by_bin"][-9:], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
