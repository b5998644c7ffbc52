"""The BPE tokenizer of notebook 03 equals Hugging Face's, brings back any text, and refuses what it cannot do in one sentence."""

import json
import random
import shutil
import time
import tracemalloc

import pytest
import tokenizers
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers

from lessons.tokenization import BPETokenizer, leftmost, pre_split, split_blocks
from utils.data import ROOT
from utils.text import nltk_data

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


def replayed(text, tokenizer):
    """The plain definition: join the leftmost of the pairs learned first, until none is left. One chunk, quadratic."""
    rules = tokenizer.encoder.rules
    ids = [tokenizer.ids_of_bytes[byte].item() for byte in text.encode()]
    while len(ids) > 1:
        best = min(range(len(ids) - 1), key=lambda i: rules.get((ids[i], ids[i + 1]), 10**9))
        pair = (ids[best], ids[best + 1])
        if pair not in rules:
            break
        ids[best : best + 2] = [rules[pair]]
    return ids


@quick
@given(st.text("ab", min_size=1, max_size=120), st.integers(258, 330), st.text("ab", max_size=400), st.integers(0, 300))
def test_two_letters_without_a_space_equal_the_library(learned, vocab_size, text, run):
    ours, theirs = BPETokenizer(()).train(learned, vocab_size), reference(learned, vocab_size, ())
    assert ours.merges == merges_of(theirs)
    for sample in (text, run * "a", text + run * "b" + text):
        assert ours.encode(sample) == theirs.encode(sample).ids


@pytest.mark.parametrize("seed", range(40))
def test_any_merges_even_unreachable_or_repeated_ones_are_replayed(seed):
    """Merges that no training would make: pairs drawn at random, some twice, some whose pieces are never made."""
    draw = random.Random(seed)
    alphabet = "abc"[: draw.randint(1, 3)]
    ids = [BPETokenizer(()).ids_of_bytes[ord(letter)].item() for letter in alphabet]
    merges = []
    for new in range(256, 256 + draw.randint(1, 25)):
        merges.append((draw.choice(ids), draw.choice(ids)))
        ids.append(new)
    ours = BPETokenizer((), merges)
    for _ in range(20):
        text = "".join(draw.choices(alphabet, k=draw.randint(1, 40)))
        assert ours.encode(text) == replayed(text, ours), (merges, text)


@pytest.mark.parametrize("name", ["letters", "run", "periods", "dna", "han"])
def test_100000_letters_without_a_space(name):
    """Equal to the library, and guarded against time that grows with the square: that took minutes."""
    draw = random.Random(1)
    make = {
        "letters": lambda k: "".join(draw.choices("etaoinshrdlu", k=k)),
        "run": lambda k: "a" * k,
        "periods": lambda k: ("abaab" * k)[:k],
        "dna": lambda k: "".join(draw.choices("ACGT", k=k)),
        "han": lambda k: "".join(draw.choices([chr(0x4E00 + i) for i in range(300)], k=k)),
    }[name]
    learned = make(5000)
    ours, theirs = BPETokenizer(()).train(learned, 700), reference(learned, 700, ())
    text = make(100_000)
    start = time.process_time()
    ids = ours.encode(text)
    assert time.process_time() - start < 20
    assert ids == theirs.encode(text).ids and ours.decode(ids) == text


def test_the_work_grows_with_the_length(monkeypatch):
    """Borders looked at, counted and not timed: ten times the letters, about ten times the looks."""
    from lessons import tokenization

    looks, fits = [], tokenization.fits
    ours = BPETokenizer().train("".join(random.Random(0).choices("ab", k=3000)), 400)
    monkeypatch.setattr(tokenization, "fits", lambda *given: looks.append(1) or fits(*given))
    counts = []
    for size in (2000, 20_000):
        looks.clear()
        ours.encode("".join(random.Random(size).choices("ab", k=size)))
        counts.append(len(looks))
    assert counts[1] < 15 * counts[0] and counts[0] < 2000 * 5


def test_the_tables_are_made_once(monkeypatch):
    from lessons import tokenization

    ours, theirs = BPETokenizer(SPECIAL).train(SAMPLE, 330), reference(SAMPLE, 330)
    monkeypatch.setattr(tokenization, "build_trie", None)  # calling it would fail
    for k in range(50):
        assert ours.encode(f"newword{k}") == theirs.encode(f"newword{k}").ids


@quick
@given(st.text(st.sampled_from("a '\n\tlrsxé1!世"), max_size=80), st.integers(1, 40))
def test_blocks_cut_where_the_whole_text_is_cut(text, size):
    assert [chunk for block in split_blocks(text, size) for chunk in block] == pre_split(text)


def test_encode_iterable(trained):
    ours, _ = trained
    texts = ["The the", "atre[pad]", "", " naïve", SAMPLE]
    expected = [i for text in texts for i in ours.encode(text)]
    stream = ours.encode_iterable(text for text in texts)
    assert iter(stream) is stream and list(stream) == expected and list(stream) == []
    plain = [i for text in texts for i in ours.encode(text, allow_special=False)]
    assert list(ours.encode_iterable(texts, allow_special=False)) == plain != expected
    taken = []
    stream = ours.encode_iterable(taken.append(k) or f"word {k}" for k in range(1000))
    next(stream)
    assert len(taken) == 1, "texts are read before they are needed"
    with pytest.raises(TypeError, match="for one text use encode"):
        ours.encode_iterable("one text")
    with pytest.raises(TypeError, match="must be a string"):
        list(ours.encode_iterable([3]))


def peak(work):
    """The most bytes that Python held at once during work(), beyond what it held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_stays_bounded():
    ours = BPETokenizer()
    text = "a few words again and again " * 40_000
    assert peak(lambda: sum(1 for _ in ours.encode_iterable([text]))) < 12e6, "a list of all chunks of the text was made"
    count = sum(1 for _ in ours.encode_iterable(f"{k:0200d}" for k in range(6000)))
    assert count == 6000 * 200 and sum(map(len, ours.encoder.known)) < 2**20, "the cache grows for ever"


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
    for same in (iter(ids), (i for i in ids), map(int, ids), [torch.tensor(i) for i in ids], torch.tensor(ids).numpy()):
        assert ours.decode(same) == "naïve 🙂[pad]"
    assert ours.decode([]) == ours.decode(iter(())) == ""
    for wrong in ("abc", [1.0], torch.tensor([1.5]), [[1]]):
        with pytest.raises(TypeError):
            ours.decode(wrong)
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
    for text in ("[pad]abc[pad]de\ud83d", "世🙂[pad]" * 3 + "\udc00[pad]"):
        place = next(i for i, letter in enumerate(text) if "\ud800" <= letter <= "\udfff")
        for allow_special in (True, False):
            with pytest.raises(ValueError, match=f"character {place} is a lone surrogate"):
                ours.encode(text, allow_special=allow_special)
    with pytest.raises(ValueError, match="some text"):
        BPETokenizer().train("", 300)
    with pytest.raises(ValueError, match="vocab_size >= 257"):
        BPETokenizer().train("abc", 256)
    for wrong in (("a", "a"), ("",)):
        with pytest.raises(ValueError, match="distinct and not empty"):
            BPETokenizer(wrong)
    for wrong in ("[pad]", b"[pad]", None, 3, [3], ("a", None), {"[pad]"}):
        with pytest.raises(TypeError, match="special tokens come in a tuple of strings") as caught:
            BPETokenizer(wrong)
        assert "\n" not in str(caught.value)
    for wrong in (1.0, (1.0, 2), (1, 2.5), ("1", 2), (1, 2, 3), (True, 2)):
        with pytest.raises(TypeError, match="a merge is a pair of whole numbers"):
            BPETokenizer((), [wrong])
    with pytest.raises(ValueError, match="does not exist yet"):
        BPETokenizer((), [(0, 256)])
    with pytest.raises(ValueError, match="special token"):
        BPETokenizer(("[pad]",), [(0, 5)])


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
        '{"special_tokens": "[pad]", "merges": []}',
        '{"special_tokens": [], "merges": [[1.0, 2]]}',
        '{"special_tokens": [], "merges": [[1.5, 2.5]]}',
        '{"special_tokens": [], "merges": ["12"]}',
        '{"special_tokens": [], "merges": [[true, 2]]}',
        '{"special_tokens": null, "merges": []}',
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
    spread = torch.tensor([0, 2, 4, 9])  # a run whose tokens no longer stand side by side
    assert spread[leftmost(spread, spread + 2)].tolist() == [0, 4, 9]
    assert pre_split("") == [] and "".join(pre_split(SAMPLE)) == SAMPLE


def test_copies_and_pickles():
    import copy
    import pickle

    ours = BPETokenizer().train("a" * 5000, 290)  # long pieces: no deep nesting may come of them
    for again in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert again.encode("a" * 4999) == ours.encode("a" * 4999)


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


def test_the_sentence_splitter_stands_a_clone_that_a_group_may_write(tmp_path, monkeypatch):
    """With a umask of 002, as on many Linux machines, git writes files that nltk 3.10 and later refuse to read."""
    import nltk
    from nltk.tokenize.punkt import PunktTokenizer

    folder = tmp_path / "nltk_data"
    shutil.copytree(ROOT / "data" / "nltk_data", folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o020)
    monkeypatch.setattr(nltk.data, "path", [nltk_data(folder)])
    assert PunktTokenizer("english").tokenize("It is late. We go.") == ["It is late.", "We go."]
