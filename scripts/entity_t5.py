"""The long run of notebook 16: the small T5 learns to label the words of templates and of real sentences; weights in data/checkpoints/entity_t5.

Three parts, each needs the one before:

- ``python -m scripts.entity_t5 tagger``: MiniLM learns token labels from templates, through AutoTrain -> data/cache/tagger;
- ``python -m scripts.entity_t5 label``: it labels sentences of IMDB's training reviews; those of which it is sure -> data/cache/real_entities.jsonl;
- ``python -m scripts.checkpoints entity_t5``: the T5 learns from both.

``python -m scripts.entity_t5 control`` trains the tagger once more, from random weights: what is MiniLM's pre-training worth?

``python -m scripts.entity_t5 answers`` writes what both find in the sentences of notebook 16 (benchmarks/results/nb16_tagger.json), and ``... words``
what logistic regression finds that has learned from the teacher's sentences as well.

What it never sees: templates and names of validation and test; the 130 annotated sentences, the articles and plays that some of them
come from, and IMDB's test part.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
import time
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from lessons.entities import (
    WordClassifier,
    f1,
    spans,
    strict_counts,
    tag_by_sentinels,
    with_new_tokens,
    write_sentinels,
)
from lessons.t5 import T5, T5Config, load_t5, transformers_name
from scripts.muon import Muon
from utils import ROOT, tools
from utils.data import reviews
from utils.entities import (
    TYPES,
    Names,
    Sentence,
    annotated_sentences,
    common_words,
    entity_words,
    fill,
    held_out_words,
    make_sentences,
    templates,
)
from utils.pretrained import minilm_folder, small_t5

RUN, CONTROL, REAL = (
    ROOT / "data" / "cache" / "tagger",
    ROOT / "data" / "cache" / "tagger_control",
    ROOT / "data" / "cache" / "real_entities.jsonl",
)
ANSWERS = ROOT / "benchmarks" / "results" / "nb16_tagger.json"
SETTINGS = {
    "seed": 0,
    "first_steps": 1000,  # filled templates alone, at the full rate
    "second_steps": 1500,  # real sentences and wider names as well, the rate falling to zero
    "warm_up": 50,
    "decay": 0.7,  # the last part of the second stage's steps
    "rate": 2e-3,
    "third_steps": 1700,  # once more, from a lower rate that falls from the first step on
    "third_rate": 1e-3,
    "plain": 0.5,  # third stage: the share of first names and tails that tell nothing of their type
    "tokens_a_batch": 5500,  # sources and targets together, about
    "share_real": 0.4,  # of the sentences of the second stage; the rest are filled templates
    "share_with_entities": 0.85,  # of the real sentences
    "swapped": 0.6,  # of the real ones get new names
    "glued": 0.3,  # of the filled templates are put together with pieces of reviews
    "longest": 60,  # words
}
TAGGER = {"epochs": 1, "batch_size": 32, "lr": 2e-4, "max_seq_length": 48, "scheduler": "linear", "warmup_ratio": 0.1}


def write_lines(path, rows: list[dict]) -> None:
    """Write JSON Lines; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def random_minilm() -> Path:
    """A folder with MiniLM's architecture and tokenizer, and random weights."""
    import transformers

    torch.manual_seed(SETTINGS["seed"])
    folder = CONTROL / "start"
    model = transformers.BertModel(transformers.BertConfig.from_pretrained(minilm_folder(), local_files_only=True))
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(minilm_folder(), local_files_only=True).save_pretrained(folder)
    return folder


def train_control() -> None:
    """The tagger from random weights, all else the same."""
    train_tagger(CONTROL, random_minilm())


def train_tagger(run: Path = RUN, base: Path | None = None) -> None:
    """MiniLM with a label for each token, through AutoTrain: each training template filled twice, one epoch."""
    train = make_sentences("train", "train", 2, seed=0)
    random.Random(0).shuffle(train)
    for name, some in (("train", train), ("validation", make_sentences("validation", "validation", 1, seed=5))):
        rows = [{"tokens": list(s.words), "tags": list(s.labels)} for s in some]
        write_lines(run / "data" / f"{name}.jsonl", rows)
    columns = {"tokens_column": "tokens", "tags_column": "tags"}
    config = {
        "task": "token-classification",
        "base_model": str(base or minilm_folder()),
        "project_name": "minilm-entities",
        "log": "none",
        "backend": "local",
        "data": {"path": "data", "train_split": "train", "valid_split": "validation", "column_mapping": columns},
        "params": TAGGER | {"seed": 42, "logging_steps": 25, "save_total_limit": 1},
    }
    print(tools.run_autotrain(config, run, log=print, timeout=7200))


def load_tagger(run: Path = RUN):
    """(tokenizer, model) of the tagger. Raises OSError where it has not been trained."""
    import transformers

    folder = run / "minilm-entities"
    model = transformers.AutoModelForTokenClassification.from_pretrained(folder, local_files_only=True)
    return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True), model.eval()


@torch.inference_mode()
def tag_tokens(
    tokenizer, model, sentences: list[tuple[str, ...]], batch_size: int = 64
) -> list[tuple[list[str], float]]:
    """For each sentence: a label for each word (its first token's), and the probability of the least sure one; 0 where the sentence was cut."""
    found: list[tuple[list[str], float]] = [([], 0.0)] * len(sentences)
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    for rows in (order[k : k + batch_size] for k in range(0, len(order), batch_size)):
        texts = [list(sentences[i]) for i in rows]
        batch = tokenizer(
            texts, is_split_into_words=True, padding=True, truncation=True, max_length=128, return_tensors="pt"
        )
        best, ids = model(**batch).logits.softmax(dim=-1).max(dim=-1)  # (B, T)
        for row, i in enumerate(rows):
            labels, sure, seen = ["O"] * len(sentences[i]), 1.0, set()
            for t, word in enumerate(batch.word_ids(row)):
                if word is not None and word not in seen:
                    seen.add(word)
                    labels[word] = model.config.id2label[ids[row, t].item()]
                    sure = min(sure, best[row, t].item())
            found[i] = (labels, sure if len(seen) == len(labels) else 0.0)
    return found


@lru_cache
def review_sentences() -> list[tuple[str, ...]]:
    """The words of the sentences of IMDB's training reviews, 5 to 40 words, ASCII, each once; in an order of their own."""
    found = set()
    for text in reviews("imdb", "train").text:
        for part in re.split(r"(?<=[.!?])[\"')]*\s+", re.sub(r"\s+|<br ?/?>", " ", text)):
            words = tuple(entity_words(part))
            if 5 <= len(words) <= 40 and part.isascii():
                found.add(words)
    found = sorted(found)
    random.Random(0).shuffle(found)
    return found


def label_real(n: int = 40_000) -> None:
    """Labels ``n`` review sentences with a capital inside and writes those whose least sure word has a probability of 0.9."""
    tokenizer, model = load_tagger()
    some = [words for words in review_sentences() if any(w[0].isupper() and w != "I" for w in words[1:])][:n]
    labelled = zip(some, tag_tokens(tokenizer, model, some), strict=True)
    rows = [{"words": words, "labels": labels} for words, (labels, sure) in labelled if sure > 0.9]
    write_lines(REAL, rows)
    print(len(some), "sentences,", len(rows), "kept,", sum(set(r["labels"]) != {"O"} for r in rows), "with entities")


def examined() -> dict[str, list[Sentence]]:
    """The sentences of notebook 16: validation and sealed, known and new wording, the real ones, and some in small letters."""

    def pick(sentences: list[Sentence], n: int) -> list[Sentence]:
        return random.Random(0).sample(sentences, n)

    found = {
        "validation, known wording": pick(make_sentences("train", "validation", 1, seed=5), 240),
        "validation, new wording": make_sentences("validation", "validation", 3, seed=5),
        "sealed, known wording": pick(make_sentences("train", "test", 1, seed=7), 480),
        "sealed, new wording": make_sentences("test", "test", 4, seed=7),
        "real": annotated_sentences(),
    }
    return found | {"sealed, small letters": [s.in_small_letters() for s in found["sealed, new wording"]]}


def fingerprint(sentences: list[Sentence]) -> str:
    """A short hash of the words of the sentences, to see that stored answers belong to them."""
    return hashlib.sha256("\n".join(" ".join(s.words) for s in sentences).encode()).hexdigest()[:16]


def answers_by(tag_all) -> dict[str, list]:
    """What a tagger (list of word tuples -> spans of each) finds in each of ``examined()``, as JSON can hold it."""
    return {name: [sorted(found) for found in tag_all([s.words for s in some])] for name, some in examined().items()}


def noted(**more) -> None:
    """Add to benchmarks/results/nb16_tagger.json; what is there of other taggers stays."""
    record = json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.exists() else {}
    record |= {
        "command": "python -m scripts.entity_t5 tagger | control | answers | words",
        "what": "entities (first word, one past the last, type) found in the sentences of notebook 16: by MiniLM with token labels, pre-trained "
        "or from random weights; by logistic regression that learned from the teacher's sentences as well",
        "settings": TAGGER
        | {"seed": 42, "fillings of each training template": 2, "templates": len(templates("train"))},
        "date": date.today().isoformat(),
        "sentences": {name: fingerprint(sentences) for name, sentences in examined().items()},
    }
    ANSWERS.write_text(json.dumps(record | more) + "\n", encoding="utf-8")


def answer_exams() -> None:
    """The answers of the two MiniLMs; of one that is not in the cache, the old ones stay."""
    for key, run in (("answers", RUN), ("answers_from_random_weights", CONTROL)):
        if (run / "minilm-entities").exists():
            both = load_tagger(run)
            seconds = [row["train_runtime"] for row in tools.history(run) if "train_runtime" in row]
            found = answers_by(lambda some, both=both: [spans(labels) for labels, _ in tag_tokens(*both, some)])
            noted(**{key: found, key.replace("answers", "training_seconds"): round(seconds[-1]) if seconds else None})


def answer_by_words(n: int = 5000) -> None:
    """The answers of notebook 16's logistic regression after the templates and ``n`` of the teacher's sentences, half of them with new names.

    Chosen on validation: mean F1 of its three parts 0.749, with all 9,139 sentences that have entities 0.735, with 60,000 draws like the T5's 0.738.
    """
    examples, rng = Examples(SETTINGS["seed"]), random.Random(SETTINGS["seed"])
    examples.widen()
    real = [examples.swapped(s) if rng.random() < 0.5 else s for s in rng.sample(examples.named, n)]
    tag = WordClassifier(make_sentences("train", "train", 1, seed=0) + real)
    noted(answers_of_word_classifier=answers_by(lambda some: [tag(words) for words in some]))


def entity_words_of(s: Sentence) -> list[str]:
    """The words of the sentence's entities, without 's."""
    return [w.removesuffix("'s") for w, label in zip(s.words, s.labels, strict=True) if label != "O"]


class WideNames(Names):
    """Training names that tell less of their type: nine stems in ten are open, most tails any word, days and years of more kinds.

    A quarter of the names, and a third of the first names, are those that the tagger found in ``real`` sentences.
    Years of validation and test (the fifteenth and the nineteenth century) stay out; days of the month are shared by all parts.
    ``plain``: the share of first names that are open stems, and of tails that are any word, over and above.
    """

    def __init__(self, real: list[Sentence], plain: float = 0.0):
        super().__init__("train")
        self.plain = plain
        self.years = (*range(1000, 1400), *range(1500, 1800), *range(1900, 2200))
        self.days = list(range(1, 32))
        found: dict[str, set[str]] = {kind: set() for kind in TYPES}
        for s in real:
            for begin, end, kind in spans(s.labels):
                found[kind].add(" ".join(s.words[begin:end]).removesuffix("'s"))
        self.found = {kind: sorted(names) for kind, names in found.items()}
        self.found_first = sorted({name.split()[0] for name in found["person"] if " " in name})

    def stem(self, rng: random.Random, ending: str = "ending") -> str:
        return self.open_stem(rng) if rng.random() < 0.9 else super().stem(rng, ending)

    def tail(self, kind: str, rng: random.Random) -> str:
        word = rng.choice(common_words()).capitalize()
        any_word = rng.random() < 0.5 + self.plain / 2
        return word if any_word and word not in held_out_words() else super().tail(kind, rng)

    def first_name(self, rng: random.Random) -> str:
        if self.plain and rng.random() < self.plain:
            return self.open_stem(rng)
        return rng.choice(self.found_first) if rng.random() < 0.33 else super().first_name(rng)

    def known(self, kind: str, rng: random.Random) -> str | None:
        return rng.choice(self.found[kind]) if rng.random() < 0.25 and self.found[kind] else super().known(kind, rng)

    def person(self, rng: random.Random) -> str:
        return rng.choice(self.found["person"]) if rng.random() < 0.2 else super().person(rng)


class Examples:
    """Draws the sentences that the T5 learns from: filled templates, some glued to pieces of reviews; real sentences, some with new names."""

    def __init__(self, seed: int):
        self.rng, self.names, self.templates = random.Random(seed), Names("train"), templates("train")
        self.real, self.named = [], []
        small = re.compile(r"[^A-Z\d]*")  # nothing in it that could be an entity, its first word apart
        self.pieces = [
            w
            for w in review_sentences()
            if len(w) <= 30 and small.fullmatch("".join(x for x in w[1:] if not re.match(r"I\b", x)))
        ][:20_000]

    def widen(self, plain: float = 0.0) -> None:
        """From now on real sentences as well, and wider names, a share of them plain.

        Sentences with a held-out first name, head or tail in an entity are left out.
        """
        try:
            rows = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
        except OSError as error:
            raise SystemExit(
                f"{REAL.name} is missing from data/cache; make it: python -m scripts.entity_t5 label"
            ) from error
        self.real = [Sentence(tuple(row["words"]), tuple(row["labels"]), "imdb") for row in rows]
        self.real = [s for s in self.real if not held_out_words() & set(entity_words_of(s))]
        self.named = [s for s in self.real if set(s.labels) != {"O"}]
        self.names = WideNames(self.named, plain)

    def glued(self, s: Sentence) -> Sentence:
        """The sentence before or after a piece of a review; or one of its entities, up to five words around it, between two pieces."""
        rng, piece = self.rng, self.rng.choice(self.pieces)

        def outside(words):
            return ("O",) * len(words)

        found = sorted(spans(s.labels))
        if rng.random() < 0.35 or not found:
            if rng.random() < 0.5:
                return Sentence(piece + s.words, outside(piece) + s.labels, s.source)
            return Sentence(s.words + piece, s.labels + outside(piece), s.source)
        begin, end, _ = rng.choice(found)
        begin, end = max(0, begin - rng.randint(0, 5)), min(len(s.words), end + rng.randint(0, 5))
        while begin > 0 and s.labels[begin][0] == "I":
            begin -= 1
        while end < len(s.words) and s.labels[end][0] == "I":
            end += 1
        other = rng.choice(self.pieces)
        head, tail = piece[: rng.randint(0, 8)], other[len(other) - rng.randint(0, min(8, len(other))) :]
        labels = outside(head) + s.labels[begin:end] + outside(tail)
        return Sentence(head + s.words[begin:end] + tail, labels, s.source)

    def swapped(self, s: Sentence) -> Sentence:
        """A real sentence with made-up names in place of its own; half of its dates stay."""
        words, labels, at = [], [], 0
        for begin, end, kind in sorted(spans(s.labels)):
            words += s.words[at:begin]
            labels += s.labels[at:begin]
            at = end
            name = entity_words(getattr(self.names, kind)(self.rng))
            if s.words[end - 1].endswith("'s"):
                name[-1] += "'s"
            if kind == "date" and self.rng.random() < 0.5:
                name = list(s.words[begin:end])
            words += name
            labels += [f"B-{kind}"] + [f"I-{kind}"] * (len(name) - 1)
        return Sentence((*words, *s.words[at:]), (*labels, *s.labels[at:]), s.source)

    def draw(self) -> Sentence:
        """One sentence to learn from."""
        rng, c = self.rng, SETTINGS
        while True:
            if self.real and rng.random() < c["share_real"]:
                s = rng.choice(self.named if rng.random() < c["share_with_entities"] else self.real)
                s = self.swapped(s) if rng.random() < c["swapped"] else s
            else:
                s = fill(rng.choice(self.templates), self.names, rng)
                s = self.glued(s) if rng.random() < c["glued"] else s
            if len(s.words) <= c["longest"]:
                return s


class Batches:
    """Endless batches of (source, target) ids, padded with 0 on the right; sentences of like length together, so many that the tokens fit.

    ``write`` is the target form; the sentences of each batch are the same for all forms.
    """

    def __init__(self, tokenizer, seed: int, write=write_sentinels):
        self.tokenizer, self.examples, self.write = tokenizer, Examples(seed), write
        self.known: dict[str, list[int]] = {}
        self.waiting: list[list[Sentence]] = []

    def ids(self, text: str) -> list[int]:
        """The ids of a text, piece by piece between its spaces, remembered; the end token closes it."""
        found = []
        for piece in text.split(" "):
            if piece not in self.known:
                self.known[piece] = self.tokenizer(piece)["input_ids"][:-1]
            found += self.known[piece]
        return [*found, self.tokenizer.eos_token_id]

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.waiting:
            drawn = [self.examples.draw() for _ in range(2000)]
            drawn = sorted(((len(self.ids(write_sentinels(s)[0])), s) for s in drawn), key=lambda row: row[0])
            at = 0
            while at < len(drawn):
                longest = drawn[min(at + 60, len(drawn) - 1)][0]
                size = max(8, int(SETTINGS["tokens_a_batch"] / (1.8 * longest)))
                self.waiting.append([s for _, s in drawn[at : at + size]])
                at += size
            self.examples.rng.shuffle(self.waiting)
        texts = [self.write(s) for s in self.waiting.pop()]
        pad = torch.nn.utils.rnn.pad_sequence
        return tuple(pad([torch.tensor(self.ids(pair[k])) for pair in texts], batch_first=True) for k in (0, 1))


def start_model():
    """(tokenizer, transformers' model, ours) with the small T5's weights and the new tokens."""
    tokenizer, theirs = with_new_tokens(*small_t5())
    c = theirs.config
    config = T5Config(
        vocab_size=c.vocab_size, d_model=c.d_model, n_heads=c.num_heads, d_head=c.d_kv, n_layers=c.num_layers,
        n_decoder_layers=c.num_decoder_layers, d_ff=c.d_ff, gated=True, tied=False, dropout=0.0,
    )  # fmt: skip
    return tokenizer, theirs, load_t5(T5(config), theirs)


def loss(model: T5, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the target's tokens, padding left out."""
    shifted = torch.cat((torch.zeros_like(target[:, :1]), target[:, :-1]), dim=1)
    mask, real = source != 0, target != 0
    hidden = model.decode(shifted, model.encode(source, mask), mask)
    return F.cross_entropy(model.logits(hidden[real]), target[real])


def optimizers(model: T5) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices; AdamW for embeddings, head, norms, position biases, and what matches queries with keys across."""
    matching = ("cross_attention.W_q.weight", "cross_attention.W_k.weight")
    plain = ("embedding.weight", "head.weight", "table.weight")
    matrices, others = [], []
    for name, p in model.named_parameters():
        (others if p.dim() == 1 or name.endswith(matching + plain) else matrices).append(p)
    return [Muon(matrices, weight_decay=0.05), torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)]


def strict_f1(model, tokenizer, sentences: list[Sentence]) -> float:
    """Strict F1 of transformers' model on the sentences."""
    return f1(strict_counts([spans(s.labels) for s in sentences], tag_by_sentinels(model, tokenizer, sentences)))


def exams() -> dict[str, list[Sentence]]:
    """Validation, four ways: known or new wording crossed with known or new names; 200 sentences each, and all of the last."""

    def few(some: list[Sentence]) -> list[Sentence]:
        return random.Random(4).sample(some, 200)

    return {
        "training names, known wording": few(make_sentences("train", "train", 1, seed=6)),
        "new names, known wording": few(make_sentences("train", "validation", 1, seed=5)),
        "training names, new wording": few(make_sentences("validation", "train", 3, seed=6)),
        "new names, new wording": make_sentences("validation", "validation", 3, seed=5),
    }


def put_back(theirs, ours: T5) -> None:
    """Copy our weights into transformers' model, in place."""
    state = {transformers_name(name, True): p.detach() for name, p in ours.named_parameters()}
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            p.copy_(state[name])


def learn(model: T5, batches: Batches, steps: int, decay: float, after_step, rate: float = SETTINGS["rate"]) -> None:
    """``steps`` steps with warm-up; the rate falls to zero over the last share ``decay``. ``after_step(sentences, loss)`` runs after each."""
    both = optimizers(model)
    for step in range(steps):
        factor = min(1.0, (step + 1) / SETTINGS["warm_up"])
        if decay:
            factor = min(factor, (steps - step) / (decay * steps))
        for optimizer in both:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        source, target = next(batches)
        value = loss(model, source, target)
        model.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in both:
            optimizer.step()
        after_step(len(source), value.item())


def train(report=print, every: int = 250, save=None) -> tuple:
    """(tokenizer, transformers' model, record): the whole run. ``save(theirs, record)`` at each examination.

    The shipped weights were made in three processes, with an examination every 200 steps in the third stage, which began from weights in 8 bits.
    """
    torch.manual_seed(SETTINGS["seed"])
    tokenizer, theirs, model = start_model()
    batches, some = Batches(tokenizer, SETTINGS["seed"]), exams()
    record = {"settings": SETTINGS, "tagger": TAGGER, "curve": [], "sentences": 0}
    began, losses, last = time.process_time(), [], sum(SETTINGS[f"{nth}_steps"] for nth in ("first", "second", "third"))

    def after_step(n: int, value: float) -> None:
        losses.append(value)
        record["sentences"] += n
        step = len(losses)
        if step % every == 0 or step == last:
            put_back(theirs, model)
            found = {name: round(strict_f1(theirs, tokenizer, sentences), 4) for name, sentences in some.items()}
            mean = round(float(np.mean(losses[-every:])), 4)
            record["curve"].append({"step": step, "sentences": record["sentences"], "loss": mean, "f1": found})
            record["cpu_seconds"] = round(time.process_time() - began)
            report(record["curve"][-1], record["cpu_seconds"], "s")
            if save:
                save(theirs, record)

    learn(model, batches, SETTINGS["first_steps"], 0.0, after_step)
    batches.examples.widen()
    learn(model, batches, SETTINGS["second_steps"], SETTINGS["decay"], after_step)
    batches = Batches(tokenizer, SETTINGS["seed"] + 1)
    batches.examples.widen(SETTINGS["plain"])
    learn(model, batches, SETTINGS["third_steps"], 1.0, after_step, SETTINGS["third_rate"])
    return tokenizer, theirs.eval(), record


if __name__ == "__main__":
    parts = {
        "tagger": train_tagger,
        "control": train_control,
        "label": label_real,
        "answers": answer_exams,
        "words": answer_by_words,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in parts:
        sys.exit(f"usage: python -m scripts.entity_t5 {' | '.join(parts)}")
    parts[sys.argv[1]]()
