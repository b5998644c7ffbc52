"""Wrong answers to the exercises of notebook 03, each with a piece of the hint it must get."""


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


def words(texts):
    return sum(len(t.split()) for t in texts)


def tokens(encode, texts):
    return sum(len(encode(t)) for t in texts)


PLANTED = {
    "03.1": [
        (
            lambda encode, texts: sum(len(encode(t)) / len(t.split()) for t in texts) / len(texts),
            "mean of each text's ratio",
        ),
        (lambda encode, texts: words(texts) / tokens(encode, texts), "upside down"),
        (lambda encode, texts: tokens(encode, texts) / len(texts), "number of texts"),
        (tokens, "number of tokens"),
        (lambda encode, texts: tokens(encode, texts) / sum(t.count(" ") for t in texts), "two spaces"),
        (lambda encode, texts: tokens(encode, texts) / sum(len(t.split(" ")) for t in texts), "without an argument"),
    ],
    "03.2": [
        (all_pairs, "used twice"),
        (no_skip, "right half is still there"),
        (from_the_right, "from the left"),
        (first_only, "first occurrence"),
        (loses_the_last, "last id is lost"),
        (any_order, "order counts"),
        (in_place, "changed the list"),
    ],
    "03.3": [
        (lambda pieces: [p.decode("utf-8", "replace") for p in pieces] + [""], "hold its first byte back"),
        (lambda pieces: [p.decode("utf-8", "ignore") for p in pieces] + [""], "vanished"),
        (lambda pieces: [b"".join(pieces).decode("utf-8", "replace")], "one string for each piece"),
        (
            lambda pieces: [""] * (len(pieces) - 1) + [b"".join(pieces).decode("utf-8", "replace"), ""],
            "everything comes at the end",
        ),
        (lambda pieces: [p.decode() for p in pieces], "raised UnicodeDecodeError"),
        (lambda pieces: hold(pieces, errors="ignore"), "must not stop the stream"),
        (hold, "must not stop the stream"),
    ],
}
