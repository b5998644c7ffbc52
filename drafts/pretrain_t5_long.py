"""Draft: the longer pre-training of the small T5, to take the place of ``pretrain`` in scripts/pretrain_t5.py with the weights that it makes.

Lengths are drawn evenly (four fixed ones may have taught the model to count to them); it can be stopped and goes on where it stood:
``python -m drafts.pretrain_t5_long``.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lessons.t5 import T5
from scripts import pretrain_t5
from scripts.pretrain_t5 import Tasks, loss, new_model, optimizers, validate
from utils import ROOT

SHORTEST, LONGEST = 12, 128  # tokens of a text, drawn evenly
MIXTURE = {"fill": 0.62, "case": 0.08, "swap": 0.10, "copy": 0.12, "sentiment": 0.08}
SETTINGS = pretrain_t5.SETTINGS | {"steps": 12000, "warm_up": 100}


def save_state(folder: Path, model: T5, both: list, rng, tasks: Tasks, record: dict) -> None:
    """What a stopped training needs to go on: tensors as safetensors, all else as JSON; nothing half-written."""
    tensors = {f"model.{name}": p.detach().clone() for name, p in model.named_parameters()}
    for k, optimizer in enumerate(both):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for i, p in enumerate(parameters):
            tensors |= {f"optimizer.{k}.{i}.{key}": torch.as_tensor(v).clone() for key, v in optimizer.state[p].items()}
    folder.mkdir(parents=True, exist_ok=True)
    rest = {"record": record, "rng": rng.bit_generator.state, "elsewhere": tasks.elsewhere}
    save_file(tensors, folder / "new.safetensors", metadata={"rest": json.dumps(rest)})
    os.replace(folder / "new.safetensors", folder / "state.safetensors")


def load_state(folder: Path, model: T5, both: list, rng, tasks: Tasks) -> dict | None:
    """The record of a stopped training, everything else set as it was; None where there is none."""
    path = folder / "state.safetensors"
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        rest = json.loads(file.metadata()["rest"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(tensors[f"model.{name}"])
    for k, optimizer in enumerate(both):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for i, p in enumerate(parameters):
            begin = f"optimizer.{k}.{i}."
            optimizer.state[p] = {key[len(begin) :]: t for key, t in tensors.items() if key.startswith(begin)}
    rng.bit_generator.state, tasks.elsewhere = rest["rng"], rest["elsewhere"]
    return rest["record"]


def pretrain(folder: Path, stop: int | None = None, report=print, every: int = 100) -> tuple[T5, Tasks, dict]:
    """(model, tasks, record); goes on from ``folder`` where a training stands there, and writes it every ``every`` steps. ``stop``: at that step."""
    s = SETTINGS
    torch.manual_seed(s["seed"])
    rng = np.random.default_rng(s["seed"])
    tasks, model = Tasks(), new_model()
    held_out = np.random.default_rng(99)
    validation = {task: [tasks.batch(task, 96, 64, held_out, tasks.validation) for _ in range(3)] for task in MIXTURE}
    tasks.elsewhere = []
    both = optimizers(model)
    full = [[group["lr"] for group in optimizer.param_groups] for optimizer in both]
    record = load_state(folder, model, both, rng, tasks)
    record = record or {"settings": s, "curve": [], "first_losses": [], "step": 0, "seen": 0, "cpu_seconds": 0}
    earlier, began = record["cpu_seconds"], time.process_time()
    for step in range(record["step"], stop or s["steps"]):
        factor = min((step + 1) / s["warm_up"], 1.0, (s["steps"] - step) / (s["decay"] * s["steps"]))
        for optimizer, rates in zip(both, full, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        task = str(rng.choice(list(MIXTURE), p=list(MIXTURE.values())))
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        source, target = tasks.batch(task, length, s["tokens_a_batch"] // (length + 16), rng)
        value = loss(model, source, target)
        for optimizer in both:
            optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), s["clip"])
        for optimizer in both:
            optimizer.step()
        record["seen"] += source.numel() + target.numel()
        record["step"] = step + 1
        if step < 10:
            record["first_losses"].append(round(value.item(), 3))
        if (step + 1) % (2 * every) == 0 or step + 1 == s["steps"]:
            record["curve"].append({"step": step + 1, "tokens": record["seen"], "validation": validate(model, validation)})
            report(step + 1, f"{record['seen'] / 1e6:.1f} M tokens, {record['cpu_seconds']} s", record["curve"][-1]["validation"])
        if (step + 1) % every == 0 or step + 1 in (stop, s["steps"]):
            record["cpu_seconds"] = round(earlier + time.process_time() - began)
            save_state(folder, model, both, rng, tasks, record)
    return model.eval(), tasks, record


if __name__ == "__main__":
    torch.set_num_threads(1)
    pretrain(ROOT / "data/cache/small_t5_long", report=lambda *words: print(*words, flush=True))
