"""What a tokenizer checks before it works: texts, special tokens and ids, each wrong one refused in a sentence."""

from __future__ import annotations

import operator
from collections.abc import Iterable


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
