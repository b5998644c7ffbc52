"""Notebook 16's counting, target forms and constrained decoding against plain code; the long run's examples."""

import copy
import itertools
import json
import random
import re
import shutil
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from lessons.entities import (
    FORMS,
    LABELS,
    MOST_WORDS,
    NEW_TOKENS,
    f1,
    f1_interval,
    label_moves,
    likeliest,
    parts,
    read_sentinels,
    read_tags,
    read_words,
    spans,
    strict_counts,
    tag_by_sentinels,
    with_new_tokens,
    write_sentinels,
    write_tags,
    write_words,
)
from scripts import entity_t5
from utils import ROOT, tools
from utils.entities import TYPES, Sentence, annotated_sentences, make_sentences
from utils.pretrained import CHECKPOINTS, add_differences, load_checkpoint, small_t5

WORDS = ("Ada", "Quill", "saw", "Ada", "in", "Upper", "Calton", ".")
SENTENCE = Sentence(WORDS, ("B-person", "I-person", "O", "B-person", "O", "B-place", "I-place", "O"), "by hand")


def slow_spans(labels):
    """Entities by trying every stretch."""
    kind = [label[2:] for label in labels]
    opens = [
        label != "O" and (label[0] == "B" or i == 0 or labels[i - 1] == "O" or kind[i - 1] != kind[i])
        for i, label in enumerate(labels)
    ]
    found = set()
    for a in range(len(labels)):
        for b in range(a + 1, len(labels) + 1):
            inside = all(labels[i] != "O" and kind[i] == kind[a] and not opens[i] for i in range(a + 1, b))
            goes_on = b < len(labels) and labels[b] != "O" and kind[b] == kind[a] and not opens[b]
            if opens[a] and inside and not goes_on:
                found.add((a, b, kind[a]))
    return found


def test_spans():
    """Any sequence of labels, well-formed or not."""
    rng = random.Random(0)
    for _ in range(500):
        labels = rng.choices(["O", "B-person", "I-person", "B-date", "I-date"], k=rng.randint(0, 9))
        assert spans(labels) == slow_spans(labels)
    assert spans(SENTENCE.labels) == {(0, 2, "person"), (3, 4, "person"), (5, 7, "place")}


def test_counts_and_f1():
    """Border and type both count; an empty test is perfect; the interval holds the value and is narrower with more groups."""
    true = [{(0, 2, "person"), (3, 4, "date")}, set()]
    guess = [{(0, 2, "place"), (3, 4, "date")}, {(0, 1, "date")}]
    counts = strict_counts(true, guess)
    assert counts.sum(axis=(0, 1)).tolist() == [1, 3, 2] and counts.shape == (2, len(TYPES), 3)
    assert f1(counts) == pytest.approx(2 / 5) and f1(counts[:1]) == pytest.approx(1 / 2)
    assert f1(np.zeros((3, 5, 3))) == 1.0
    with pytest.raises(ValueError, match="shorter|longer"):
        strict_counts(true, guess[:1])
    rng = np.random.default_rng(0)
    there = np.zeros((200, 5, 3), dtype=int)
    there[:, 0, 1:] = 1
    there[:, 0, 0] = rng.random(200) < 0.7
    low, high = f1_interval(there, [str(i) for i in range(200)])
    wide = f1_interval(there, [str(i // 20) for i in range(200)])
    assert low < f1(there) < high and 0.08 < high - low < 0.18 and wide[0] < f1(there) < wide[1]
    assert f1_interval(there, ["all"] * 200) == pytest.approx((f1(there), f1(there)))


def test_likeliest_is_the_best_of_all_paths():
    """Every path tried, forbidden moves among them; one word alone."""
    rng = np.random.default_rng(0)
    for T in (1, 4):
        for _ in range(20):
            scores, moves = rng.normal(size=(T, 3)), rng.normal(size=(4, 3))
            moves[0, 2] = -np.inf

            def total(path, scores=scores, moves=moves):
                steps = zip((3, *path), path, strict=False)
                return sum(moves[a, b] for a, b in steps) + sum(scores[t, label] for t, label in enumerate(path))

            assert likeliest(scores, moves) == list(max(itertools.product(range(3), repeat=T), key=total))


def test_label_moves():
    """I- follows its own kind alone; what is frequent after a label gains, what is rare loses."""
    labels = ["B-date", "B-person", "I-date", "I-person", "O"]
    moves = label_moves([SENTENCE, Sentence(("a",) * 9, ("O",) * 9, "")], ["B-person", "I-person", "B-place", "I-place", "O"])
    assert moves[0, 1] > 0 > moves[4, 2] and np.isfinite(moves[5, 0])
    moves = label_moves([Sentence(("a",) * 3, ("O",) * 3, "")], labels)
    for i, before in enumerate([*labels, "start"]):
        for j, label in enumerate(labels):
            assert np.isfinite(moves[i, j]) == (label[0] != "I" or before in (f"B-{label[2:]}", label))


def test_parts_share_no_name():
    """Each sentence in one part; parts of about the same size; no name in two."""
    some = annotated_sentences()
    for n in (2, 5):
        made = parts(some, n)
        assert sorted(map(str, sum(made, []))) == sorted(map(str, some)) and max(map(len, made)) - min(map(len, made)) <= 6
        names = [{" ".join(s.words[a:b]) for s in part for a, b, kind in spans(s.labels) if kind != "date"} for part in made]
        assert not any(a & b for a, b in itertools.combinations(names, 2))
    small = some[0].in_small_letters()
    assert small.labels == some[0].labels and not any(c.isupper() for word in small.words for c in word)


@pytest.mark.parametrize("form", FORMS)
def test_forms_come_back(form):
    """Written and read again, with special tokens spaced or not."""
    write, read = FORMS[form]
    some = [s for s in make_sentences("train", "train", 1, seed=3)[::20] if len(s.words) <= MOST_WORDS]
    lost = [s for s in some if read(write(s)[1], s.words) != spans(s.labels)]
    assert len(lost) <= (len(some) // 50 if form == "words" else 0)
    tight = write(SENTENCE)[1].replace("> ", ">").replace(" <", "<")
    assert read(tight, WORDS) == spans(SENTENCE.labels)


def test_what_broken_answers_mean():
    """Words that stand nowhere, tags that do not fit, sentinels out of range: never an exception, never a point for free."""
    assert read_words("<person> Ida Quill <place> Upper Calton", WORDS) == {(18, 19, "person"), (5, 7, "place")}
    assert read_words("<end>", WORDS) == set() == read_words("", WORDS) == read_words("<person> <place>", WORDS)
    assert read_words("<person> Ada <person> Ada", WORDS) == {(0, 1, "person"), (3, 4, "person")}
    assert read_tags("<person> Ada Quill <end> met nobody", WORDS) == {(0, 2, "person")}
    assert read_tags("Ada Quill saw <person> Ada <end> in Upper Calton .", WORDS) == {(3, 4, "person")}
    assert read_tags("<person> Ada Quill saw Ada in Upper Calton .", WORDS) == set()
    assert read_sentinels(
        "<extra_id_0> <B-person> <extra_id_99> <B-date> <extra_id_5><B-place><extra_id_6><O>", WORDS
    ) == {
        (0, 1, "person"),
        (5, 6, "place"),
    }
    assert (
        write_words(Sentence(("No",), ("O",), ""))[1] == "<end>"
        and write_tags(Sentence(("No",), ("O",), ""))[1] == "No"
    )
    long = Sentence(("a",) * 120, ("O",) * 120, "")
    assert write_sentinels(long)[0].count("<extra_id_") == MOST_WORDS == write_sentinels(long)[1].count("<O>")


@pytest.fixture(scope="module")
def shipped():
    tokenizer, model = with_new_tokens(*small_t5())
    return tokenizer, add_differences(model, load_checkpoint("entity_t5"))


def test_with_new_tokens(shipped):
    """Every label is one token; the head stays untied; the old rows stay as they were."""
    tokenizer, start = with_new_tokens(*small_t5())
    assert all(len(tokenizer(token)["input_ids"]) == 2 for token in NEW_TOKENS)
    old = small_t5()[1]
    n = old.shared.num_embeddings
    assert torch.equal(start.shared.weight[:n], old.shared.weight) and torch.equal(
        start.lm_head.weight[:n], old.lm_head.weight
    )
    assert start.shared.weight.data_ptr() != start.lm_head.weight.data_ptr() and not start.lm_head.weight[n:].any()
    assert torch.equal(start.shared.weight, with_new_tokens(*small_t5())[1].shared.weight)


def test_constrained_decoding(shipped):
    """Batched, cached, padded: the same as one sentence at a time without a cache; an empty list is an empty list."""
    tokenizer, model = shipped
    labels = torch.tensor(tokenizer.convert_tokens_to_ids([f"<{label}>" for label in LABELS]))
    some = [*annotated_sentences()[:6], Sentence(("Ada",), ("O",), ""), Sentence(("word",) * 103, ("O",) * 103, "")]
    slow = []
    with torch.inference_mode():
        for s in some:
            source = tokenizer(write_sentinels(s)[0], return_tensors="pt")
            so_far, found = [model.config.decoder_start_token_id], []
            for i in range(min(MOST_WORDS, len(s.words))):
                so_far.append(tokenizer.convert_tokens_to_ids(f"<extra_id_{i}>"))
                best = model(**source, decoder_input_ids=torch.tensor([so_far])).logits[0, -1, labels].argmax()
                so_far.append(labels[best].item())
                found.append(LABELS[best])
            slow.append(spans(found))
    assert tag_by_sentinels(model, tokenizer, some, batch_size=3) == slow
    assert tag_by_sentinels(model, tokenizer, []) == []


def test_shipped_weights_are_as_good_as_recorded(shipped):
    """F1 on the validation part within what its sentences can tell, from the weights in 8 bits."""
    record = json.loads((CHECKPOINTS / "entity_t5.json").read_text())
    some = make_sentences("validation", "validation", 3, seed=5)
    assert (
        abs(entity_t5.strict_f1(shipped[1], shipped[0], some) - record["shipped_f1"]["new names, new wording"]) < 0.02
    )


@pytest.fixture
def examples(tmp_path, monkeypatch):
    path = tmp_path / "real.jsonl"
    monkeypatch.setattr(entity_t5, "REAL", path)
    entity_t5.write_lines(
        path,
        [{"words": list(WORDS), "labels": list(SENTENCE.labels)}] * 3
        + [{"words": ["In", "Port", "Calton"], "labels": ["O", "B-place", "I-place"]}]  # "Port" is a head of the test's: left out
        + [{"words": ["So", "it", "goes"], "labels": ["O"] * 3}],
    )
    made = entity_t5.Examples(0)
    made.widen()
    return made


def test_examples(examples):
    """Labels fit words, whatever is glued or renamed; real sentences come in their share; no entity begins inside."""
    assert len(examples.real) == 4 and len(examples.named) == 3
    drawn = [examples.draw() for _ in range(600)]
    for s in drawn:
        assert len(s.words) == len(s.labels) <= entity_t5.SETTINGS["longest"]
        for before, label in zip(("O", *s.labels), s.labels, strict=False):
            assert not label.startswith("I-") or before[2:] == label[2:]
    assert 0.33 < sum(s.source == "imdb" for s in drawn) / 600 < 0.47
    other = [examples.swapped(SENTENCE) for _ in range(20)]
    assert all(
        [kind for *_, kind in sorted(spans(s.labels))] == ["person", "person", "place"] and s.words[-1] == "."
        for s in other
    )
    assert len({s.words for s in other}) > 15
    filled = make_sentences("train", "train", 1, seed=0)[0]
    glued = [examples.glued(filled) for _ in range(50)]
    assert {kind for s in glued for *_, kind in spans(s.labels)} == {kind for *_, kind in spans(filled.labels)}


def test_missing_real_sentences(tmp_path, monkeypatch):
    """One sentence and the command."""
    monkeypatch.setattr(entity_t5, "REAL", tmp_path / "none.jsonl")
    with pytest.raises(
        SystemExit, match="none.jsonl is missing from data/cache; make it: python -m scripts.entity_t5 label"
    ):
        entity_t5.Examples(0).widen()


def test_batches_and_loss(examples):
    """Ids are the tokenizer's own; the loss falls on a batch that is seen again."""
    tokenizer, _, model = entity_t5.start_model()
    batches = entity_t5.Batches(tokenizer, 0)
    for text in write_sentinels(SENTENCE):
        assert batches.ids(text) == tokenizer(text)["input_ids"]
    source, target = next(batches)
    assert len(source) == len(target) >= 8 and source.max() < model.config.vocab_size
    both, losses = entity_t5.optimizers(model), []
    source, target = source[:8], target[:8]
    for _ in range(4):
        value = entity_t5.loss(model, source, target)
        model.zero_grad()
        value.backward()
        for optimizer in both:
            optimizer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0] - 0.5


def test_tagger_answers_belong_to_the_sentences():
    """The shipped answers of MiniLM are for the sentences that the notebook examines."""
    record = json.loads((ROOT / "benchmarks/results/nb16_tagger.json").read_text())
    for name, sentences in entity_t5.examined().items():
        assert record["sentences"][name] == entity_t5.fingerprint(sentences) and len(record["answers"][name]) == len(
            sentences
        )


def test_without_autotrain_the_notebook_shows_what_is_shipped(tmp_path, capsys):
    """The cells that need the tool, run where its environment is missing: one sentence, the command, results marked as shipped, and no run."""
    notebook = nbformat.read(ROOT / "notebooks/16_project_3_ner_with_autotrain.ipynb", as_version=4)
    cells = [c.source for c in notebook.cells if c.cell_type == "code" and re.search(r"\b(lacking|project)\b", c.source)]
    assert len(cells) == 4

    class Missing:
        ToolError, history = tools.ToolError, None
        missing = staticmethod(lambda name: "The environment of autotrain is not there yet. Run `make tools`.")

        @staticmethod
        def run_autotrain(*args, **kwargs):
            raise AssertionError("a run was started without the environment")

    shown = {"ROOT": ROOT, "copy": copy, "json": json, "re": re, "time": time, "shutil": shutil, "tools": Missing, "folder": tmp_path, "Path": Path}
    shown |= {"config": {"data": {"column_mapping": {}}}, "validation": {}, "held": [], "taggers": {"T5, long run": None}}
    shown |= {"examine": lambda *_: {}, "in_words": lambda *_: "measured", "T5ForConditionalGeneration": None}
    shown["validation"] = dict.fromkeys(("new wording, new names", "real, to learn from"))
    shown["small"] = {}
    (tmp_path / "small/data").mkdir(parents=True)
    for source in cells:
        exec(source, shown)
    said = capsys.readouterr().out
    assert "not there yet. Run `make tools`" in said and said.count("shipped") >= 4
    assert "ToolError" in said and "answer not in train data" in said and "AutoTrain" in said
