"""Notebook 15's exam of the small T5: hidden text against counting models, and its other four tasks against simple rivals.

Writes benchmarks/results/nb15_t5_exam.json.

``python -m benchmarks.nb15_t5_exam`` runs everything with one thread. The rivals are counted on the very texts that the T5 was pre-trained on; what
they have to choose (exponents, shares, thresholds) is chosen on reviews of tenth 7 that neither saw. Test texts: IMDB's test part and the two plays
left out of the pre-training; earlier weights, which did not read their source, were examined on such texts, too.
``--smoke`` uses a few texts and writes nothing.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from math import comb

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from torch.nn.utils.rnn import pad_sequence

from lessons.t5 import T5, generate_t5, load_t5, span_corruption
from scripts.pretrain_t5 import EOS, LABELS, N_HELD_OUT_PLAYS, N_SENTINELS, PAD, SENTINEL, WORD, Tasks, new_model
from utils import ROOT
from utils.data import reviews, shakespeare_plays
from utils.pretrained import small_t5
from utils.training import seed_everything, set_threads

RESULTS = ROOT / "benchmarks" / "results" / "nb15_t5_exam.json"
BITS, LOW = 12, 4095  # a token's id takes 12 bits of an n-gram's key
FIRST_ORDINARY = SENTINEL + N_SENTINELS + len(LABELS)  # ids below: special tokens and sentinels


# Texts


class ExamTasks(Tasks):
    """The pre-training's task makers over other documents: ids (n,) each, with labels where the task is sentiment."""

    def __init__(self, tokenizer, documents: list[np.ndarray], labels: list[int] | None = None):
        self.tokenizer, self.documents, self.labels = tokenizer, documents, labels
        self.prefix = {
            task: tokenizer.encode(f"{task}:").ids[:-1] for task in ("fill", "case", "swap", "copy", "sentiment")
        }
        self.label_ids = {label: tokenizer.token_to_id(label) for label in LABELS}
        self.answers = [tokenizer.encode(word).ids[:-1] for word in ("negative", "positive")]
        self.known, self.elsewhere = {}, []


def single_spaced(text: str) -> str:
    return " ".join(text.split())


def imdb_documents(tokenizer, part: str = "test", n: int | None = None) -> tuple[list[np.ndarray], list[int]]:
    """Token ids of each review (of the first n), and labels."""
    table = reviews("imdb", part)[:n]
    encoded = tokenizer.encode_batch([single_spaced(text) for text in table.text])
    return [np.array(e.ids[:-1]) for e in encoded], list(table.label)


def few_documents(tokenizer, n: int = 400) -> Tasks:
    """A stand-in for the pre-training's Tasks with the first n reviews, for a smoke run."""
    own = ExamTasks(tokenizer, *imdb_documents(tokenizer, "train", n))
    own.n_films, own.train, own.labelled, own.validation = (
        n,
        np.arange(n - 100),
        np.arange(n - 100),
        np.arange(n - 100, n),
    )
    return own


def play_documents(tokenizer, n_chars: int = 900) -> list[np.ndarray]:
    """The plays that pre-training never saw, in passages of about n_chars."""
    passages = []
    for play in list(shakespeare_plays().values())[-N_HELD_OUT_PLAYS:]:
        text = single_spaced(play)
        passages += [text[i : i + n_chars] for i in range(0, len(text) - n_chars, n_chars)]
    return [np.array(e.ids[1:-2]) for e in tokenizer.encode_batch(passages)]  # without the words cut in two


# Counting models


@dataclass(frozen=True)
class Order:
    """The n-grams of one order: sorted keys and counts, and of each context its range in them, its total and its weight for the order below."""

    keys: np.ndarray
    discounted: np.ndarray
    contexts: np.ndarray
    starts: np.ndarray
    totals: np.ndarray
    below: np.ndarray


class KneserNey:
    """Interpolated modified Kneser-Ney over token ids (Chen and Goodman 1998, section 3): highest order raw counts, below continuation counts."""

    def __init__(self, documents: list[np.ndarray], order: int = 5, n_tokens: int = 3200):
        self.order, self.n_tokens = order, n_tokens
        opening = np.zeros(order - 1, dtype=np.int64)
        windows = []
        for document in documents:
            padded = np.concatenate([opening, document])
            key = np.zeros(len(document), dtype=np.int64)
            for place in range(order):
                key = key << BITS | padded[place : place + len(document)]
            windows.append(key)
        keys, counts = np.unique(np.concatenate(windows), return_counts=True)
        self.orders = {}
        for n in range(order, 0, -1):
            self.orders[n] = self._order(keys, counts)
            if n > 1:
                keys, counts = np.unique(keys & ((1 << BITS * (n - 1)) - 1), return_counts=True)
        unigram = np.full(n_tokens, 0.0)
        unigram[FIRST_ORDINARY:] = 1 / (n_tokens - FIRST_ORDINARY)
        self.uniform = unigram

    @staticmethod
    def _order(keys: np.ndarray, counts: np.ndarray) -> Order:
        n1, n2, n3, n4 = ((counts == c).sum() for c in (1, 2, 3, 4))
        y = n1 / max(n1 + 2 * n2, 1)
        d = np.array([0.0, 1 - 2 * y * n2 / max(n1, 1), 2 - 3 * y * n3 / max(n2, 1), 3 - 4 * y * n4 / max(n3, 1)]).clip(
            0, 2.9
        )
        off = d[np.minimum(counts, 3)]
        contexts, starts = np.unique(keys >> BITS, return_index=True)
        totals = np.add.reduceat(counts, starts).astype(float)
        below = np.add.reduceat(off, starts) / totals
        return Order(keys, counts - off, contexts, np.append(starts, len(keys)), totals, below)

    def distribution(self, history: np.ndarray) -> np.ndarray:
        """p of every token after a history of any length: (n_tokens,)."""
        p, context = self.uniform, 0
        for n in range(1, min(len(history), self.order - 1) + 2):
            level = self.orders[n]
            if n > 1:
                context = context | int(history[-n + 1]) << BITS * (n - 2)
            at = np.searchsorted(level.contexts, context)
            if at == len(level.contexts) or level.contexts[at] != context:
                break
            first, last = level.starts[at], level.starts[at + 1]
            p = level.below[at] * p
            p[level.keys[first:last] & LOW] += level.discounted[first:last] / level.totals[at]
        return p

    def probability(self, histories: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """p(tokens[i] | histories[i]): (N, h) and (N,) -> (N,)."""
        p, context = self.uniform[tokens].copy(), np.zeros(len(tokens), dtype=np.int64)
        alive = np.ones(len(tokens), dtype=bool)
        for n in range(1, min(histories.shape[1], self.order - 1) + 2):
            level = self.orders[n]
            if n > 1:
                context = context | histories[:, -n + 1].astype(np.int64) << BITS * (n - 2)
            at = np.searchsorted(level.contexts, context).clip(max=len(level.contexts) - 1)
            alive = alive & (level.contexts[at] == context)
            key = context << BITS | tokens
            place = np.searchsorted(level.keys, key).clip(max=len(level.keys) - 1)
            gain = np.where(level.keys[place] == key, level.discounted[place], 0.0) / level.totals[at]
            p = np.where(alive, gain + level.below[at] * p, p)
        return p


@dataclass(frozen=True)
class Question:
    """One hidden token as counting sees it: how well each token (n_tokens,) follows the left side and fits the right one."""

    answer: int
    age: int  # tokens of this gap that stand to its left, and are known
    missing: int  # tokens of this gap that follow it
    left: np.ndarray  # p(token | left side)
    fits: list[
        np.ndarray
    ]  # p(right side | left side, token, m tokens more), m = 0, 1, 2, ...; ones where nothing follows
    ended: float  # p(right side | left side): the gap ended already
    has_right: bool


class Rivals:
    """What counting knows of a hidden token, from its left side alone or from both."""

    def __init__(self, documents: list[np.ndarray], n_tokens: int = 3200, most_missing: int = 8):
        self.counts, self.most_missing = KneserNey(documents, n_tokens=n_tokens), most_missing
        self.bigram = np.stack([self.counts.distribution(np.array([w])) for w in range(n_tokens)]).astype(
            np.float32
        )  # [w, next]
        self.unigram = np.bincount(np.concatenate(documents), minlength=n_tokens) + 0.5
        self.unigram = self.unigram / self.unigram[FIRST_ORDINARY:].sum()

    def follows(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """p(right side | left side, token) for every token, up to four tokens by the 5-gram: (n_tokens,)."""
        V = self.counts.n_tokens
        fits, context = np.ones(V), np.concatenate([np.tile(left[-4:], (V, 1)), np.arange(V)[:, None]], axis=1)
        for token in right:
            fits = fits * self.counts.probability(context[:, -4:], np.full(V, token))
            context = np.concatenate([context, np.full((V, 1), token)], axis=1)
        return fits

    def chain(self, text: np.ndarray, first: int) -> float:
        """p(text[first:] | text[:first]) by the 5-gram."""
        return float(
            np.prod(
                [
                    self.counts.probability(text[None, max(0, i - 4) : i], text[i : i + 1])[0]
                    for i in range(first, len(text))
                ]
            )
        )

    def questions(self, passage: np.ndarray, hidden: np.ndarray) -> list[Question]:
        """All hidden tokens of a passage. Where m > 0 more hidden tokens stand between, a chain of bigrams sums over all that could be there."""
        found = []
        for at in np.flatnonzero(hidden):
            start, end = at, at + 1
            while hidden[start - 1]:
                start -= 1
            while end < len(passage) and hidden[end]:
                end += 1
            right = passage[end : end + 4]
            right = right[: np.argmax(hidden[end : end + 4])] if hidden[end : end + 4].any() else right
            left, V = passage[max(0, at - 4) : at], self.counts.n_tokens
            if not len(right):
                found.append(
                    Question(
                        int(passage[at]),
                        at - start,
                        end - at - 1,
                        self.counts.distribution(left),
                        [np.ones(V)] * 9,
                        1.0,
                        False,
                    )
                )
                continue
            if at == start:
                messages, rest = [self.bigram[:, right[0]]], self.chain(right, 1)
                for _ in range(self.most_missing):
                    messages.append(self.bigram @ messages[-1])
                messages = [message.astype(float) * rest for message in messages]
            fits, ended = (
                [self.follows(left, right), *messages[1:]],
                self.chain(np.concatenate([left, right]), len(left)),
            )
            found.append(
                Question(int(passage[at]), at - start, end - at - 1, self.counts.distribution(left), fits, ended, True)
            )
        return found


def told(question: Question, exponents: dict) -> np.ndarray:
    """p of every token from both sides, the length of the gap known: left times fit to a power, normalized."""
    power = exponents["told, next to the right side" if question.missing == 0 else "told, further in"]
    p = question.left * question.fits[min(question.missing, len(question.fits) - 1)] ** power
    return p / p.sum()


def untold(question: Question, exponents: dict, lengths: np.ndarray) -> np.ndarray:
    """p of every token from both sides on the model's own terms: the gap may end here, or go on for any length; lengths[l] = p(a gap has l)."""
    power, p = exponents["not told"], np.zeros(len(question.left))
    for m, fit in enumerate(question.fits):
        if question.age + 1 + m < len(lengths):
            p += lengths[question.age + 1 + m] * question.left * fit**power
    ends = lengths[question.age] * question.ended**power if question.age else 0.0
    return p / (p.sum() + ends)


def gap_lengths(hidden: int, spans: int) -> np.ndarray:
    """p(a gap has n tokens), n = 0, 1, ..., where hidden tokens are cut into spans lengths, every division equally likely."""
    ways = [comb(hidden - n - 1, spans - 2) if 1 <= n <= hidden - spans + 1 else 0 for n in range(hidden + 1)]
    return np.array(ways) / comb(hidden - 1, spans - 1)


def hidden_places(source: list[int], target: list[int], n: int) -> np.ndarray:
    """Which tokens of a passage of n tokens a (source, target) pair hides: (n,) boolean."""
    spans, hidden = {}, []
    for i in target:
        if SENTINEL <= i < SENTINEL + N_SENTINELS:
            spans[i] = 0
            last = i
        else:
            spans[last] += 1
    for i in source:
        hidden += [True] * spans[i] if i in spans else [False]
    assert len(hidden) == n
    return np.array(hidden)


# Hidden text


@torch.inference_mode()
def t5_log_probs(model: T5, tasks: Tasks, pairs: list[tuple[list[int], list[int]]], size: int = 50) -> list[np.ndarray]:
    """For each (source, target): log p of the hidden tokens, and the same given that the next token is an ordinary one: (n, 2)."""
    rows = []
    for start in range(0, len(pairs), size):
        chosen = pairs[start : start + size]
        source = pad_sequence([torch.tensor([*tasks.prefix["fill"], *s, EOS]) for s, _ in chosen], batch_first=True)
        target = pad_sequence([torch.tensor([*t, EOS]) for _, t in chosen], batch_first=True)
        shifted = torch.cat((torch.full_like(target[:, :1], PAD), target[:, :-1]), dim=1)
        log_p = model(source, shifted).log_softmax(dim=-1)
        own = log_p.gather(2, target[..., None])[..., 0]
        ordinary = log_p[..., FIRST_ORDINARY:].logsumexp(dim=-1)
        both = torch.stack((own, own - ordinary), dim=-1)
        rows += [both[i][target[i] >= FIRST_ORDINARY].numpy() for i in range(len(chosen))]
    return rows


def passages(documents: list[np.ndarray], n: int, length: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One passage of length tokens from each of up to n documents."""
    fits = [i for i in rng.permutation(len(documents)) if len(documents[i]) >= length][:n]
    starts = [rng.integers(0, len(documents[i]) - length + 1) for i in fits]
    return [documents[i][s : s + length] for i, s in zip(fits, starts, strict=True)]


LENGTHS = gap_lengths(14, 5)  # of 96 tokens 15 %, in gaps of 3 on average
POWERS = (0.25, 0.5, 0.75, 1.0, 1.25)
POWERS_OF = ("told, next to the right side", "told, further in", "not told")  # what a power is chosen for


def choose_exponents(questions: list[Question]) -> dict:
    """The powers of the right side that are best on validation texts, for each way of using it."""
    chosen = {}
    for name, fits in (
        ("told, next to the right side", lambda q: q.missing == 0),
        ("told, further in", lambda q: q.missing > 0),
    ):
        part = [q for q in questions if fits(q) and q.has_right]
        losses = {power: -np.mean([np.log(told(q, {name: power})[q.answer]) for q in part]) for power in POWERS}
        chosen[name] = min(losses, key=losses.get)
    losses = {
        power: -np.mean([np.log(untold(q, {"not told": power}, LENGTHS)[q.answer]) for q in questions])
        for power in POWERS
    }
    return chosen | {"not told": min(losses, key=losses.get)}


def interval(sums: np.ndarray, counts: np.ndarray, draws: int = 2000) -> list[float]:
    """Mean over all tokens, and its 95 % interval when texts are drawn anew: sums and counts (texts,)."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return [round(float(v), 4) for v in (sums.sum() / counts.sum(), *np.quantile(means, (0.025, 0.975)))]


NAMES = (
    "single tokens",
    "left side",
    "both sides",
    "both sides, told the length",
    "t5",
    "t5, told that the gap goes on",
    "t5, with another text's source",
)


def fill_exam(model: T5, tasks: Tasks, rivals: Rivals, chosen: dict, texts: list[np.ndarray], seed: int) -> dict:
    """Loss a hidden token (nats) of T5 and the rivals, with intervals over texts; also of each gap's last token, and paired differences from T5."""
    rng = np.random.default_rng(seed)
    pairs = [span_corruption(text, 0.15, 3.0, rng, SENTINEL) for text in texts]
    moved = [(source, target) for (source, _), (_, target) in zip(pairs[1:] + pairs[:1], pairs, strict=True)]
    losses, last, scores = (
        [],
        [],
        zip(t5_log_probs(model, tasks, pairs), t5_log_probs(model, tasks, moved), strict=True),
    )
    for text, (source, target), (own, foreign) in zip(texts, pairs, scores, strict=True):
        questions = rivals.questions(text, hidden_places(source, target, len(text)))
        p = [
            (
                rivals.unigram[q.answer],
                q.left[q.answer],
                untold(q, chosen, LENGTHS)[q.answer],
                told(q, chosen)[q.answer],
            )
            for q in questions
        ]
        losses.append(np.concatenate([-np.log(np.array(p)), -own, -foreign[:, :1]], axis=1))  # (hidden, 7)
        last.append(np.array([q.missing == 0 and q.has_right for q in questions]))
    report = {"texts": len(texts)}
    for part, keep in (("all", [np.ones(len(c), dtype=bool) for c in last]), ("last of a gap", last)):
        counts = np.array([k.sum() for k in keep])
        sums = np.stack([table[k].sum(axis=0) for table, k in zip(losses, keep, strict=True)])  # (texts, 7)
        report[part] = {"tokens": int(counts.sum())} | {
            name: interval(sums[:, i], counts) for i, name in enumerate(NAMES)
        }
        report[part]["t5 - both sides"] = interval(sums[:, 4] - sums[:, 2], counts)
        report[part]["t5, told that the gap goes on - left side"] = interval(sums[:, 5] - sums[:, 1], counts)
        report[part]["t5, with another text's source - t5"] = interval(sums[:, 6] - sums[:, 4], counts)
        report[part]["t5 - both sides, told the length"] = interval(sums[:, 4] - sums[:, 3], counts)
    return report


# The other tasks


@torch.inference_mode()
def label_scores(
    model: T5, tasks: Tasks, task: str, sources: list[list[int]], n_labels: list[int], labels: tuple[str, ...]
) -> list[np.ndarray]:
    """Probabilities (n, len(labels)) at each sentinel, the sentinels given, the model's own choices in between."""
    ids = [tasks.label_ids[label] for label in labels]
    found = [[] for _ in sources]
    for start in range(0, len(sources), 50):
        chosen = range(start, min(start + 50, len(sources)))
        source = pad_sequence([torch.tensor([*tasks.prefix[task], *sources[i], EOS]) for i in chosen], batch_first=True)
        mask = source != PAD
        memory, caches = model.encode(source, mask), [{} for _ in model.decoder.blocks]
        token = torch.full((len(source), 1), PAD)
        for n in range(max(n_labels[i] for i in chosen)):
            step = torch.cat((token, torch.full_like(token, SENTINEL + n)), dim=1)
            hidden = model.decode(step, memory, mask, caches=caches)[:, -1]
            p = model.logits(hidden)[:, ids].softmax(dim=-1)
            token = torch.tensor(ids)[p.argmax(dim=-1)][:, None]
            for i, row in zip(chosen, p.numpy(), strict=True):
                if n < n_labels[i]:
                    found[i].append(row)
    return [np.array(rows) for rows in found]


def word_tables(texts: list[str]) -> tuple[dict, dict, Counter, Counter]:
    """From training texts: casing by word, casing by (word, opens a sentence), and counts of words and of pairs in lower case."""
    by_word, by_place, words, pairs = {}, {}, Counter(), Counter()
    for text in texts:
        found = WORD.findall(text)
        lower = [w.lower() for w in found]
        words.update(lower)
        pairs.update(zip(lower, lower[1:], strict=False))
        for before, word, low in zip([".", *lower], found, lower, strict=False):
            shape = shape_of(word)
            by_word.setdefault(low, Counter())[shape] += 1
            by_place.setdefault((low, before in ".!?:"), Counter())[shape] += 1
    return by_word, by_place, words, pairs


def shape_of(word: str) -> str:
    return "<AA>" if word.isupper() and len(word) > 1 else "<Aa>" if word[0].isupper() else "<aa>"


def case_exam(model: T5, tasks: Tasks, tables: tuple, documents: np.ndarray, seed: int) -> dict:
    """Share of words with the right casing: T5, the most frequent casing of the word, and of the word at its place."""
    by_word, by_place, _, _ = tables
    rng = np.random.default_rng(seed)
    words = [tasks.words(96, rng, np.array([i])) for i in documents]
    truth = [[shape_of(w) for w in row] for row in words]
    sources = [[i for n, w in enumerate(row) for i in (SENTINEL + n, *tasks.ids(w.lower()))] for row in words]
    labels = ("<aa>", "<Aa>", "<AA>")
    scores = label_scores(model, tasks, "case", sources, [len(row) for row in words], labels)
    table = []
    for row, right, score in zip(words, truth, scores, strict=True):
        for n, (word, answer) in enumerate(zip(row, right, strict=True)):
            low = word.lower()
            frequent = by_word.get(low, Counter({"<Aa>": 1})).most_common(1)[0][0]
            opens = n > 0 and row[n - 1] in ".!?:"
            placed = by_place.get((low, opens), Counter({"<Aa>" if opens else frequent: 1})).most_common(1)[0][0]
            table.append((labels[score[n].argmax()] == answer, frequent == answer, placed == answer, answer == "<aa>"))
    mean = np.array(table).mean(axis=0)
    per_text = np.split(np.array(table).astype(float), np.cumsum([len(r) for r in words])[:-1])
    sums, counts = np.array([t.sum(axis=0) for t in per_text]), np.array([len(t) for t in per_text])
    report = {"texts": len(words), "words": len(table), "lower case always": round(float(mean[3]), 4)}
    for i, name in enumerate(("t5", "most frequent casing", "most frequent casing at its place")):
        report[name] = interval(sums[:, i], counts)
    report["t5 minus casing at its place"] = interval(sums[:, 0] - sums[:, 2], counts)
    return report


def oddness(row: list[str], words: Counter, pairs: Counter) -> list[float]:
    """How badly each word fits its two neighbours, by bigram counts: minus the logs of p(word | before) / p(word) and p(after | word) / p(after)."""
    total, low = sum(words.values()), [w.lower() for w in row]

    def fit(a: str, b: str) -> float:
        own = (words[b] + 0.5) / total
        seen = max(pairs[a, b] - 0.75, 0.0) / words[a] if words[a] else 0.0
        return float(np.log((seen + 0.75 * own) / own))

    fits = [fit(a, b) for a, b in zip(low, low[1:], strict=False)]
    return [-(fits[i - 1] if i else 0.0) - (fits[i] if i < len(fits) else 0.0) for i in range(len(low))]


def best_threshold(scores: np.ndarray, truth: np.ndarray) -> float:
    """The threshold with the highest F1 on validation."""
    order = np.argsort(-scores)
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())
    return float(scores[order][f1.argmax()])


def f1_at(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    guess = scores >= threshold
    return float(2 * (guess & truth).sum() / max(guess.sum() + truth.sum(), 1))


def swap_scores(
    model: T5, tasks: Tasks, tables: tuple, documents: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For every word: T5's probability of <new>, the bigrams' oddness, the truth, and the number of its text."""
    rng = np.random.default_rng(seed)
    for i in documents[:60]:
        tasks.elsewhere += tasks.words(96, rng, np.array([i]))
    drawn = [tasks.swap(96, rng, np.array([i])) for i in documents]
    truth = [np.array([i == tasks.label_ids["<new>"] for i in target[1::2]]) for _, target in drawn]
    scores = label_scores(model, tasks, "swap", [s for s, _ in drawn], [len(t) for t in truth], ("<same>", "<new>"))
    odd = [oddness(split_words(source, tasks), *tables[2:]) for source, _ in drawn]
    texts = np.repeat(np.arange(len(truth)), [len(t) for t in truth])
    return np.concatenate([s[:, 1] for s in scores]), np.concatenate(odd), np.concatenate(truth), texts


def average_precision_interval(
    scores: np.ndarray, truth: np.ndarray, texts: np.ndarray, draws: int = 500
) -> list[float]:
    """Average precision, and its 95 % interval when texts are drawn anew."""
    rng, rows = np.random.default_rng(0), np.split(np.arange(len(texts)), np.flatnonzero(np.diff(texts)) + 1)
    drawn = [np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]) for _ in range(draws)]
    found = [average_precision_score(truth[d], scores[d]) for d in drawn if truth[d].any()]
    values = (average_precision_score(truth, scores), *np.quantile(found, (0.025, 0.975)))
    return [round(float(v), 4) for v in values]


def split_words(source: list[int], tasks: Tasks) -> list[str]:
    """The words of a source in which a sentinel stands before each."""
    words = [[]]
    for i in source:
        if SENTINEL <= i < SENTINEL + N_SENTINELS:
            words.append([])
        else:
            words[-1].append(i)
    return [tasks.tokenizer.decode(ids).strip() for ids in words[1:]]


def swap_exam(
    model: T5, tasks: Tasks, test: np.ndarray, own: Tasks, tables: tuple, validation: np.ndarray, seed: int
) -> dict:
    """Finding replaced words: average precision, and F1 at a threshold chosen on validation, of T5 and of bigrams."""
    tuned = swap_scores(model, own, tables, validation, seed + 1)
    found = swap_scores(model, tasks, tables, test, seed)
    truth, report = found[2], {"texts": len(test), "words": len(found[2]), "replaced": round(float(found[2].mean()), 4)}
    for i, name in enumerate(("t5", "bigrams")):
        threshold = best_threshold(tuned[i], tuned[2])
        report[name] = {
            "average precision": average_precision_interval(found[i], truth, found[3]),
            "f1": round(f1_at(found[i], truth, threshold), 4),
            "accuracy": round(float(((found[i] >= threshold) == truth).mean()), 4),
        }
    report["t5"]["accuracy, own answer"] = round(float(((found[0] > 0.5) == truth).mean()), 4)
    return report


def spans_of(ids: list[int]) -> dict[int, tuple[int, ...]]:
    """What a target, or a written answer, says for each sentinel: number -> ids; the first mention counts."""
    spans, now = {}, None
    for i in ids:
        if SENTINEL <= i < SENTINEL + N_SENTINELS:
            now = []
            spans.setdefault(i - SENTINEL, now)
        elif now is not None and i not in (EOS, PAD):
            now.append(i)
    return {number: tuple(span) for number, span in spans.items()}


def copy_exam(model: T5, tasks: Tasks, documents: np.ndarray, seed: int) -> dict:
    """Share of marked stretches copied without a mistake: words of the text, and made-up names; a rule of five lines copies all."""
    rng = np.random.default_rng(seed)
    drawn = [tasks.copy(96, rng, np.array([i])) for i in documents]
    drawn = [(s, t) for s, t in drawn if t]
    source = pad_sequence([torch.tensor([*tasks.prefix["copy"], *s, EOS]) for s, _ in drawn], batch_first=True)
    written = torch.cat(
        [
            torch.nn.functional.pad(rows, (0, 48 - rows.shape[1]))
            for rows in (generate_t5(model, s, 48) for s in source.split(50))
        ]
    )
    words = {w for i in documents for w in WORD.findall(tasks.tokenizer.decode(list(tasks.documents[i])))}
    table, whole, texts = [], [], []
    for text, ((_, target), row) in enumerate(zip(drawn, written.tolist(), strict=True)):
        wanted, got = spans_of(target), spans_of(row)
        whole.append(wanted == got)
        for n, span in wanted.items():
            known = all(w in words for w in WORD.findall(tasks.tokenizer.decode(list(span))))
            table.append((got.get(n) == span, known))
            texts.append(text)
    right, known = np.array(table).T

    def share(chosen: np.ndarray) -> list[float]:
        sums, counts = (np.bincount(texts, w, len(drawn)) for w in (right & chosen, chosen))
        return interval(sums, counts)

    return {
        "texts": len(drawn),
        "stretches": len(table),
        "all": share(np.ones_like(known)),
        "words of the text": share(known),
        "made-up names": share(~known),
        "made-up stretches": int((~known).sum()),
        "whole answers": interval(np.array(whole, dtype=float), np.ones(len(whole))),
    }


def ends(ids: np.ndarray, length: int = 128) -> np.ndarray:
    """What the T5 sees of a review: its first third and last two thirds of length tokens."""
    return ids if len(ids) <= length else np.concatenate([ids[: length // 3], ids[length // 3 - length :]])


def sentiment_exam(
    model: T5, tasks: Tasks, test: np.ndarray, own: Tasks, tenth7: np.ndarray, words: bool = True
) -> dict:
    """Accuracy on test reviews: T5's written answer; logistic regression on TF-IDF of the same 128 tokens, and of whole reviews; the majority."""
    source = pad_sequence(
        [torch.tensor([*tasks.prefix["sentiment"], *ends(tasks.documents[i]), EOS]) for i in test], batch_first=True
    )
    written = torch.cat(
        [
            torch.nn.functional.pad(rows, (0, 6 - rows.shape[1]))
            for rows in (generate_t5(model, s, 6) for s in source.split(50))
        ]
    )
    answers = [tuple(i for i in row if i not in (EOS, PAD)) for row in written.tolist()]
    truth = np.array([tasks.labels[i] for i in test])
    right = np.array([answer == tuple(tasks.answers[label]) for answer, label in zip(answers, truth, strict=True)])
    one = np.ones(len(test))
    report = {
        "reviews": len(test),
        "majority": round(float(max(truth.mean(), 1 - truth.mean())), 4),
        "t5": interval(right.astype(float), one),
    }
    report["t5 wrote neither word"] = round(
        float(np.mean([answer not in map(tuple, tasks.answers) for answer in answers])), 4
    )
    for name, cut in (("tf-idf, same tokens", ends), ("tf-idf, whole review", lambda ids: ids)):
        texts = {key: [t.tokenizer.decode(list(cut(t.documents[i]))) for i in chosen] for key, t, chosen in (
            ("train", own, own.labelled), ("validation", own, tenth7), ("test", tasks, test))}  # fmt: skip
        vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
        X = vectors.fit_transform(texts["train"])
        y = np.array([own.labels[i] for i in own.labelled])
        X_val, y_val = vectors.transform(texts["validation"]), np.array([own.labels[i] for i in tenth7])
        models = {C: LogisticRegression(C=C, max_iter=300).fit(X, y) for C in (1.0, 4.0, 16.0)}
        C = max(models, key=lambda c: models[c].score(X_val, y_val))
        hits = models[C].predict(vectors.transform(texts["test"])) == truth
        report[name] = interval(hits.astype(float), one) + [C]
        report[f"t5 minus {name}"] = interval(right.astype(float) - hits, one)
    return report


def main(smoke: bool) -> None:
    set_threads(1)
    seed_everything(0)
    began = time.process_time()
    fast, theirs = small_t5()
    model, tokenizer = load_t5(new_model(), theirs).eval(), fast.backend_tokenizer
    n = (
        {"fill": 6, "validation": 4, "task": 6, "sentiment": 20}
        if smoke
        else {"fill": 300, "validation": 100, "task": 300, "sentiment": 2000}
    )
    own = few_documents(tokenizer) if smoke else Tasks(tokenizer)
    documents, labels = imdb_documents(tokenizer, n=100 if smoke else None)
    tests = ExamTasks(tokenizer, documents, labels)
    plays = play_documents(tokenizer)
    rivals = Rivals([own.documents[i] for i in own.train])
    print(
        f"counted {sum(len(own.documents[i]) for i in own.train):,} tokens, {time.process_time() - began:.0f} s",
        flush=True,
    )
    rng = np.random.default_rng(15)
    held_out = passages([own.documents[i] for i in own.validation], n["validation"], 96, rng)
    masks = [hidden_places(*span_corruption(text, 0.15, 3.0, rng, SENTINEL), len(text)) for text in held_out]
    chosen = choose_exponents(
        [q for text, mask in zip(held_out, masks, strict=True) for q in rivals.questions(text, mask)]
    )
    print(chosen, f"{time.process_time() - began:.0f} s", flush=True)
    report = {
        "command": "python -m benchmarks.nb15_t5_exam",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, 1 thread of a shared machine with 2 cores",
        "versions": {"python": platform.python_version()}
        | {p: version(p) for p in ("torch", "transformers", "tokenizers", "scikit-learn")},
        "training_tokens": int(sum(len(own.documents[i]) for i in own.train)),
        "n_grams": sum(len(level.keys) for level in rivals.counts.orders.values()),
        "chosen_on_validation": {key: float(value) for key, value in chosen.items()},
        "fill": {},
    }
    for name, texts in (("imdb", documents), ("plays", plays)):
        report["fill"][name] = fill_exam(model, own, rivals, chosen, passages(texts, n["fill"], 96, rng), seed=16)
        print(name, json.dumps(report["fill"][name], indent=1), f"{time.process_time() - began:.0f} s", flush=True)
    tables = word_tables([tokenizer.decode(list(own.documents[i])) for i in own.train])
    long = np.array([i for i in rng.permutation(len(documents)) if len(documents[i]) >= 96])
    tenth7 = np.array(sorted(set(range(own.n_films)) - set(own.labelled.tolist())))
    tenth7 = tenth7[tenth7 < own.n_films][: 40 if smoke else None]
    validation = np.array([i for i in own.validation if len(own.documents[i]) >= 96])[: n["task"]]
    own.labelled = own.labelled[own.labelled < own.n_films]
    report["case"] = case_exam(model, tests, tables, long[: n["task"]], seed=17)
    report["swap"] = swap_exam(model, tests, long[n["task"] : 2 * n["task"]], own, tables, validation, seed=18)
    report["copy"] = copy_exam(model, tests, long[2 * n["task"] : 3 * n["task"]], seed=19)
    report["sentiment"] = sentiment_exam(model, tests, rng.permutation(len(documents))[: n["sentiment"]], own, tenth7)
    report["cpu_seconds"], report["peak_gb"] = (
        round(time.process_time() - began),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1),
    )
    print(json.dumps({key: report[key] for key in ("case", "swap", "copy", "sentiment")}, indent=1))
    if not smoke:
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] == ["--smoke"])
