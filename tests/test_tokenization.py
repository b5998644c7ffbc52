"""The BPE tokenizer of notebook 03 equals Hugging Face's, brings back any text, and refuses what it cannot do in one sentence."""

import json
import random
import time

import pytest
import tokenizers
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers

from utils.data import ROOT
from utils.lessons.tokenization import BPETokenizer, leftmost, pre_split

SPECIAL = ("<|endoftext|>", "<|end", "[pad]")
SAMPLE = "The theatre, the other theatre; they're there. naïve café 世界 🙂🙂 aaaa aaaaa 1234 12\n\n  x\t" * 3


def reference(text, vocab_size, special=SPECIAL):
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    theirs.train_from_iterator(
        [text],
        trainers.BpeTrainer(
            vocab_size=vocab_size, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
        ),
    )
    return theirs


def merges_of(theirs):
    model = json.loads(theirs.to_str())["model"]
    return [(model["vocab"][a], model["vocab"][b]) for a, b in model["merges"]]


@pytest.fixture(scope="module")
def trained():
    return BPETokenizer(SPECIAL).train(SAMPLE, 330), reference(SAMPLE, 330)


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
quick = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(anything, st.booleans())
def test_round_trip_and_ids_on_any_unicode(trained, text, allow_special):
    ours, theirs = trained
    ids = ours.encode(text, allow_special=allow_special)
    assert ours.decode(ids) == text
    theirs.encode_special_tokens = not allow_special
    assert ids == theirs.encode(text).ids


@quick
@given(st.lists(st.sampled_from([*SPECIAL, "<|", "endoftext", "|>", " ", "pad", "[", "🙂"]), max_size=12).map("".join))
def test_special_tokens_both_ways(trained, text):
    ours, theirs = trained
    for allow_special in (True, False):
        theirs.encode_special_tokens = not allow_special
        ids = ours.encode(text, allow_special=allow_special)
        assert ids == theirs.encode(text).ids and ours.decode(ids) == text
        assert allow_special or not set(ids) & set(range(len(SPECIAL)))


@pytest.mark.parametrize("seed", range(60))
def test_merges_and_ids_equal_on_random_texts(seed):
    draw = random.Random(seed)
    alphabet = draw.choice(["ab", "abc", "aabc \n", "abcdefgh ", "é世🙂a ", "a", "0123 .", "AaBb'st "])
    text = "".join(draw.choice(alphabet) for _ in range(draw.randint(1, 500)))
    vocab_size = draw.randint(259, 500)
    ours, theirs = BPETokenizer(SPECIAL).train(text, vocab_size), reference(text, vocab_size)
    assert ours.merges == merges_of(theirs)
    assert ours.encode(text) == theirs.encode(text).ids
    other = "".join(draw.choice(alphabet) for _ in range(300))
    assert ours.encode(other) == theirs.encode(other).ids


def test_no_special_tokens_and_other_vocabularies():
    ours, theirs = BPETokenizer(()).train(SAMPLE, 300), reference(SAMPLE, 300, ())
    assert ours.merges == merges_of(theirs) and ours.encode(SAMPLE) == theirs.encode(SAMPLE).ids
    assert ours.vocab_size == theirs.get_vocab_size() == 300
    small = BPETokenizer(()).train("ab", 300)  # one pair only: it stops early
    assert small.vocab_size == 257 and small.decode(small.encode("abba")) == "abba"
    untrained = BPETokenizer()
    assert untrained.decode(untrained.encode(SAMPLE)) == SAMPLE and untrained.vocab_size == 257
    assert BPETokenizer().train("x", 257).merges == []


def test_training_again_starts_afresh():
    ours = BPETokenizer(SPECIAL).train("zzzz yyyy " * 9, 280)
    ours.encode(SAMPLE)
    assert ours.train(SAMPLE, 330) is ours
    fresh = BPETokenizer(SPECIAL).train(SAMPLE, 330)
    assert ours.merges == fresh.merges and ours.encode(SAMPLE) == fresh.encode(SAMPLE)


def test_decode(trained):
    ours, _ = trained
    ids = ours.encode("naïve 🙂[pad]")
    assert ours.decode(torch.tensor(ids)) == ours.decode(tuple(ids)) == "naïve 🙂[pad]"
    assert ours.decode([]) == ""
    smile = BPETokenizer().encode("🙂")
    assert BPETokenizer().decode(smile[:2]) == "\ufffd"
    for wrong in (-1, ours.vocab_size, 10**9):
        with pytest.raises(ValueError, match=f"{wrong} is no id"):
            ours.decode([5, wrong])


def test_what_cannot_be_done_is_said_in_one_sentence(trained):
    ours, _ = trained
    for wrong in (None, 3, b"bytes", ["a"]):
        with pytest.raises(TypeError, match="must be a string"):
            ours.encode(wrong)
        with pytest.raises(TypeError, match="must be a string"):
            BPETokenizer().train(wrong, 300)
    for work in (ours.encode, lambda text: BPETokenizer().train(text, 300)):
        with pytest.raises(ValueError, match="character 1 is a lone surrogate"):
            work("a\ud83d")
    with pytest.raises(ValueError, match="some text"):
        BPETokenizer().train("", 300)
    with pytest.raises(ValueError, match="vocab_size >= 257"):
        BPETokenizer().train("abc", 256)
    for wrong in (("a", "a"), ("",)):
        with pytest.raises(ValueError, match="distinct and not empty"):
            BPETokenizer(wrong)


def test_save_and_load(trained, tmp_path):
    ours, _ = trained
    path = tmp_path / "bpe.json"
    ours.save(path)
    again = BPETokenizer.load(path)
    assert (
        again.merges == ours.merges and again.special_tokens == SPECIAL and again.encode(SAMPLE) == ours.encode(SAMPLE)
    )
    assert [p.name for p in tmp_path.iterdir()] == ["bpe.json"]
    whole = path.read_text()
    damaged = [
        "",
        whole[:200],
        "[]",
        "{}",
        "3",
        '{"special_tokens": [], "merges": [[1]]}',
        '{"special_tokens": [], "merges": 7}',
    ]
    damaged += [
        '{"special_tokens": [], "merges": [[0, 256]]}',
        '{"special_tokens": ["a", "a"], "merges": []}',
        '{"special_tokens": [3], "merges": []}',
    ]
    for text in damaged:
        path.write_text(text)
        with pytest.raises(ValueError, match="damaged"):
            BPETokenizer.load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="damaged"):
        BPETokenizer.load(path)
    with pytest.raises(FileNotFoundError):
        BPETokenizer.load(tmp_path / "none.json")


def test_parts():
    hits = torch.tensor([0, 1, 2, 3, 7, 9, 10])
    assert hits[leftmost(hits, hits + 1)].tolist() == [0, 2, 7, 9]
    assert pre_split("") == [] and "".join(pre_split(SAMPLE)) == SAMPLE


def test_encoding_is_fast_where_words_repeat():
    """Distinct chunks are encoded once: a long text of few words takes little more than its words."""
    ours = BPETokenizer().train(SAMPLE, 300)
    start = time.process_time()
    assert len(ours.encode(SAMPLE * 300)) == 300 * len(ours.encode(SAMPLE))
    assert time.process_time() - start < 20


def test_the_sentence_splitter_of_the_course(monkeypatch):
    import nltk
    from nltk.tokenize.punkt import PunktTokenizer

    folder = ROOT / "data" / "nltk_data"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 300_000
    monkeypatch.setattr(nltk.data, "path", [str(folder)])  # the course's model even where nltk's own is installed
    sentences = PunktTokenizer("english").tokenize(
        "Dr. Smith and Mrs. Bell came at 3 p.m. on Monday. They left at once."
    )
    assert sentences == ["Dr. Smith and Mrs. Bell came at 3 p.m. on Monday.", "They left at once."]
