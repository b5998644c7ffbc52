"""Pre-train the small T5 that notebooks 15 and 16 use, and ship it in data/checkpoints (called by ``python -m scripts.checkpoints small_t5``).

Text-to-text, five tasks, each named by a prefix (notebook 15, section 6):

- ``fill:`` span corruption (Raffel et al. 2020, section 3.1.4), 15, 30 or 50 % of the tokens (Tay et al. 2022, UL2, mix rates, too);
- ``case:`` words in lower case, a sentinel before each -> was it written aa, Aa or AA?
- ``swap:`` words, a sentinel before each, 15 % replaced by a word from elsewhere -> same or new? (after Clark et al. 2020, ELECTRA)
- ``copy:`` one to four marked stretches, most of them made-up names -> the stretches;
- ``sentiment:`` beginning and end of a review -> positive or negative.

Text: IMDB's training part (25 MB) and 35 of Shakespeare's plays (4.5 MB). Never seen: IMDB's test part, a sixth of tenth 7 (validation), two plays,
the labels of tenth 7. Muon for the matrices (Jordan et al. 2024; scripts/muon.py), AdamW for the rest; bf16 where the CPU has it.
"""

from __future__ import annotations

import re
import time

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn import functional as F

from lessons.t5 import T5, T5Config, span_corruption
from scripts.muon import Muon
from utils.data import reviews, shakespeare_plays
from utils.pretrained import fast_dtype

VOCAB_SIZE, N_SENTINELS, N_HELD_OUT_PLAYS = 3200, 100, 2
LABELS = ("<same>", "<new>", "<aa>", "<Aa>", "<AA>")
SPECIAL = ("<pad>", "</s>", "<unk>", *(f"<extra_id_{i}>" for i in range(N_SENTINELS)), *LABELS)
PAD, EOS, SENTINEL = 0, 1, 3  # ids; SENTINEL + i is <extra_id_i>
WORD = re.compile(r"[A-Z](?:\.[A-Z])+\.?|\d+(?:[.,:]\d+)+|\w+(?:['’-]\w+)*|[^\w\s]")
MIXTURE = {"fill": 0.60, "case": 0.09, "swap": 0.12, "copy": 0.14, "sentiment": 0.05}
CORRUPTION = ((0.15, 3.0), (0.3, 3.0), (0.5, 6.0))  # share hidden and mean length of a span, drawn evenly
LENGTHS, LENGTH_SHARES = (32, 64, 96, 128), (0.15, 0.25, 0.30, 0.30)
SETTINGS = {
    "seed": 0,
    "steps": 3300,
    "warm_up": 60,
    "decay": 0.6,
    "tokens_a_batch": 3072,
    "muon_rate": 1e-3,
    "adam_rate": 2e-3,
    "matching_rate": 5e-4,
    "clip": 1.0,
}
ONSETS = "b c d f g h j k l m n p r s t v w y z br cr dr fl gr kr pl pr st sh th tr ch".split()
VOWELS = "a e i o u ai ea ee ia io ou".split()
CODAS = ["", "", "", *"n r l s m t nd rt ck x th".split()]


def texts() -> tuple[list[str], list[str], list[int], list[int]]:
    """(reviews, passages of plays of about 900 characters, the reviews' labels, the reviews' tenths); spaces made single."""
    films = reviews("imdb", "train")
    passages = []
    for play in list(shakespeare_plays().values())[:-N_HELD_OUT_PLAYS]:
        gathered, n = [], 0
        for paragraph in play.split("\n\n"):
            gathered.append(re.sub(r"\s+", " ", paragraph).strip())
            n += len(gathered[-1])
            if n > 900:
                passages.append(" ".join(gathered))
                gathered, n = [], 0
    return [re.sub(r"\s+", " ", text) for text in films.text], passages, list(films.label), list(films.films)


def train_tokenizer(lines: list[str]) -> Tokenizer:
    """Byte-level BPE, cased, 3,200 tokens; special tokens swallow the space before them; an end token closes each text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, lstrip=True, special=True) for token in SPECIAL]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", EOS)]
    )
    return tokenizer


def made_up_name(rng: np.random.Generator) -> str:
    """One to three random syllables, capitalised four times in five."""
    name = "".join(
        str(rng.choice(ONSETS)) + str(rng.choice(VOWELS)) + str(rng.choice(CODAS)) for _ in range(rng.integers(1, 4))
    )
    return name.capitalize() if rng.random() < 0.8 else name


class Tasks:
    """Draws examples of the five tasks from the corpus; ``validation`` draws from the held-out sixth of tenth 7."""

    def __init__(self, tokenizer: Tokenizer | None = None):
        films, passages, self.labels, tenths = texts()
        self.tokenizer = tokenizer or train_tokenizer(films + passages)
        documents = [np.array(e.ids[:-1]) for e in self.tokenizer.encode_batch(films + passages)]
        held_out = {i for i, tenth in enumerate(tenths) if tenth == 7 and i % 6 == 0}
        self.documents, self.n_films = documents, len(films)
        self.train = np.array([i for i in range(len(documents)) if i not in held_out])
        self.labelled = np.array([i for i, tenth in enumerate(tenths) if tenth != 7])
        self.validation = np.array(sorted(held_out))
        sizes = np.array([len(documents[i]) for i in self.train])
        self.cumulative = np.cumsum(sizes) / sizes.sum()
        self.prefix = {task: self.tokenizer.encode(f"{task}:").ids[:-1] for task in MIXTURE}
        self.label_ids = {label: self.tokenizer.token_to_id(label) for label in LABELS}
        self.answers = [self.tokenizer.encode(word).ids[:-1] for word in ("negative", "positive")]
        self.known: dict[str, list[int]] = {}
        self.elsewhere: list[str] = []

    def ids(self, word: str) -> list[int]:
        """The ids of one word, remembered."""
        if word not in self.known:
            self.known[word] = self.tokenizer.encode(word).ids[:-1]
        return self.known[word]

    def passage(self, length: int, rng: np.random.Generator, documents: np.ndarray | None) -> np.ndarray:
        """``length`` tokens from anywhere in the corpus (or in ``documents``)."""
        while True:
            if documents is None:
                chosen = self.train[np.searchsorted(self.cumulative, rng.random())]
            else:
                chosen = rng.choice(documents)
            document = self.documents[chosen]
            if len(document) >= length:
                start = rng.integers(0, len(document) - length + 1)
                return document[start : start + length]

    def words(self, length: int, rng: np.random.Generator, documents: np.ndarray | None) -> list[str]:
        """Some words of the corpus in a row, so many that with a sentinel before each they make about ``length`` tokens."""
        ids = self.passage(min(64, length), rng, documents)
        return WORD.findall(self.tokenizer.decode(list(ids)))[1:-1][: int(length * 0.42)]

    def sentiment(self, length: int, rng, documents) -> tuple[list[int], list[int]]:
        chosen = rng.choice(self.labelled if documents is None else documents)
        ids = list(self.documents[chosen])
        if len(ids) > length:
            ids = ids[: length // 3] + ids[length // 3 - length :]
        return ids, self.answers[self.labels[chosen]]

    def copy(self, length: int, rng, documents) -> tuple[list[int], list[int]]:
        words = self.words(length, rng, documents)
        source, target, n = [], [], 0
        while words:
            if n < 4 and rng.random() < 0.12:
                size = int(rng.integers(1, 4))
                marked = [made_up_name(rng) for _ in range(size)] if rng.random() < 0.7 else words[:size]
                ids = [i for word in marked for i in self.ids(word)]
                source += [SENTINEL + n, *ids, SENTINEL + n]
                target += [SENTINEL + n, *ids]
                n, words = n + 1, words[size:]
            else:
                source += self.ids(words[0])
                words = words[1:]
        return source, target

    def case(self, length: int, rng, documents) -> tuple[list[int], list[int]]:
        source, target = [], []
        for i, word in enumerate(self.words(length, rng, documents)):
            shape = "<AA>" if word.isupper() and len(word) > 1 else "<Aa>" if word[0].isupper() else "<aa>"
            source += [SENTINEL + i, *self.ids(word.lower())]
            target += [SENTINEL + i, self.label_ids[shape]]
        return source, target

    def swap(self, length: int, rng, documents) -> tuple[list[int], list[int]]:
        words = self.words(length, rng, documents)
        if len(self.elsewhere) < 2000:
            self.elsewhere += words
        source, target = [], []
        for i, word in enumerate(words):
            label = "<same>"
            if rng.random() < 0.15:
                spot = rng.integers(len(self.elsewhere))
                other, self.elsewhere[spot] = self.elsewhere[spot], word
                label = "<same>" if other == word else "<new>"
                word = other
            source += [SENTINEL + i, *self.ids(word)]
            target += [SENTINEL + i, self.label_ids[label]]
        return source, target

    def fill(self, length: int, rng, documents) -> tuple[list[int], list[int]]:
        rate, mean_length = (0.15, 3.0) if documents is not None else CORRUPTION[rng.integers(len(CORRUPTION))]
        return span_corruption(self.passage(length, rng, documents), rate, mean_length, rng, SENTINEL)

    def batch(self, task: str, length: int, size: int, rng, documents=None) -> tuple[torch.Tensor, torch.Tensor]:
        """``size`` examples of one task: source (B, S) and target (B, T) ids, prefix first, end token last, padded on the right."""
        pairs = [getattr(self, task)(length, rng, documents) for _ in range(size)]
        sources = [torch.tensor([*self.prefix[task], *source, EOS]) for source, _ in pairs]
        targets = [torch.tensor([*target, EOS]) for _, target in pairs]
        pad = torch.nn.utils.rnn.pad_sequence
        return pad(sources, batch_first=True), pad(targets, batch_first=True)


def loss(model: T5, source: torch.Tensor, target: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Cross-entropy of the target's tokens, padding left out: notebook 15's, but logits of the real tokens alone, and in bf16 where that is fast."""
    with torch.autocast("cpu", torch.bfloat16, enabled=fast_dtype() == torch.bfloat16):
        shifted = torch.cat((torch.zeros_like(target[:, :1]), target[:, :-1]), dim=1)
        mask = source != PAD
        hidden = model.decode(shifted, model.encode(source, mask), mask)
        real = target != PAD
        logits = model.logits(hidden[real])
    return F.cross_entropy(logits.float(), target[real], reduction=reduction)


@torch.no_grad()
def validate(model: T5, batches: dict) -> dict[str, float]:
    """Loss a token of each task."""
    model.eval()
    losses = {
        task: sum(loss(model, *pair, reduction="sum").item() for pair in pairs)
        / sum((target != PAD).sum().item() for _, target in pairs)
        for task, pairs in batches.items()
    }
    model.train()
    return {task: round(value, 4) for task, value in losses.items()}


def new_model() -> T5:
    """4.2 M parameters: 4 + 2 layers, 192 wide, gated, untied (v1.1). Some starting values differ from T5's.

    Started as T5 is, this one had learned after 3,300 steps to write without reading: its loss was the same with another text as source.
    So the cross-attention starts as a copier: keys equal to queries (a token looks for its like), and an output that undoes the values,
    into a head that is a small copy of the embedding. All other outputs start ten times smaller, so that a token's own vector is not
    drowned. And each head of the self-attentions prefers one of the nearest places (+3 on one bucket): that teaches the sentinels' order.
    """
    config = T5Config(
        vocab_size=VOCAB_SIZE,
        d_model=192,
        n_heads=4,
        d_head=48,
        n_layers=4,
        n_decoder_layers=2,
        d_ff=512,
        gated=True,
        tied=False,
        dropout=0.0,
    )
    model = T5(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("W_o.weight", "down.weight")):
                parameter.mul_(0.1)
        for block in model.decoder.blocks:
            cross = block.cross_attention
            cross.W_q.weight.mul_(config.d_head**0.25)
            cross.W_k.weight.copy_(cross.W_q.weight)
            torch.nn.init.orthogonal_(cross.W_v.weight)
            cross.W_o.weight.copy_(0.5 * cross.W_v.weight.T)
        model.head.weight.copy_(0.05 * model.embedding.weight)
        for stack, buckets in ((model.encoder, (1, 17, 2, 18)), (model.decoder, (0, 1, 2, 3))):
            for head, bucket in enumerate(
                buckets
            ):  # encoder: one or two to the left or right; decoder: itself and the three before
                stack.position_bias.table.weight[bucket, head] += 3.0
    return model


def optimizers(model: T5) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices; AdamW for embeddings, head and norms, at ten times the rate for the position biases.

    AdamW, and slowly, for the matrices that match queries and keys in the cross-attention, too: Muon changes all directions of a
    matrix alike, and would wipe out their start in fifty steps.
    """
    named = dict(model.named_parameters())
    tables = [p for name, p in named.items() if name.endswith("table.weight")]
    matching = [
        p for name, p in named.items() if name.endswith(("cross_attention.W_q.weight", "cross_attention.W_k.weight"))
    ]
    plain = [p for p in named.values() if p.dim() == 1] + [model.embedding.weight, model.head.weight]
    other = {id(p) for p in (*tables, *matching, *plain)}
    matrices = [p for p in named.values() if id(p) not in other]
    groups = [
        {"params": plain, "lr": SETTINGS["adam_rate"]},
        {"params": tables, "lr": 10 * SETTINGS["adam_rate"]},
        {"params": matching, "lr": SETTINGS["matching_rate"]},
    ]
    return [
        Muon(matrices, lr=SETTINGS["muon_rate"], weight_decay=0.05),
        torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def pretrain(steps: int | None = None, report=print, save=None, every: int = 125) -> tuple[T5, Tasks, dict]:
    """(model, tasks, record). ``steps``: stop early, on the same schedule. ``save(model, tasks, record)`` runs at each validation."""
    s = SETTINGS
    torch.manual_seed(s["seed"])
    rng = np.random.default_rng(s["seed"])
    tasks, model = Tasks(), new_model()
    held_out = np.random.default_rng(99)
    validation = {task: [tasks.batch(task, 96, 64, held_out, tasks.validation) for _ in range(3)] for task in MIXTURE}
    both = optimizers(model)
    full = [[group["lr"] for group in optimizer.param_groups] for optimizer in both]
    record = {"settings": s, "curve": [], "first_losses": []}
    began, seen = time.process_time(), 0
    for step in range(steps or s["steps"]):
        factor = min((step + 1) / s["warm_up"], 1.0, (s["steps"] - step) / (s["decay"] * s["steps"]))
        for optimizer, rates in zip(both, full, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        task = str(rng.choice(list(MIXTURE), p=list(MIXTURE.values())))
        length = int(rng.choice(LENGTHS, p=LENGTH_SHARES))
        source, target = tasks.batch(task, length, s["tokens_a_batch"] // (length + 16), rng)
        value = loss(model, source, target)
        for optimizer in both:
            optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), s["clip"])
        for optimizer in both:
            optimizer.step()
        seen += source.numel() + target.numel()
        if step < 10:
            record["first_losses"].append(round(value.item(), 3))
        if (step + 1) % every == 0 or step + 1 == s["steps"]:
            losses = validate(model, validation)
            seconds = round(time.process_time() - began)
            record["curve"].append({"step": step + 1, "tokens": seen, "cpu_seconds": seconds, "validation": losses})
            record["cpu_seconds"] = seconds
            report(step + 1, f"{seen / 1e6:.1f} M tokens, {seconds} s", losses)
            if save:
                save(model, tasks, record)
    return model.eval(), tasks, record
