"""Wrong answers to the exercises of notebook 03, each with a piece of the hint it must get; right ones written another way."""

import codecs
import re

import numpy as np
import torch


def all_pairs(ids, pair, new):
    out = []
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new)
        elif not (i and tuple(ids[i - 1 : i + 1]) == pair):
            out.append(ids[i])
    return out


def no_skip(ids, pair, new):
    return [new if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


def from_the_right(ids, pair, new):
    out, i = [], len(ids) - 1
    while i >= 0:
        hit = i > 0 and (ids[i - 1], ids[i]) == pair
        out.append(new if hit else ids[i])
        i -= 2 if hit else 1
    return out[::-1]


def first_only(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return ids[:i] + [new] + ids[i + 2 :]
    return list(ids)


def loses_the_last(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        hit = (ids[i], ids[i + 1]) == pair
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def any_order(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        hit = i + 1 < len(ids) and {ids[i], ids[i + 1]} == set(pair)
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def in_place(ids, pair, new):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new]
        i += 1
    return ids


def list_against_tuple(ids, pair, new):
    return [new if ids[i : i + 2] == pair else ids[i] for i in range(len(ids))]


def by_search(ids, pair, new, take=2, put=1):
    """Right, unless another number of ids is taken out or put in."""
    out, i = [], 0
    while i < len(ids):
        hit = tuple(ids[i : i + 2]) == tuple(pair)
        out += [new] * put if hit else ids[i : i + 1]
        i += take if hit else 1
    return out


def keeps_the_left(ids, pair, new):
    out = []
    for i, token in enumerate(ids):
        out.append(new if i and (ids[i - 1], token) == pair else token)
    return out


def inserted(ids, pair, new):
    out = []
    for i, token in enumerate(ids):
        out += [new, token] if tuple(ids[i : i + 2]) == pair else [token]
    return out


def blind_at_the_end(ids, pair, new):
    return ids if tuple(ids[-2:]) == pair and ids.count(pair[1]) == 1 else by_search(ids, pair, new)


def last_only(ids, pair, new):
    for i in reversed(range(len(ids) - 1)):
        if (ids[i], ids[i + 1]) == pair:
            return ids[:i] + [new] + ids[i + 2 :]
    return list(ids)


def by_text(ids, pair, new, edge=" "):
    text = edge + " ".join(map(str, ids)) + edge
    return [int(i) for i in text.replace(f"{edge}{pair[0]} {pair[1]}{edge}", f"{edge}{new}{edge}").split()]


def no_twins(ids, pair, new):
    return list(ids) if pair[0] == pair[1] else by_search(ids, pair, new)


def with_a_gap(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        hit = ids[i] == pair[0] and pair[1] in ids[i + 1 : i + 3]
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def once_in_a_run(ids, pair, new):
    """Of four equal ids in a row only the first two are merged."""
    out, i = [], 0
    while i < len(ids):
        hit = tuple(ids[i : i + 2]) == pair and not (pair[0] == pair[1] and out[-1:] == [new])
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def hold(pieces, errors="replace", flush=True):
    """Keep what does not decode; give it out as soon as it does."""
    out, held = [], b""
    for piece in pieces:
        held += piece
        try:
            out.append(held.decode())
            held = b""
        except UnicodeDecodeError:
            out.append("")
    return out + [held.decode("utf-8", errors)] if flush else out


def incremental(pieces, errors="replace", end=lambda decoder: decoder.decode(b"", final=True)):
    decoder = codecs.getincrementaldecoder("utf-8")(errors=errors)
    return [decoder.decode(piece) for piece in pieces] + [end(decoder)]


def text_so_far(pieces):
    parts = incremental(pieces)
    return ["".join(parts[: i + 1]) for i in range(len(pieces))] + [""]


def one_byte_held(pieces):
    """Holds back the last byte alone, which is enough for é and not for an emoji."""
    out, held = [], b""
    for piece in pieces:
        held += piece
        try:
            text, held = held.decode(), b""
        except UnicodeDecodeError:
            text, held = held[:-1].decode("utf-8", "replace"), held[-1:]
        out.append(text)
    return out + [held.decode("utf-8", "replace")]


def forgets_after_text(pieces):
    """Loses the half character where something complete stands before it."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    out = []
    for piece in pieces:
        out.append(decoder.decode(piece))
        if out[-1] == "ok":
            decoder.reset()
    return out + [decoder.decode(b"", final=True)]


def longest_prefix(pieces):
    """Shows what decodes, waits for the rest: a byte that is never right stops the stream."""
    out, held = [], b""
    for piece in pieces:
        held += piece
        good = next(n for n in range(len(held), -1, -1) if held[:n].decode("utf-8", "ignore").encode() == held[:n])
        out.append(held[:good].decode())
        held = held[good:]
    return out + [held.decode("utf-8", "replace")]


def all_or_nothing(pieces):
    """Where a piece holds a wrong byte, the half character at its end is not waited for."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    out = []
    for piece in pieces:
        held = decoder.getstate()[0]
        try:
            out.append(decoder.decode(piece))
        except UnicodeDecodeError:
            out.append((held + piece).decode("utf-8", "replace"))
            decoder.reset()
    return out + [decoder.getstate()[0].decode("utf-8", "replace")]


def by_lead_byte(pieces):
    """Waits for as many bytes as the last lead byte announces, whatever has come after it."""
    out, held = [], b""
    for piece in pieces:
        held += piece
        cut = len(held)
        for back in range(1, min(3, len(held)) + 1):
            lead = held[-back]
            if 0xC2 <= lead <= 0xF4 and back < 2 + (lead >= 0xE0) + (lead >= 0xF0):
                cut = len(held) - back
        out.append(held[:cut].decode("utf-8", "replace"))
        held = held[cut:]
    return out + [held.decode("utf-8", "replace")]


def words(texts):
    return sum(len(t.split()) for t in texts)


def tokens(encode, texts):
    return sum(len(encode(t)) for t in texts)


def characters(texts):
    return sum(map(len, texts))


def strips_at_the_end(pieces):
    shown, out, data = "", [], b""
    for piece in pieces:
        data += piece
        text = data.decode("utf-8", "replace").rstrip("\ufffd")
        out.append(text[len(shown) :])
        shown = text
    return [*out, data.decode("utf-8", "replace")[len(shown) :]]


PLANTED = {
    "03.1": [
        (lambda encode, texts: tokens(encode, texts) / sum(len([w for w in t.split(" ") if w]) for t in texts), "line break without a space"),
        (lambda encode, texts: sum(len(encode(w)) for t in texts for w in t.split()) / words(texts), "each word was encoded"),
        (
            lambda encode, texts: sum(len(encode(t)) / len(t.split()) for t in texts) / len(texts),
            "mean of each text's ratio",
        ),
        (lambda encode, texts: words(texts) / tokens(encode, texts), "upside down"),
        (lambda encode, texts: tokens(encode, texts) / len(texts), "number of texts"),
        (tokens, "number of tokens"),
        (lambda encode, texts: words(texts), "this is the number of words"),
        (lambda encode, texts: tokens(encode, texts) / characters(texts), "divides by all characters"),
        (lambda encode, texts: characters(texts) / words(texts), "use the encoder that you are given"),
        (lambda encode, texts: tokens(encode, texts) / sum(t.count(" ") for t in texts), "two spaces"),
        (lambda encode, texts: tokens(encode, texts) / sum(len(t.split(" ")) for t in texts), "without an argument"),
        (lambda encode, texts: tokens(encode, texts) / sum(len(set(t.split())) for t in texts), "twice in a text"),
        (lambda encode, texts: tokens(encode, texts) / len({w for t in texts for w in t.split()}), "not by the different ones"),
        (lambda encode, texts: sum(len(set(encode(t))) for t in texts) / words(texts), "take the length of the list"),
        (lambda encode, texts: tokens(encode, texts) / sum(len(re.findall(r"\w+", t)) for t in texts), "no pattern"),
        (lambda encode, texts: len(encode(" ".join(texts))) / words(texts), "were joined"),
        (lambda encode, texts: len(encode("".join(texts))) / len("".join(texts).split()), "glued together"),
        (lambda encode, texts: len(encode(texts[0])) / len(texts[0].split()), "first text alone"),
        (lambda encode, texts: tokens(encode, texts) // words(texts), "cut to a whole number"),
        (lambda encode, texts: round(tokens(encode, texts) / words(texts), 2), "rounded"),
        (lambda encode, texts: (tokens(encode, texts) + 2) / words(texts), "tokens /"),
        (lambda encode, texts: sum((len(t) + 1) // 2 for t in texts) / words(texts), "for one list of texts only"),
        (lambda encode, texts: tokens(encode, texts) / words(texts) if len(texts) > 2 else None, "returns nothing"),
        (lambda encode, texts: str(tokens(encode, texts) / words(texts)), "expected one number"),
    ],
    "03.2": [
        (all_pairs, "used twice"),
        (no_skip, "right half is still there"),
        (from_the_right, "from the left"),
        (first_only, "first occurrence"),
        (loses_the_last, "last id is lost"),
        (any_order, "order counts"),
        (in_place, "changed the list"),
        (lambda ids, pair, new: [str(i) for i in by_search(ids, pair, new)], "whole numbers"),
        (list_against_tuple, "a list never equals a tuple"),
        (lambda ids, pair, new: by_search(ids, pair, new, put=2), "the list gets shorter"),
        (keeps_the_left, "left half is still there"),
        (inserted, "not taken out"),
        (lambda ids, pair, new: by_search(ids, pair, new, take=3), "last id is lost"),
        (lambda ids, pair, new: sorted(by_search(ids, pair, new)), "should become [5, 99, 7]"),
        (lambda ids, pair, new: by_search(ids, pair, 99), "with new=300"),
        (lambda ids, pair, new: by_search(ids, (1, 2), new), "the argument `pair`"),
        (blind_at_the_end, "at the very end"),
        (last_only, "should become [99, 3, 99, 5]"),
        (by_text, "second pair begins right where"),
        (lambda ids, pair, new: by_text(ids, pair, new, edge=""), "compare numbers"),
        (no_twins, "should become [99, 4]"),
        (with_a_gap, "only as neighbours"),
        (lambda ids, pair, new: by_search(ids, pair, new) or [new], "empty list stays empty"),
        (once_in_a_run, "wrong for the ids"),
        (lambda ids, pair, new: by_search(ids, pair, new) if pair in zip(ids, ids[1:], strict=False) else None, "returns nothing"),
        (lambda ids, pair, new: " ".join(map(str, by_search(ids, pair, new))), "expected a list of ids"),
    ],
    "03.3": [
        (strips_at_the_end, "strip every"),
        (lambda pieces: [p.decode("utf-8", "replace") for p in pieces] + [""], "hold its first byte back"),
        (lambda pieces: [p.decode("utf-8", "ignore") for p in pieces] + [""], "vanished"),
        (lambda pieces: [b"".join(pieces).decode("utf-8", "replace")], "one string for each piece"),
        (lambda pieces: [part for part in incremental(pieces) if part], "one string for each piece"),
        (
            lambda pieces: [""] * (len(pieces) - 1) + [b"".join(pieces).decode("utf-8", "replace"), ""],
            "everything comes at the end",
        ),
        (lambda pieces: [p.decode() for p in pieces], "raised UnicodeDecodeError"),
        (lambda pieces: list(pieces) + [b""], "strings only"),
        (lambda pieces: [p.decode("latin-1") for p in pieces] + [""], "as Latin-1"),
        (text_so_far, "not the whole text so far"),
        (lambda pieces: incremental(pieces)[:-1], "one string more"),
        (lambda pieces: incremental(pieces, end=lambda decoder: "<end>"), "should give '', 'ét', 'é' and ''"),
        (one_byte_held, "four bytes"),
        (lambda pieces: hold(pieces, errors="ignore"), "not the whole piece"),
        (hold, "not the whole piece"),
        (forgets_after_text, "should give 'ok', '🙂', ''"),
        (lambda pieces: incremental(pieces, errors="ignore"), "was left out"),
        (lambda pieces: incremental(pieces, errors="strict"), "raised UnicodeDecodeError"),
        (longest_prefix, "must not stop the stream"),
        (all_or_nothing, "must still wait"),
        (by_lead_byte, "cannot be its second"),
        (lambda pieces: incremental(pieces, end=lambda decoder: ""), "which has vanished"),
        (lambda pieces: incremental(pieces, end=lambda decoder: "�" * len(decoder.getstate()[0])), "not one a byte"),
        (lambda pieces: incremental(pieces, end=lambda decoder: "?" * bool(decoder.getstate()[0])), "the text ends in half a character: b'ok'"),
        (lambda pieces: incremental(pieces) if pieces else [], "without any piece"),
        (lambda pieces: incremental(pieces) if pieces else None, "returns nothing"),
        (lambda pieces: "".join(incremental(pieces)), "expected a list of strings"),
    ],
}


def fertility_by_loop(encode, texts):
    n, m = np.int64(0), np.int64(0)
    for text in texts:
        n += len(encode(text))
        m += len(re.findall(r"\S+", text))
    return np.float32(n / m)


def merged_with_iterator(ids, pair, new):
    out = []
    rest = iter(ids)
    last = next(rest, None)
    while last is not None:
        following = next(rest, None)
        hit = (last, following) == pair
        out.append(new if hit else last)
        last = next(rest, None) if hit else following
    return tuple(out)


def merged_by_pattern(ids, pair, new):
    """Each id a character of its own, so that a replacement is a merge."""
    text = "".join(chr(1000 + i) for i in ids).replace("".join(chr(1000 + i) for i in pair), chr(1000 + new))
    return np.array([ord(c) - 1000 for c in text], dtype=np.int64)


def merged_on_a_copy(ids, pair, new):
    ids, i = list(ids), 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new]
        i += 1
    return [torch.tensor(i) for i in ids]


def stream_by_prefix(pieces):
    """Without codecs: hold back the longest end of at most three bytes that more bytes could complete."""
    out, held = [], b""
    for piece in pieces:
        held += piece
        cut = len(held)
        for back in (1, 2, 3):
            end = held[-back:]
            try:
                end.decode()
            except UnicodeDecodeError as error:
                if len(end) == back and error.start == 0 and error.reason == "unexpected end of data":
                    cut = len(held) - back
        out.append(held[:cut].decode("utf-8", "replace"))
        held = held[cut:]
    return out + [held.decode("utf-8", "replace")]


RIGHT = {
    "03.1": [
        fertility_by_loop,
        lambda encode, texts: torch.tensor(tokens(encode, texts)) / words(texts),
        lambda encode, texts: np.mean([len(encode(t)) for t in texts]) / np.mean([len(t.split()) for t in texts]),
        lambda encode, texts: torch.tensor([tokens(encode, texts) / words(texts)], dtype=torch.float64),
    ],
    "03.2": [by_search, merged_with_iterator, merged_by_pattern, merged_on_a_copy],
    "03.3": [
        incremental,
        stream_by_prefix,
        lambda pieces: tuple(incremental(pieces)),
        lambda pieces: np.array(incremental(pieces)),
    ],
}
