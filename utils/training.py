"""Training plumbing: seeds, device, threads, a loop with a progress bar, time and peak memory."""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import nn
from tqdm.auto import tqdm


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators. Raises ValueError for a negative seed."""
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device() -> torch.device:
    """The fastest device present: CUDA, then Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def set_threads(n: int | None = None) -> int:
    """Let torch use ``n`` CPU threads (default: the cores this process may use) and return the number. Raises ValueError when n < 1."""
    if n is not None and n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    n = n or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    torch.set_num_threads(n)
    return n


class Measure:
    """Context manager: ``with Measure() as m`` gives ``m.seconds`` and ``m.peak_gb``, the process's largest resident memory inside, in GB.

    Memory is sampled every 5 ms by a thread, and so can miss a very short peak.
    """

    def __enter__(self) -> Measure:
        self._process = psutil.Process()
        self.start_gb = self.peak_gb = self._process.memory_info().rss / 1e9
        self.seconds = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._start = time.perf_counter()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.peak_gb = max(self.peak_gb, self._process.memory_info().rss / 1e9)

    def __exit__(self, *_) -> None:
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()
        self.peak_gb = max(self.peak_gb, self._process.memory_info().rss / 1e9)


def allocated_peak(function: Callable[[], object]) -> int:
    """The largest number of bytes that torch's tensors, made while ``function()`` runs on the CPU, hold at once; exact, from torch's profiler.

    What existed before is not counted. Slower than a plain run; for memory of the whole process see ``Measure``.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler talks to stderr otherwise
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = [e for e in json.loads(path.read_text())["traceEvents"] if e["name"] == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda e: e["ts"]):
        now += event["args"]["Bytes"]
        peak = max(peak, now)
    return peak


def batches_by_length(
    lengths: Sequence[int], batch_size: int, rng: np.random.Generator | None = None, chunk: int = 40
) -> list[np.ndarray]:
    """Index arrays that cover each example once, like lengths together, so that little is padding. Raises ValueError for batch_size < 1.

    Without ``rng`` from the shortest to the longest (evaluation). With it (training): shuffled, sorted inside chunks of ``chunk`` batches, and
    the batches shuffled again.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    lengths = np.asarray(lengths)
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    part_size = max(len(order), 1) if rng is None else batch_size * chunk
    batches = []
    for start in range(0, len(order), part_size):
        part = order[start : start + part_size]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    return batches if rng is None else [batches[i] for i in rng.permutation(len(batches))]


def fit(
    model: nn.Module,
    batches: Callable[[int], Iterable],
    loss_fn: Callable[[nn.Module, object], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    epochs: int = 1,
    clip: float | None = 1.0,
    after_epoch: Callable[[int], bool | None] | None = None,
    description: str = "training",
) -> list[float]:
    """Train with a progress bar and return the loss of every step.

    ``batches(epoch)`` yields the batches of one epoch; ``loss_fn(model, batch)`` gives a scalar loss; gradients are clipped to norm
    ``clip`` (None: not); the scheduler steps after each batch; ``after_epoch(epoch)`` runs in evaluation mode and stops training by
    returning True. Raises ValueError for fewer than one epoch or no batches, RuntimeError when the loss is not a finite number.
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if clip is not None and clip <= 0:
        raise ValueError(f"clip must be above 0, or None for no clipping; got {clip}")
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError("the optimizer holds no parameter of this model; make it anew from model.parameters()")
    losses: list[float] = []
    with tqdm(desc=description, unit="step", leave=False) as bar:
        for epoch in range(epochs):
            model.train()
            before = len(losses)
            for batch in batches(epoch):
                loss = loss_fn(model, batch)
                if not torch.isfinite(loss):
                    raise RuntimeError(
                        f"the loss is {loss.item()} at step {len(losses)}: lower the learning rate, or look for a division by zero"
                    )
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                if clip is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                losses.append(loss.item())
                bar.update()
                if len(losses) % 10 == 0:
                    bar.set_postfix(epoch=epoch + 1, loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
            if len(losses) == before:
                raise ValueError(f"batches({epoch}) yielded no batch; is the data empty, or a generator used up?")
            model.eval()
            if after_epoch is not None and after_epoch(epoch):
                break
    model.eval()
    return losses


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable, metric: Callable[[nn.Module, object], tuple[float, int]]) -> float:
    """The mean of a metric in evaluation mode: ``metric(model, batch)`` gives (sum, count). Raises ValueError when nothing was counted."""
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    try:
        for batch in batches:
            batch_sum, n = metric(model, batch)
            total, count = total + float(batch_sum), count + int(n)
    finally:
        model.train(was_training)
    if count == 0:
        raise ValueError("evaluate saw no examples; is the data empty?")
    return total / count
