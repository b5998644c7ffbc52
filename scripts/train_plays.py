"""Train notebook 18's GPT on the plays with Lightning: what the notebook kills and resumes, what two processes share, and the long run it ships.

``python -m scripts.train_plays FOLDER`` trains the small model of the notebook (300 steps) and leaves checkpoints, a CSV log and ``final.ckpt`` in
FOLDER. ``--resume`` goes on from the last checkpoint there. ``--kill-at N`` ends the process by SIGKILL after N steps, as a power cut would.

On more than one device or machine Lightning's own strategies do the rest:

- ``--devices 2 --strategy ddp``: two processes here, each with half of every batch;
- ``--accelerator gpu --devices 4 --strategy fsdp --precision bf16-mixed``: weights, gradients and Adam's moments shared out over four cards;
- on two machines, the same line on both: ``torchrun --nnodes 2 --nproc-per-node 4 --rdzv-endpoint HOST:29500 -m scripts.train_plays FOLDER
  --nodes 2 --accelerator gpu --devices 4 --strategy ddp``.

Muon needs whole matrices, and fsdp cuts them: with ``--strategy fsdp`` all parameters take Adam (``--muon 0`` is set and said).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import warnings
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from lessons.shakespeare import LitGPT, PlaysData, plays_as_ids
from utils.training import seed_everything, set_threads

SIZES = dict(max_len=64, d_model=128, n_heads=4, n_layers=4, tables=[2, 3, 4, 5, 6], bits=15, d_table=32, table_drop=0.2)


class PowerCut(Callback):
    """Ends the process, without a word, after ``step`` steps."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer: L.Trainer, *rest) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def train(
    folder: Path,
    sizes: dict,
    epochs: int = 6,
    steps: int = 50,
    batch: int = 32,
    n_chars: int | None = None,
    rate: float = 3e-3,
    muon: float = 0.009,
    seed: int = 0,
    resume: bool = False,
    kill_at: int | None = None,
    threads: int = 2,
    bar: bool = False,
    **trainer_options,
) -> tuple[L.Trainer, LitGPT]:
    """``epochs`` times ``steps`` steps on the plays (their first n_chars characters), validated on Macbeth; returns the Trainer and the module.

    Raises FileNotFoundError where there is nothing to resume from.
    """
    set_threads(threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    last = folder / "last.ckpt"
    if resume and not last.is_file():
        raise FileNotFoundError(f"there is no {last.name} in {folder} to go on from; start without --resume")
    plays, letters = plays_as_ids()
    train_ids, val_ids = plays["train"][:n_chars], plays["validation"][:n_chars]
    data = PlaysData(train_ids, val_ids, sizes["max_len"], batch, steps, seed)
    seed_everything(seed)
    model = LitGPT(dict(vocab_size=len(letters)) | sizes, total=epochs * steps, rate=rate, muon=muon)
    keep = ModelCheckpoint(folder, filename="{step}", save_last=True, monitor="val_loss")
    callbacks = [keep, LearningRateMonitor("step")] + ([PowerCut(kill_at)] if kill_at else [])
    trainer = L.Trainer(
        max_epochs=epochs, callbacks=callbacks, logger=CSVLogger(folder, name="log", flush_logs_every_n_steps=1), log_every_n_steps=1,
        gradient_clip_val=1.0, reload_dataloaders_every_n_epochs=1, use_distributed_sampler=False,
        enable_progress_bar=bar, enable_model_summary=False,
        **{"accelerator": "cpu", "devices": 1} | trainer_options,
    )  # fmt: skip
    trainer.fit(model, data, ckpt_path=last if resume else None, weights_only=True if resume else None)
    trainer.save_checkpoint(folder / "final.ckpt", weights_only=True)
    return trainer, model


def main(arguments: list[str]) -> None:
    """The command line; one clear sentence for what cannot be."""
    parser = argparse.ArgumentParser(prog="python -m scripts.train_plays", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    for name, kind, default in (
        ("epochs", int, 6), ("steps", int, 50), ("batch", int, 32), ("seed", int, 0), ("threads", int, 2), ("devices", int, 1), ("nodes", int, 1),
        ("accumulate", int, 1), ("rate", float, 3e-3), ("muon", float, 0.009), ("precision", str, "32-true"), ("strategy", str, "auto"),
        ("accelerator", str, "cpu"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--kill-at", type=int, help="end by SIGKILL after this many steps")
    parser.add_argument("--n-chars", type=int, help="take the first characters only")
    parser.add_argument("--sizes", type=json.loads, default=SIZES, help="JSON; without tables: notebook 17's GPT")
    parser.add_argument("--resume", action="store_true")
    o = parser.parse_args(arguments)
    if "fsdp" in o.strategy and o.muon:
        print("fsdp cuts matrices into pieces and Muon needs them whole: all parameters take Adam.")
        o.muon = 0.0
    try:
        trainer, _ = train(
            o.folder, o.sizes, o.epochs, o.steps, o.batch, o.n_chars, o.rate, o.muon, o.seed, o.resume, o.kill_at, o.threads,
            devices=o.devices, num_nodes=o.nodes, strategy=o.strategy, precision=o.precision,
            accumulate_grad_batches=o.accumulate, accelerator=o.accelerator,
        )  # fmt: skip
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    if trainer.is_global_zero:
        print(f"{trainer.global_step} steps, validation loss {trainer.callback_metrics['val_loss']:.4f}")


if __name__ == "__main__":
    main(sys.argv[1:])
