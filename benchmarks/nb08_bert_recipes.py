"""Notebook 08's recipes: BERT's, each of RoBERTa's changes alone, and all together, three seeds each.

Writes benchmarks/results/nb08_bert_recipes.json.

``python -m benchmarks.nb08_bert_recipes`` runs everything with one thread; name recipes to do only those: ``... bert dynamic``. The model is the
notebook's (lessons/bert.py); how it is pre-trained and examined stands here, and the notebook imports it. The report is written after
every run, so a stopped run keeps what it has. ``--smoke`` pre-trains two recipes for a few steps and writes nothing.
"""

from __future__ import annotations

import json
import math
import platform
import re
import resource
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version

import torch
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch.nn import functional as F

from lessons.attention import padding_mask
from lessons.bert import BertConfig, BertForPretraining, mask_tokens
from lessons.embeddings import cooccurrence, ppmi, svd_vectors
from lessons.positions import sinusoidal_positions
from utils import ROOT
from utils.data import reviews
from utils.training import fit, seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb08_bert_recipes.json"


# How a recipe is carried out


@dataclass(frozen=True)
class Recipe:
    """How to pre-train. The defaults are BERT's ways, scaled down; each of RoBERTa's changes is one field."""

    dynamic: bool = False  # new masks whenever a text comes by, instead of a few fixed ones
    pairs: bool = True  # two segments and next-sentence prediction, instead of one full segment
    byte_bpe: bool = False  # byte-level BPE instead of WordPiece
    batch_size: int = 8  # sequences a step
    n_reviews: int = 200  # the training text
    lr: float = 3e-3  # peak learning rate
    copies: int = 2  # copies of the text with masks (and pairs) of their own
    tokens_seen: int = 800_000


LENGTH = 63  # [CLS], 30 tokens, [SEP], 30 tokens, [SEP]; or [CLS], 61 tokens, [SEP]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]  # ids 0 to 4 in both vocabularies
CLS, SEP, MASK = 2, 3, 4


def train_tokenizer(texts: list[str], byte_bpe: bool, vocab_size: int = 2048) -> Tokenizer:
    """A lower-case WordPiece or byte-level BPE vocabulary learned from texts, special tokens first."""
    settings = {"vocab_size": vocab_size, "special_tokens": SPECIAL, "show_progress": False}
    if byte_bpe:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        tokenizer.train_from_iterator(texts, trainers.BpeTrainer(initial_alphabet=alphabet, **settings))
        return tokenizer
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(**settings))
    pieces = SPECIAL + sorted(
        set(tokenizer.get_vocab()) - set(SPECIAL)
    )  # the trainer's own order differs from run to run
    tokenizer.model = models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    return tokenizer


def full_segments(documents: list[list[int]], T: int = LENGTH) -> torch.Tensor:
    """All documents in one row, [SEP] after each, cut into (N, T) inputs: [CLS], T - 2 tokens, [SEP]."""
    row = torch.tensor([token for document in documents for token in (*document, SEP)])
    n = len(row) // (T - 2)
    ends = torch.full((n, 1), CLS), torch.full((n, 1), SEP)
    return torch.cat([ends[0], row[: n * (T - 2)].view(n, T - 2), ends[1]], dim=1)


def segment_pairs(
    documents: list[list[int]], generator: torch.Generator, T: int = LENGTH
) -> tuple[torch.Tensor, torch.Tensor]:
    """NSP inputs (N, T), [CLS] A [SEP] B [SEP], and labels (N,): 0 where B follows A, 1 where it is from elsewhere.

    Half of the time B is drawn at random, and the text that would have followed opens the next pair.
    Devlin et al. 2019, appendix A.2. Raises ValueError unless two documents are long enough for a chunk.
    """
    half = (T - 3) // 2
    if sum(len(document) >= half for document in documents) < 2:
        raise ValueError(f"a foreign partner needs two documents of {half} tokens or more")
    chunks = [(n, d[i : i + half]) for n, d in enumerate(documents) for i in range(0, len(d) - half + 1, half)]
    rows, labels, i = [], [], 0
    while i < len(chunks):
        (owner, first), other = chunks[i], chunks[min(i + 1, len(chunks) - 1)]
        follows = other[0] == owner and i + 1 < len(chunks) and torch.rand((), generator=generator) < 0.5
        while not follows and other[0] == owner:
            other = chunks[torch.randint(len(chunks), (), generator=generator)]
        rows.append([CLS, *first, SEP, *other[1], SEP])
        labels.append(0 if follows else 1)
        i += 2 if follows else 1
    return torch.tensor(rows), torch.tensor(labels)


def segment_ids(tokens: torch.Tensor, pairs: bool) -> torch.Tensor:
    """0 up to the first [SEP], 1 behind it; all 0 where the inputs are no pairs: tokens (B, T) -> (B, T)."""
    behind = (tokens == SEP).cumsum(dim=1) - (tokens == SEP).long() > 0
    return behind.long() * pairs


class PretrainingData:
    """A recipe's inputs, masked: batches(epoch) yields (inputs, targets, segments) of (B, T) and NSP labels or None."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, texts: list[str], seed: int):
        if min(recipe.batch_size, recipe.n_reviews, recipe.copies) < 1:
            raise ValueError("batch_size, n_reviews and copies must be at least 1")
        self.recipe, self.generator = recipe, torch.Generator().manual_seed(seed)
        self.vocab_size = tokenizer.get_vocab_size()
        documents = [e.ids for e in tokenizer.encode_batch(texts[: recipe.n_reviews], add_special_tokens=False)]
        self.labels = None
        if recipe.pairs:
            copies = [segment_pairs(documents, self.generator) for _ in range(recipe.copies)]
            self.tokens, self.labels = (torch.cat(part) for part in zip(*copies, strict=True))
        else:
            self.tokens = full_segments(documents).repeat(recipe.copies, 1)
        self.inputs, self.targets = self.mask(self.tokens)  # fixed masks, one for each copy
        if recipe.tokens_seen < recipe.batch_size * LENGTH:
            raise ValueError(f"tokens_seen is {recipe.tokens_seen}, less than one batch of {recipe.batch_size} times {LENGTH} tokens")
        self.steps = recipe.tokens_seen // (recipe.batch_size * self.tokens.shape[1])

    def mask(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return mask_tokens(tokens, list(range(len(SPECIAL))), MASK, self.vocab_size, generator=self.generator)

    def batches(self, epoch: int):
        order, size = torch.empty(0, dtype=torch.long), self.recipe.batch_size
        for _ in range(self.steps):
            if len(order) < size:
                order = torch.cat([order, torch.randperm(len(self.tokens), generator=self.generator)])
            rows, order = order[:size], order[size:]
            fixed = self.inputs[rows], self.targets[rows]
            inputs, targets = self.mask(self.tokens[rows]) if self.recipe.dynamic else fixed
            labels = None if self.labels is None else self.labels[rows]
            yield inputs, targets, segment_ids(self.tokens[rows], self.recipe.pairs), labels


def pretraining_loss(model: BertForPretraining, batch: tuple) -> torch.Tensor:
    """Mean cross-entropy of the chosen tokens, plus that of NSP where there are labels. Devlin et al. 2019, A.2."""
    inputs, targets, segments, labels = batch
    at = targets != -100
    logits, follows = model(inputs, segments, at=at)
    loss = F.cross_entropy(logits, targets[at])
    return loss if labels is None else loss + F.cross_entropy(follows, labels)


def token_statistics(tokenizer: Tokenizer, texts: list[str], d_model: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """What counting alone can tell: vectors (V, d_model) from co-occurrence (notebook 04), and log-frequencies (V,)."""
    V = tokenizer.get_vocab_size()
    ids = torch.tensor([i for e in tokenizer.encode_batch(texts, add_special_tokens=False) for i in e.ids])
    vectors = F.normalize(svd_vectors(ppmi(cooccurrence(ids, V)), d_model), dim=1)
    vectors = vectors - vectors.mean(dim=0)
    counts = torch.bincount(ids, minlength=V) + 1.0
    return 0.05 * vectors / vectors.std(), (counts / counts.sum()).log()


@torch.no_grad()
def head_start(model: BertForPretraining, statistics: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Start near something useful, in place: statistics, sinusoids, first heads that look 1 or 2 places away."""
    vectors, log_frequencies = statistics
    config, look = model.bert.config, model.bert.blocks[0].attention
    model.bert.tokens.weight.copy_(vectors)
    model.mlm.bias.copy_(log_frequencies)
    model.bert.positions.weight.copy_(0.1 * sinusoidal_positions(config.max_len, config.d_model))
    speeds = 10000.0 ** (-torch.arange(0, look.d_head, 2) / config.d_model)  # radians a place, of the fastest waves
    fastest = torch.eye(look.d_head, config.d_model)
    for head, distance in enumerate((-1, 1, -2, 2)):
        rows = slice(head * look.d_head, (head + 1) * look.d_head)
        cos, sin = (distance * speeds).cos(), (distance * speeds).sin()
        turn = torch.block_diag(*torch.stack([cos, sin, -sin, cos], dim=1).view(-1, 2, 2))  # shifts a wave by distance
        look.W_q.weight[rows] += 1.5 * turn @ fastest
        look.W_k.weight[rows] += 1.5 * fastest


def pretrain(
    recipe: Recipe, tokenizer: Tokenizer, texts: list[str], statistics: tuple | None, seed: int
) -> tuple[BertForPretraining, list[float]]:
    """Pre-train a small BERT (2 layers, 64 wide) by a recipe; returns it in evaluation mode and the loss of every step.

    statistics: what token_statistics gave, for a head start; None starts from random weights.
    """
    seed_everything(seed)
    config = BertConfig(tokenizer.get_vocab_size(), LENGTH, 64, n_heads=4, n_layers=2, d_ff=256, dropout=0.0)
    model, data = BertForPretraining(config), PretrainingData(recipe, tokenizer, texts, seed)
    if statistics is not None:
        head_start(model, statistics)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    warm, steps = max(1, data.steps // 10), data.steps
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min((n + 1) / warm, (steps - n) / max(1, steps - warm)))
    return model, fit(model, data.batches, pretraining_loss, optimizer, rate)


@dataclass
class HeldOut:
    """Passages with whole words hidden, (N, T) tensors of one tokenizer, and the number of hidden characters."""

    inputs: torch.Tensor
    targets: torch.Tensor
    segments: torch.Tensor
    words: torch.Tensor  # (N, T) number of the hidden word that a token belongs to, -1 elsewhere
    n_characters: int


def hide_words(passages: list[str], tokenizer: Tokenizer, pairs: bool, seed: int = 7) -> HeldOut:
    """Hide 15 % of the words of each passage, the same words for every tokenizer: all their pieces become [MASK].

    pairs=True cuts a passage in two segments at a space in its middle, the form that a model trained on pairs knows.
    """
    generator = torch.Generator().manual_seed(seed)
    rows, n_characters, n_words = [], 0, 0
    for passage in passages:
        spans = [word.span() for word in re.finditer(r"[^\W\d_]+", passage)]
        hidden = torch.rand(len(spans), generator=generator) < 0.15
        spans = [span for span, hide in zip(spans, hidden.tolist(), strict=True) if hide]
        encoding = tokenizer.encode(passage, add_special_tokens=False)
        owner = [
            next((n_words + i for i, (a, b) in enumerate(spans) if a < end and start < b), -1)
            for start, end in encoding.offsets
        ]
        n_words, n_characters = n_words + len(spans), n_characters + sum(b - a for a, b in spans)
        middle = passage.find(" ", len(passage) // 2)  # -1, no space: then all of it is one segment
        cut = sum(end <= middle for _, end in encoding.offsets) if pairs else 0
        rows.append((encoding.ids, owner, cut))
    return lay_out(rows, n_characters)


def lay_out(rows: list[tuple[list[int], list[int], int]], n_characters: int, T: int = LENGTH) -> HeldOut:
    """Rows of (ids, hidden word of each or -1, where to cut or 0) -> padded tensors with [CLS] and [SEP]."""
    inputs, targets, words = (torch.full((len(rows), T), fill) for fill in (0, -100, -1))
    for n, (ids, owner, cut) in enumerate(rows):
        if cut:
            ids, owner = [*ids[:cut], SEP, *ids[cut:]], [*owner[:cut], -1, *owner[cut:]]
        full, word = torch.tensor([CLS, *ids, SEP]), torch.tensor([-1, *owner, -1])
        inputs[n, : len(full)] = full.masked_fill(word >= 0, MASK)
        targets[n, : len(full)] = full.masked_fill(word < 0, -100)
        words[n, : len(full)] = word
    pairs = any(cut for _, _, cut in rows)
    return HeldOut(inputs, targets, segment_ids(inputs, pairs), words, n_characters)


@torch.inference_mode()
def examine(model: BertForPretraining, exam: HeldOut, batch_size: int = 128) -> dict[str, float]:
    """Held-out scores: loss a hidden token (nats), share of whole words guessed right, bits a hidden character.

    Raises ValueError for an exam that hides no word.
    """
    if not (exam.targets != -100).any():
        raise ValueError("this exam hides no word, so there is nothing to score: give it more or longer passages")
    nats, right, words = [], [], []
    for rows in torch.arange(len(exam.inputs)).split(batch_size):
        inputs, at = exam.inputs[rows], exam.targets[rows] != -100
        logits, _ = model(inputs, exam.segments[rows], padding_mask(inputs), at=at)
        wanted = exam.targets[rows][at]
        nats.append(F.cross_entropy(logits, wanted, reduction="none"))
        right.append(logits.argmax(dim=-1) == wanted)
        words.append(exam.words[rows][at])
    nats, right, words = torch.cat(nats), torch.cat(right), torch.cat(words)
    whole = torch.ones(int(words.max()) + 1).scatter_reduce(0, words, right.float(), "amin")  # all pieces right?
    return {
        "loss": nats.mean().item(),
        "accuracy": whole[words.unique()].mean().item(),
        "bits": nats.sum().item() / math.log(2) / exam.n_characters,
    }


def exam_passages(texts: list[str], tokenizers: list[Tokenizer], n_words: int = 30, T: int = LENGTH) -> list[str]:
    """Up to four passages of n_words from each text, those that fit T tokens in every one of the tokenizers."""
    passages = []
    for text in texts:
        words = text.split()
        starts = range(0, min(len(words) - n_words + 1, 4 * n_words), n_words)
        passages += [" ".join(words[start : start + n_words]) for start in starts]
    fits = [[len(e.ids) <= T - 3 for e in t.encode_batch(passages, add_special_tokens=False)] for t in tokenizers]
    return [passage for passage, *fit in zip(passages, *fits, strict=True) if all(fit)]


# The experiment

SEEDS = (0, 1, 2)
RECIPES = {
    "bert": Recipe(),
    "random_start": Recipe(),  # the same, without the head start
    "dynamic": Recipe(dynamic=True),
    "no_nsp": Recipe(pairs=False),
    "byte_bpe": Recipe(byte_bpe=True),
    "large_batch": Recipe(batch_size=32, lr=6e-3),
    "large_batch_same_lr": Recipe(batch_size=32),
    "more_data": Recipe(n_reviews=2000),
    "no_nsp_more_data": Recipe(pairs=False, n_reviews=2000),
    "roberta": Recipe(dynamic=True, pairs=False, byte_bpe=True, batch_size=32, lr=6e-3, n_reviews=2000),
    "roberta_small_batch": Recipe(dynamic=True, pairs=False, byte_bpe=True, n_reviews=2000),
}


@torch.inference_mode()
def nsp_accuracy(model, tokenizer, texts: list[str]) -> tuple[float, float]:
    """Accuracy of next-sentence prediction on held-out pairs, and the share of the more frequent label."""
    documents = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    tokens, labels = segment_pairs(documents, torch.Generator().manual_seed(11))
    guesses = torch.cat(
        [model(rows, segment_ids(rows, True), at=rows < 0)[1].argmax(dim=-1) for rows in tokens.split(128)]
    )
    share = labels.float().mean().item()
    return (guesses == labels).float().mean().item(), max(share, 1 - share)


@torch.inference_mode()
def features(model, tokenizer, texts: list[str]) -> torch.Tensor:
    """(N, d_model): the mean of the last states over the real tokens."""
    rows = torch.zeros(len(texts), LENGTH, dtype=torch.long)
    for n, encoding in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        ids = torch.tensor([CLS, *encoding.ids[: LENGTH - 2], SEP])
        rows[n, : len(ids)] = ids
    means = []
    for part in rows.split(128):
        real = (part != 0).float().unsqueeze(-1)
        means.append((model.bert(part, mask=padding_mask(part))[0] * real).sum(dim=1) / real.sum(dim=1))
    return torch.cat(means)


def sentiment_probe(model, tokenizer, n_train: int = 3000, n_test: int = 1500) -> float:
    """Accuracy of logistic regression on frozen features, Rotten Tomatoes: a small stand-in for the paper's downstream tasks."""
    train, test = reviews("rotten_tomatoes", "train")[:n_train], reviews("rotten_tomatoes", "test")[:n_test]
    x, y = features(model, tokenizer, [*train.text]), features(model, tokenizer, [*test.text])
    mean, scale = x.mean(dim=0), x.std(dim=0)
    probe = LogisticRegression(C=0.1, max_iter=1000).fit(((x - mean) / scale).numpy(), train.label)
    return probe.score(((y - mean) / scale).numpy(), test.label)


def frequency_baseline(tokenizer, texts: list[str], exam) -> dict[str, float]:
    """Scores of a model without context: every hidden token gets its frequency in the training text."""
    ids = torch.tensor(
        [i for encoding in tokenizer.encode_batch(texts, add_special_tokens=False) for i in encoding.ids]
    )
    log_p = (torch.bincount(ids, minlength=tokenizer.get_vocab_size()) + 1).float().log()
    log_p -= log_p.logsumexp(dim=0)
    wanted, words = exam.targets[exam.targets != -100], exam.words[exam.targets != -100]
    nats = F.nll_loss(log_p.expand(len(wanted), -1), wanted, reduction="sum").item()
    right = torch.ones(int(words.max()) + 1).scatter_reduce(0, words, (wanted == log_p.argmax()).float(), "amin")
    return {
        "loss": nats / len(wanted),
        "accuracy": right[words.unique()].mean().item(),
        "bits": nats / math.log(2) / exam.n_characters,
    }


def prepare() -> dict:
    """Training texts, both tokenizers, and both forms of the exam for each."""
    texts = [*reviews("imdb", "train").text[:2000]]
    tokenizers = {byte_bpe: train_tokenizer(texts, byte_bpe) for byte_bpe in (False, True)}
    passages = exam_passages([*reviews("imdb", "test").text[:500]], [*tokenizers.values()])
    exams = {(b, pairs): hide_words(passages, t, pairs) for b, t in tokenizers.items() for pairs in (False, True)}
    statistics = {byte_bpe: token_statistics(tokenizer, texts) for byte_bpe, tokenizer in tokenizers.items()}
    return {
        "texts": texts,
        "tokenizers": tokenizers,
        "statistics": statistics,
        "exams": exams,
        "n_passages": len(passages),
    }


def run(recipe: Recipe, data: dict, seed: int, start: bool = True) -> dict:
    """Pre-train once and measure."""
    tokenizer, exam = data["tokenizers"][recipe.byte_bpe], data["exams"][recipe.byte_bpe, recipe.pairs]
    statistics = data["statistics"][recipe.byte_bpe] if start else None
    clock, cpu = time.perf_counter(), time.process_time()
    model, losses = pretrain(recipe, tokenizer, data["texts"], statistics, seed)
    seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    result = {"seed": seed, "steps": len(losses)} | {
        name: round(value, 4) for name, value in examine(model, exam).items()
    }
    result["sentiment"] = round(sentiment_probe(model, tokenizer), 4)
    if recipe.pairs:
        accuracy, majority = nsp_accuracy(model, tokenizer, [*reviews("imdb", "test").text[500:700]])
        result |= {"nsp_accuracy": round(accuracy, 4), "nsp_majority": round(majority, 4)}
    width = len(losses) // 20
    curve = [round(sum(losses[i * width : (i + 1) * width]) / width, 4) for i in range(20)]
    return result | {"training_loss": curve, "seconds": round(seconds), "cpu_seconds": round(cpu)}


def smoke() -> None:
    """Two recipes, a few steps each, on little text: every function runs, nothing is written."""
    texts, exam_texts = [*reviews("imdb", "train").text[:200]], [*reviews("imdb", "test").text[:20]]
    for recipe in (Recipe(n_reviews=20, tokens_seen=8_000), Recipe(dynamic=True, pairs=False, byte_bpe=True, n_reviews=20, tokens_seen=8_000)):
        tokenizer = train_tokenizer(texts, recipe.byte_bpe, 600)
        exam = hide_words(exam_passages(exam_texts, [tokenizer]), tokenizer, recipe.pairs)
        model, losses = pretrain(recipe, tokenizer, texts, token_statistics(tokenizer, texts), seed=0)
        scores = examine(model, exam) | frequency_baseline(tokenizer, texts, exam)
        probe = sentiment_probe(model, tokenizer, 100, 50)
        if recipe.pairs:
            nsp_accuracy(model, tokenizer, exam_texts)
        print(f"{len(losses)} steps, loss {losses[-1]:.2f}, bits {scores['bits']:.2f}, sentiment {probe:.2f}")


def main(names: list[str]) -> None:
    set_threads(1)
    if unknown := set(names) - set(RECIPES):
        sys.exit(f"error: no recipe named {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    RESULTS.parent.mkdir(exist_ok=True)
    data = prepare()
    report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    report |= {
        "command": "python -m benchmarks.nb08_bert_recipes",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores: seconds are inflated, CPU seconds less so",
        "versions": {"python": platform.python_version()}
        | {n: version(n) for n in ("torch", "tokenizers", "scikit-learn")},
        "exam": {
            "passages": data["n_passages"],
            "hidden_words": int(data["exams"][False, False].words.max()) + 1,
            "hidden_characters": data["exams"][False, False].n_characters,
            "hidden_tokens": {
                kind: int((data["exams"][b, False].targets >= 0).sum())
                for b, kind in ((False, "wordpiece"), (True, "byte_bpe"))
            },
            "frequencies_alone": {
                kind: {
                    n: round(v, 4)
                    for n, v in frequency_baseline(
                        data["tokenizers"][b], data["texts"], data["exams"][b, False]
                    ).items()
                }
                for b, kind in ((False, "wordpiece"), (True, "byte_bpe"))
            },
        },
    }
    runs = report.setdefault("runs", {})
    for seed in SEEDS:  # seed by seed, so that a stopped run has every recipe equally often
        for name in names or RECIPES:
            entry = runs.setdefault(name, {"recipe": asdict(RECIPES[name]), "results": []})
            if entry["recipe"] != asdict(RECIPES[name]):
                runs[name] = entry = {"recipe": asdict(RECIPES[name]), "results": []}
            entry["results"] = [r for r in entry["results"] if r["seed"] != seed]
            entry["results"].append(run(RECIPES[name], data, seed, start=name != "random_start"))
            report["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
            RESULTS.write_text(json.dumps(report, indent=1) + "\n")
            print(name, {k: v for k, v in entry["results"][-1].items() if k != "training_loss"}, flush=True)


if __name__ == "__main__":
    smoke() if sys.argv[1:] == ["--smoke"] else main(sys.argv[1:])
