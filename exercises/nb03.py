"""Checks and quiz of notebook 03, tokenization."""

import random
import re

from utils.checks import Hint, NotAttempted, Question, call, expect


def _later(answer, *args, what: str, **kwargs):
    """`call` for a second or later input: nothing returned is then a mistake, not an exercise that was never begun."""
    try:
        return call(answer, *args, **kwargs)
    except NotAttempted:
        raise Hint(f"for {what} your function returns nothing") from None


def _near(a: float, b: float) -> bool:
    return abs(a - b) < 1e-5  # a float32 has seven digits; false for nan


def _twos(text: str) -> list[str]:
    """An encoder with a token for every two characters."""
    return [text[i : i + 2] for i in range(0, len(text), 2)]


def check_1(answer):
    """one number: the tokens of all texts divided by the words of all texts"""
    gives = "one number, tokens divided by words"
    texts = ["don't let the dog chase the cat", "a well-known\n film", "they saw   the cat", "it's unbelievable"]
    out = call(answer, _twos, texts, kind=float, gives=gives)
    tokens = sum(len(_twos(text)) for text in texts)
    words = [text.split() for text in texts]
    n = sum(map(len, words))
    every = [word for text in words for word in text]
    characters = sum(map(len, texts))
    joined, glued = " ".join(texts), "".join(texts)
    mistakes = [
        (tokens, "this is the number of tokens; divide it by the number of words"),
        (n, "this is the number of words; the tokens divided by it are wanted"),
        (n / tokens, "the ratio is upside down: tokens divided by words"),
        (
            sum(len(_twos(t)) / len(t.split()) for t in texts) / len(texts),
            "this is the mean of each text's ratio, where a text of one word weighs as much as a long one: divide total by total",
        ),
        (tokens / len(texts), "this divides by the number of texts; divide by the number of words"),
        (tokens / characters, "this divides by all characters; divide by the number of words"),
        (characters / n, "these are characters per word: use the encoder that you are given, len(encode(text))"),
        (
            tokens / sum(t.count(" ") for t in texts),
            "spaces were counted in place of words: three words have two spaces; use text.split()",
        ),
        (
            tokens / sum(len(t.split(" ")) for t in texts),
            "two spaces in a row, or a line break, end one word, not two: text.split() without an argument handles both",
        ),
        (
            tokens / sum(len(set(w)) for w in words),
            "a word that occurs twice in a text counts twice: divide by all words, without set()",
        ),
        (
            tokens / len(set(every)),
            "a word that occurs in several places counts in each of them: divide by all words, not by the different ones",
        ),
        (
            sum(len(set(_twos(t))) for t in texts) / n,
            "a token that occurs twice counts twice: take the length of the list, without set()",
        ),
        (
            tokens / sum(len(re.findall(r"\w+", t)) for t in texts),
            "don't and well-known are one word each here: a word is what white space separates; text.split(), no pattern",
        ),
        (
            len(_twos(joined)) / n,
            "the texts were joined before they were encoded, which makes other tokens: encode each by itself",
        ),
        (
            len(_twos(glued)) / len(glued.split()),
            "the texts were glued together, which makes other tokens and fewer words: encode and split each by itself",
        ),
        (
            sum(len(_twos(word)) for word in every) / n,
            "each word was encoded by itself, without the spaces, which makes other tokens: encode each text as a whole",
        ),
        (len(_twos(texts[0])) / len(words[0]), "this is the first text alone; add up over all texts"),
        (tokens // n, "the result was cut to a whole number: divide with /, not with //"),
        (round(tokens / n, 2), "the result was rounded; return the ratio as it is"),
    ]
    for wrong, hint in mistakes:
        expect(not _near(out, wrong), hint)
    expect(_near(out, tokens / n), f"expected {tokens} tokens / {n} words = {tokens / n:.4f}, got {out:.4f}")
    out = _later(answer, list, ["two\nwords", "and three more here"], what="other texts", kind=float, gives=gives)
    expect(
        not _near(out, 28 / 5),
        "'two\\nwords' counts as two words: a line break without a space separates as well; text.split() without an argument",
    )
    expect(
        _near(out, 28 / 6),
        f"right for one list of texts only: for 28 tokens and 6 words expected {28 / 6:.3f}, got {out:.3f}",
    )


def merged(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        hit = tuple(ids[i : i + 2]) == pair
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def check_2(answer):
    """a list of ids in which the new id stands for each occurrence of the pair, from the left"""

    def run(ids, pair, new=99, first=False):
        given = list(ids)
        calls = call if first else lambda *args, **kwargs: _later(*args, what=f"the ids {ids}", **kwargs)
        out = calls(answer, given, pair, new, kind=list, gives="a list of ids", keep=True)
        expect(given == list(ids), "your function changed the list that it was given; build a new one")
        expect(
            all(type(i) is int for i in out),
            f"ids are whole numbers, but for the ids {ids} and the pair {pair} there came {str(out)[:60]}",
        )
        return out

    out = run([5, 1, 2, 7], (1, 2), first=True)
    expect(
        out != [5, 1, 2, 7],
        "nothing was merged: [1, 2] == (1, 2) is False, since a list never equals a tuple; compare with tuple(...), or id by id",
    )
    expect(out != [5, 99, 99, 7], "one new id takes the place of both: the list gets shorter")
    expect(out != [5, 99, 2, 7], "the pair's right half is still there: after a hit, go on two places further")
    expect(out != [5, 1, 99, 7], "the pair's left half is still there: the new id takes the place of both")
    expect(out != [5, 99], "the last id is lost: a loop over pairs ends one id too early")
    expect(out != [5, 99, 1, 2, 7], "the new id was put in, but the pair was not taken out")
    expect(out == [5, 99, 7], f"[5, 1, 2, 7] with the pair (1, 2) should become [5, 99, 7], got {out}")
    out = run([5, 1, 2, 7], (1, 2), new=300)
    expect(out == [5, 300, 7], f"the id to put in is the argument `new`; with new=300 expected [5, 300, 7], got {out}")
    out = run([5, 1, 2, 7], (2, 7))
    expect(
        out == [5, 1, 99],
        f"the pair to look for is the argument `pair`, and may stand at the very end; with (2, 7) expected [5, 1, 99], got {out}",
    )
    out = run([1, 2, 3, 1, 2, 5], (1, 2))
    expect(out != [99, 3, 1, 2, 5], "only the first occurrence was merged; go on after it")
    expect(out == [99, 3, 99, 5], f"[1, 2, 3, 1, 2, 5] should become [99, 3, 99, 5], got {out}")
    out = run([1, 2, 1, 2, 8], (1, 2))
    expect(
        out == [99, 99, 8],
        f"in [1, 2, 1, 2, 8] the second pair begins right where the first ends: expected [99, 99, 8], got {out}; "
        "text that is replaced together with its spaces misses such a pair",
    )
    expect(
        run([1, 3, 2], (1, 2)) == [1, 3, 2],
        "1 and 2 count only as neighbours: [1, 3, 2] holds no pair (1, 2) and stays as it is",
    )
    out = run([11, 2, 5, 1, 24], (1, 2))
    expect(
        out == [11, 2, 5, 1, 24],
        f"[11, 2, 5, 1, 24] holds no pair (1, 2), but became {out}: joined to a text, 11 ends in 1 and 24 begins with 2; compare numbers",
    )
    out = run([4, 4, 4], (4, 4))
    expect(out != [4, 99], "in [4, 4, 4] two pairs overlap: merge from the left, so [99, 4]")
    expect(
        out != [99, 99] and out != [99],
        "in [4, 4, 4] two pairs overlap, and the middle id was used twice: after a hit, go on two places further",
    )
    expect(out == [99, 4], f"[4, 4, 4] with the pair (4, 4) should become [99, 4], got {out}")
    expect(
        run([2, 1, 3], (1, 2)) == [2, 1, 3],
        "the order counts: (2, 1) is not the pair (1, 2), so [2, 1, 3] stays as it is",
    )
    expect(run([], (1, 2)) == [], "an empty list stays empty")
    generator = random.Random(3)
    for _ in range(50):
        ids = [generator.randint(1, 3) for _ in range(generator.randint(0, 30))]
        pair, new = (generator.randint(1, 3), generator.randint(1, 3)), generator.randint(4, 9)
        out = run(ids, pair, new)
        expect(
            out == merged(ids, pair, new), f"wrong for the ids {ids}, the pair {pair} and new={new}: {str(out)[:120]}"
        )


def check_3(answer):
    """a list of strings, one for each piece and one more"""
    gives = "a list of strings, one for each piece and one more for what is left at the end"

    def run(pieces, first=False):
        calls = call if first else lambda *args, **kwargs: _later(*args, what=f"the pieces {pieces}", **kwargs)
        out = calls(answer, pieces, kind=list, gives=gives)
        expect(all(isinstance(part, str) for part in out), f"the list should hold strings only; got {str(out)[:80]}")
        return out

    first, second = "é".encode()[:1], "é".encode()[1:]
    cut = [first, second + b"t", "é".encode()]
    out = run(cut, first=True)
    whole = "".join(out)
    expect("�" not in whole, "a character that is cut between two pieces came out as U+FFFD: hold its first byte back")
    expect("Ã" not in whole, "é came out as two characters: the bytes were read one by one, as Latin-1; they are UTF-8")
    expect(whole != "té", "the cut character has vanished: its bytes must wait for the next piece, not be ignored")
    expect(
        out[:3] != ["", "ét", "été"],
        "each string is what is new, not the whole text so far: '', 'ét', then 'é'",
    )
    expect(
        "été" not in out or len(out) < 3,
        "everything comes at the end: show each character as soon as it is complete",
    )
    expect(
        len(out) >= 3 and out[0] == "",
        "give one string for each piece, an empty one where nothing is complete: the reader waits for the screen to move",
    )
    expect(out != ["", "ét", "é"], "give one string more than there are pieces, for what is left at the end, here ''")
    expect(out == ["", "ét", "é", ""], f"the pieces {cut} should give '', 'ét', 'é' and '', got {str(out)[:120]}")
    smile = "🙂".encode()
    out = run([smile[:1], smile[1:2], smile[2:3], smile[3:] + b"!"])
    expect(
        out == ["", "", "", "🙂!", ""],
        f"a character of four bytes in four pieces should come out whole, with '!': '', '', '', '🙂!', ''; got {str(out)[:120]}",
    )
    out = run([b"ok" + smile[:2], smile[2:]])
    expect(
        out[:1] != [""],
        "'ok' is complete and could be shown: hold back the bytes of the half character alone, not the whole piece",
    )
    expect(out == ["ok", "🙂", ""], f"b'ok' and a cut character should give 'ok', '🙂', '', got {str(out)[:120]}")
    out = run([b"a\xffb", b"c"])
    expect(out[:1] != ["ab"], "a byte that can never be UTF-8 was left out; it becomes U+FFFD: b'a\\xffb' gives 'a�b'")
    expect(
        out == ["a�b", "c", ""],
        "a byte that can never be UTF-8 becomes U+FFFD at once and must not stop the stream; "
        f"b'a\\xffb' and b'c' should give 'a�b', 'c', '', got {str(out)[:120]}",
    )
    out = run([b"a\xff", b"c"])
    expect(
        out == ["a�", "c", ""],
        "a byte that can never be UTF-8 is no half character, also at the end of a piece: nothing to wait for, so do not strip every � there; "
        f"b'a\\xff' and b'c' should give 'a�', 'c', '', got {str(out)[:120]}",
    )
    out = run([b"\xffa" + first, second])
    expect(
        out == ["�a", "é", ""],
        "after a byte that can never be UTF-8 a half character must still wait for its other half: "
        f"b'\\xffa\\xc3' and b'\\xa9' should give '�a', 'é', '', got {str(out)[:120]}",
    )
    out = run([b"\xe2(", b"x"])
    expect(
        out == ["�(", "x", ""],
        "b'\\xe2' begins a character of three bytes, but '(' cannot be its second: nothing is left to wait for. "
        f"b'\\xe2(' and b'x' should give '�(', 'x', '', got {str(out)[:120]}",
    )
    out = run([b"ok", smile[:2]])
    expect(
        "".join(out) != "ok",
        "the text ends in half a character, which has vanished: what is left comes out as U+FFFD in the last string",
    )
    expect(
        "��" not in "".join(out),
        "the half character at the end is one U+FFFD, as Python's decoder writes it, not one a byte",
    )
    expect(
        out == ["ok", "", "�"],
        f"the text ends in half a character: b'ok' and b'\\xf0\\x9f' should give 'ok', '', and '�' at the very end; got {str(out)[:120]}",
    )
    expect(run([]) == [""], "without any piece there is still the string for what is left, so ['']")


QUIZ = [
    Question(
        "Why does byte-level BPE know no unknown token?",
        right="Every text is a sequence of bytes, and all 256 are in the vocabulary",
        why="At worst a word falls back to its bytes, one token each; that costs length, never information.",
        wrong={
            "It was trained on all languages": "Ours saw only English reviews and still encodes Hindi: byte by byte.",
            "Unseen words are replaced by the most similar known one": "Nothing is replaced: decoding gives the very same text.",
        },
    ),
    Question(
        "Which pair does BPE merge next?",
        right="The one that occurs most often, words weighted by their frequency",
        why="Counting goes over unique words times how often each occurs, as in Sennrich et al., algorithm 1.",
        wrong={
            "The one that makes the longest token": "Length plays no part; long tokens arise when their parts stay frequent.",
            "The one that makes the training text most probable": "That is WordPiece's and Unigram's way of thinking; BPE only counts.",
        },
    ),
    Question(
        "'movie' and ' movie' have different ids in SmolLM2's tokenizer. What follows?",
        right="A prompt that ends in a space asks for something the model rarely saw",
        why="In its training text the space belonged to the next word's token, so a lone space before a word is unusual.",
        wrong={
            "Nothing, both mean the same to the model": "They are two rows of the embedding table, learned separately.",
            "One of the two is an error in the vocabulary": "Both are needed: one begins a text or follows a bracket, the other follows a word.",
        },
    ),
    Question(
        "A German sentence takes twice as many tokens as its English twin. Why does that matter?",
        right="It costs twice the compute and fills the context window twice as fast",
        why="Models compute, charge and remember by the token, whatever the language.",
        wrong={
            "It does not: the text is the same length": "The model never sees letters; its length is counted in tokens.",
            "The text cannot be decoded exactly": "Byte-level tokens decode exactly in every language; they are only more.",
        },
    ),
]
