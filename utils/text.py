"""What a tokenizer checks before it works, each wrong text, special token or id refused in a sentence; and where nltk finds its sentence model."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from utils import ROOT


def check_text(text: str) -> None:
    """Raise TypeError for anything but a string, ValueError for a lone surrogate."""
    if not isinstance(text, str):
        raise TypeError(f"the text must be a string, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is a lone surrogate, which UTF-8 cannot hold") from None


def check_special(special_tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Special tokens as a tuple. TypeError unless they are strings in a tuple or list, ValueError if empty or named twice."""
    if not isinstance(special_tokens, (tuple, list)) or not all(isinstance(token, str) for token in special_tokens):
        raise TypeError(f"special tokens come in a tuple of strings, like ('[pad]',): got {special_tokens!r}")
    if len(set(special_tokens)) < len(special_tokens) or "" in special_tokens:
        raise ValueError(f"special tokens must be distinct and not empty, got {tuple(special_tokens)}")
    for token in special_tokens:
        check_text(token)
    return tuple(special_tokens)


def check_ids(ids: Iterable[int], V: int) -> list[int]:
    """Ids as a list. Raises TypeError for what are no whole numbers, ValueError for an id that is not in 0 ... V - 1."""
    try:
        ids = [operator.index(i) for i in (ids.tolist() if hasattr(ids, "tolist") else ids)]
    except TypeError:
        raise TypeError("ids must be whole numbers, in a list, a 1-D tensor or another iterable") from None
    unknown = [i for i in ids if not 0 <= i < V]
    if unknown:
        raise ValueError(f"{unknown[0]} is no id of this tokenizer: they run from 0 to {V - 1}")
    return ids


def nltk_data(folder: Path = ROOT / "data" / "nltk_data") -> str:
    """The folder of the course's own data for nltk, which goes into ``nltk.data.path``.

    From 3.10 on nltk refuses data that other accounts may write, and where the umask is 002 a clone is such: that right is taken away, as far
    as the files are ours.
    """
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            if path.stat().st_mode & 0o022:
                path.chmod(path.stat().st_mode & 0o755)
    return str(folder)
