"""Train the weights that the course ships in data/checkpoints (safetensors, 20 MB in all) and write how they were made.

``python -m scripts.checkpoints`` makes all of them again, ``python -m scripts.checkpoints minilm_rotten_tomatoes`` one. Each comes with a record of
the same name in JSON: command, seed, seconds, metrics, versions, and the hash of the weights, without which `utils/pretrained.py` does not load them.
tests/test_checkpoints.py checks what they promise.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from utils.data import imdb_sentences, reviews, sha256
from utils.pretrained import CHECKPOINTS, add_differences, load_checkpoint, minilm_classifier, review_classifier
from utils.training import batches_by_length, evaluate, fit, seed_everything, set_threads

N_VAL, SEED, EPOCHS, BATCH, RATE, RANK = 500, 0, 3, 32, 1e-4, 32


def low_rank(difference: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The best rank-``rank`` approximation of a matrix (out, in) as factors (out, rank) and (rank, in) (Eckart and Young 1936)."""
    U, S, Vh = torch.linalg.svd(difference, full_matrices=False)
    root = S[:rank].sqrt()
    return (U[:, :rank] * root).contiguous(), (root[:, None] * Vh[:rank]).contiguous()


def pack(weights: dict[str, torch.Tensor], start: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What `utils.pretrained.add_differences` adds to ``start`` to get (nearly) ``weights``: 16 bits, large matrices as factors of rank RANK.

    Weights that did not change are left out.
    """
    packed = {}
    for name, weight in weights.items():
        difference = weight - start[name]
        if not difference.any():
            continue
        if difference.dim() == 2 and min(difference.shape) > 2 * RANK:
            packed[f"{name}.left"], packed[f"{name}.right"] = (factor.half() for factor in low_rank(difference, RANK))
        else:
            packed[name] = difference.half().contiguous()
    return packed


def in_8_bits(weights: dict[str, torch.Tensor], start: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As ``pack``, with each matrix as 8-bit codes and a scale a row: for changes that are of full rank, as Muon's are."""
    packed = {}
    for name, weight in weights.items():
        difference = weight - start[name]
        if difference.dim() == 2:
            scales = (difference.abs().amax(dim=1, keepdim=True) / 127).half().float()
            codes = (difference / scales.clamp(min=1e-12)).round().clamp(-127, 127)
            packed[f"{name}.codes"], packed[f"{name}.scales"] = codes.to(torch.int8), scales.half()
        else:
            packed[name] = difference.half().contiguous()
    return packed


def write(name: str, record: dict, tensors: dict[str, torch.Tensor] | None = None) -> None:
    """Write the record of a checkpoint, with the hash of its weights; the weights before that, when they are given."""
    path = CHECKPOINTS / f"{name}.safetensors"
    if tensors is not None:
        save_file(tensors, path)
    record |= {
        "date": date.today().isoformat(),
        "versions": {p: version(p) for p in ("torch", "transformers")},
        "machine": f"{platform.machine()}, 1 thread",
        "sha256": sha256(path),
    }
    path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def batches(tokenizer, table, shuffle_seed: int | None = None):
    """Batches of (tokens, mask, labels), texts of like length together; in random order when a seed is given."""
    chunks = batches_by_length([len(text) for text in table.text], BATCH)
    if shuffle_seed is not None:
        generator = torch.Generator().manual_seed(shuffle_seed)
        chunks = [chunks[i] for i in torch.randperm(len(chunks), generator=generator)]
    for chunk in chunks:
        batch = tokenizer(
            [table.text[i] for i in chunk], padding=True, truncation=True, max_length=64, return_tensors="pt"
        )
        yield batch, torch.tensor([int(table.label[i]) for i in chunk])


def accuracy(model, tokenizer, table) -> float:
    """Share of the table's texts that the classifier labels rightly."""

    def metric(model, batch):
        return (model(**batch[0]).logits.argmax(dim=-1) == batch[1]).sum(), len(batch[1])

    return evaluate(model, batches(tokenizer, table), metric)


def minilm_rotten_tomatoes() -> dict:
    """MiniLM fine-tuned on Rotten Tomatoes (token vectors frozen), shipped as low-rank differences from MiniLM: the teacher of 10 and 11."""
    set_threads(1)
    seed_everything(SEED)
    table, test = reviews("rotten_tomatoes", "train"), reviews("rotten_tomatoes", "test")
    val, train = table[:N_VAL], table[N_VAL:].reset_index(drop=True)
    tokenizer, model = minilm_classifier()
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    for parameter in model.bert.embeddings.parameters():
        parameter.requires_grad_(False)
    steps = EPOCHS * (len(train) // BATCH + 1)
    groups = [
        {"params": [p for n, p in model.bert.named_parameters() if p.requires_grad], "lr": RATE},
        {"params": model.classifier.parameters(), "lr": 10 * RATE},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / 60, max(0.0, (steps - s) / (steps - 60)))
    )
    history, best = [], (0.0, None)

    def after_epoch(epoch):
        nonlocal best
        history.append(accuracy(model, tokenizer, val))
        print(f"epoch {epoch + 1}: validation accuracy {history[-1]:.3f}", flush=True)
        if history[-1] > best[0]:
            best = (history[-1], {n: w.clone() for n, w in model.state_dict().items()})

    began = time.process_time()
    fit(
        model,
        lambda epoch: batches(tokenizer, train, shuffle_seed=100 + epoch),
        lambda m, batch: F.cross_entropy(m(**batch[0]).logits, batch[1]),
        optimizer,
        scheduler,
        epochs=EPOCHS,
        after_epoch=after_epoch,
    )
    seconds = time.process_time() - began
    model.load_state_dict(best[1])
    full_test = accuracy(model, tokenizer, test)
    for name in start:
        if name.startswith("classifier"):
            start[name] = torch.zeros_like(start[name])  # the head is stored whole, as the difference from zeros
    record = {
        "command": "python -m scripts.checkpoints minilm_rotten_tomatoes",
        "what": "all-MiniLM-L6-v2 fine-tuned on Rotten Tomatoes; the file holds differences from MiniLM, matrices at rank 32, 16 bits",
        "settings": {
            "seed": SEED,
            "epochs": EPOCHS,
            "batch": BATCH,
            "rate": RATE,
            "rank": RANK,
            "train": len(train),
            "validation": N_VAL,
        },
        "cpu_seconds": round(seconds),
        "validation_by_epoch": [round(v, 4) for v in history],
        "test_accuracy_full_rank": round(full_test, 4),
    }
    write("minilm_rotten_tomatoes", record, pack(model.state_dict(), start))
    _, shipped = review_classifier()
    record["validation_accuracy"] = round(accuracy(shipped, tokenizer, val), 4)
    record["test_accuracy"] = round(accuracy(shipped, tokenizer, test), 4)
    return record


def review_teacher_logits() -> dict:
    """That teacher's logits on Rotten Tomatoes' training part and on 12,000 sentences of IMDB, 16 bits: the soft targets of 10."""
    set_threads(1)
    tokenizer, model = review_classifier()
    began, tensors = time.process_time(), {}
    for name, texts in (
        ("rotten_tomatoes", list(reviews("rotten_tomatoes", "train").text)),
        ("imdb", imdb_sentences(12_000)),
    ):
        logits = torch.empty(len(texts), 2)
        with torch.inference_mode():
            for chosen in batches_by_length([len(text) for text in texts], 64):
                batch = tokenizer(
                    [texts[i] for i in chosen], padding=True, truncation=True, max_length=64, return_tensors="pt"
                )
                logits[chosen] = model(**batch).logits
        tensors[name] = logits.half()
    record = {
        "command": "python -m scripts.checkpoints review_teacher_logits",
        "what": "logits of minilm_rotten_tomatoes on reviews('rotten_tomatoes', 'train') and imdb_sentences(12_000)",
        "settings": {"seed": SEED, "texts": {name: len(t) for name, t in tensors.items()}},
        "cpu_seconds": round(time.process_time() - began),
        "positive": {name: round((t[:, 1] > t[:, 0]).float().mean().item(), 4) for name, t in tensors.items()},
    }
    write("review_teacher_logits", record, tensors)
    return record


def review_student() -> dict:
    """Notebook 11's student: layers 2, 4 and 6 of that teacher, triple loss on the reviews and 12,000 sentences that the teacher labels."""
    from lessons.distilbert import (
        TripleLoss,
        distil,
        is_right,
        review_batches,
        shipped_student,
        student_from_teacher,
        teacher_answers,
    )

    set_threads(1)
    tokenizer, theirs = review_classifier()
    train, test = reviews("rotten_tomatoes", "train")[N_VAL:], reviews("rotten_tomatoes", "test")
    labelled = review_batches(tokenizer, list(train.text), list(train.label))
    sentences = review_batches(tokenizer, imdb_sentences(12_000), [0] * 12_000)
    test_batches = review_batches(tokenizer, list(test.text), list(test.label))
    teacher = student_from_teacher(theirs, list(range(6)))
    began = time.process_time()
    answers, more = teacher_answers(teacher, labelled), teacher_answers(teacher, sentences)
    named = [(tokens, logits.argmax(dim=-1)) for (tokens, _), (logits, _) in zip(sentences, more, strict=True)]
    layers, data = [1, 3, 5], labelled + named
    student = student_from_teacher(theirs, layers)
    start = {name: weight.clone() for name, weight in student.state_dict().items()}
    distil(student, data, answers + more, TripleLoss(), seed=SEED, steps=len(data))
    seconds = time.process_time() - began
    full_test = is_right(student, test_batches).float().mean().item()
    record = {
        "command": "python -m scripts.checkpoints review_student",
        "what": "three layers of minilm_rotten_tomatoes, distilled; the file holds differences from the layers copied, matrices at rank 32, 16 bits",
        "settings": {"seed": SEED, "layers": layers, "steps": len(data), "batch": 32, "rate": 1e-4, "rank": RANK}
        | {"train": len(train), "sentences": 12_000},
        "cpu_seconds": round(seconds),
        "test_accuracy_full_rank": round(full_test, 4),
    }
    write("review_student", record, pack(student.state_dict(), start))
    record["test_accuracy"] = round(is_right(shipped_student(theirs), test_batches).float().mean().item(), 4)
    return record


def write_small_t5(model, tasks, record: dict) -> dict:
    """Write weights (16 bits, transformers' names), tokenizer and record of the T5; also in the middle of a training."""
    from lessons.t5 import transformers_name

    tensors = {
        transformers_name(name, model.config.gated): weight.detach().bfloat16().contiguous()
        for name, weight in model.named_parameters()
    }
    tokenizer = CHECKPOINTS / "small_t5_tokenizer.json"
    tasks.tokenizer.save(str(tokenizer))
    c = model.config
    record |= {
        "command": "python -m scripts.checkpoints small_t5",
        "what": "a T5 of 4.2 M parameters, pre-trained on film reviews and Shakespeare by scripts/pretrain_t5.py; 16 bits, transformers' names",
        "config": {
            "vocab_size": c.vocab_size,
            "d_model": c.d_model,
            "d_kv": c.d_head,
            "num_heads": c.n_heads,
            "num_layers": c.n_layers,
            "num_decoder_layers": c.n_decoder_layers,
            "d_ff": c.d_ff,
            "feed_forward_proj": "gated-gelu" if c.gated else "relu",
            "tie_word_embeddings": c.tied,
            "dropout_rate": 0.0,
            "pad_token_id": c.pad_id,
            "eos_token_id": c.eos_id,
            "decoder_start_token_id": c.pad_id,
        },
        "tokenizer": {"file": tokenizer.name, "sha256": sha256(tokenizer)},
    }
    write("small_t5", record, tensors)
    return record


def small_t5() -> dict:
    """The T5 of notebooks 15 and 16: 3,300 steps, 44 minutes of one core; what was reached so far is written every 125 steps."""
    from scripts.pretrain_t5 import pretrain

    set_threads(1)
    model, tasks, record = pretrain(save=write_small_t5)
    return write_small_t5(model, tasks, record)


def write_entity_t5(tokenizer, model, record: dict) -> dict:
    """Write what notebook 16's long run has reached: differences from the small T5 with new tokens, matrices in 8 bits.

    At rank 32 they would take half the space and lose two fifths of the F1: Muon changes all directions of a matrix alike.
    """
    from lessons.entities import with_new_tokens
    from scripts.entity_t5 import exams, strict_f1
    from utils.pretrained import small_t5 as original

    _, start = with_new_tokens(*original())
    record |= {
        "command": "python -m scripts.checkpoints entity_t5",
        "what": "the small T5, fine-tuned to label words by scripts/entity_t5.py; differences from small_t5 with new tokens, 8 bits",
    }
    weights = {name: p.detach() for name, p in model.named_parameters()}
    before = {name: p.detach().clone() for name, p in start.named_parameters()}
    thin = {name: tensor.float() for name, tensor in pack(weights, before).items()}
    add_differences(start, thin)
    record["f1_at_rank_32"] = {name: round(strict_f1(start, tokenizer, some), 4) for name, some in exams().items()}
    write("entity_t5", record, in_8_bits(weights, before))
    start.load_state_dict(before, strict=False)
    shipped = add_differences(start, load_checkpoint("entity_t5"))
    record["shipped_f1"] = {name: round(strict_f1(shipped, tokenizer, some), 4) for name, some in exams().items()}
    write("entity_t5", record)
    return record


def entity_t5() -> dict:
    """The T5 of notebook 16: 4,200 steps, about 130 minutes of one core, after the tagger and its labels (40 minutes), where they are missing."""
    from scripts.entity_t5 import REAL, RUN, label_real, train, train_tagger

    set_threads(1)
    if not REAL.exists():
        if not (RUN / "minilm-entities").exists():
            train_tagger()
        label_real()
    return write_entity_t5(*train())


def plays_gpt() -> dict:
    """The long run of notebook 18: a GPT of 0.8 M without tables, windows of 128; 1,000 steps, eight minutes of two cores."""
    from lessons.shakespeare import char_probabilities, plays_as_ids
    from scripts.train_plays import train

    sizes = {"max_len": 128, "d_model": 128, "n_heads": 4, "n_layers": 4, "tables": []}
    settings = {"epochs": 5, "steps": 200, "batch": 32, "rate": 3e-3, "muon": 0.009, "seed": SEED}
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        _, lit = train(Path(folder), sizes, **settings)
    spent = int(time.process_time() - began)
    weights = {name: p.detach() for name, p in lit.model.state_dict().items()}
    packed = in_8_bits(weights, {name: torch.zeros_like(p) for name, p in weights.items()})
    lit.model.load_state_dict({name: torch.zeros_like(p) for name, p in weights.items()})
    for_test = add_differences(lit.model, {name: tensor.float() for name, tensor in packed.items()})
    plays, letters = plays_as_ids()
    record = {
        "command": "python -m scripts.checkpoints plays_gpt",
        "what": "notebook 18's FastGPT without tables, trained on 36 plays; matrices in 8 bits with a scale a row",
        "sizes": {"vocab_size": len(letters)} | sizes,
        "settings": settings,
        "cpu_seconds": spent,
        **{
            f"{part}_nats": round(-float(np.log(char_probabilities(for_test, plays[part], 128, 128)).mean()), 4)
            for part in ("validation", "test")
        },
    }
    write("plays_gpt", record, packed)
    return record


MAKERS = {
    "minilm_rotten_tomatoes": minilm_rotten_tomatoes,
    "review_teacher_logits": review_teacher_logits,
    "review_student": review_student,
    "small_t5": small_t5,
    "entity_t5": entity_t5,
    "plays_gpt": plays_gpt,
}


def main(names: list[str]) -> int:
    """Train the named checkpoints, all when none is named; returns the exit status."""
    unknown = sorted(set(names) - set(MAKERS))
    if unknown:
        print(f"error: no checkpoint called {', '.join(unknown)}; there are: {', '.join(MAKERS)}", file=sys.stderr)
        return 1
    CHECKPOINTS.mkdir(exist_ok=True)
    for name in names or MAKERS:
        record = MAKERS[name]()
        write(name, record)
        print(json.dumps(record, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
