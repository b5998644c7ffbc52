"""Checks and quiz of notebook 03, tokenization."""

import random

from utils.checks import Question, call, expect


def check_1(answer):
    texts = ["the cat sat down", "a dog", "unbelievable"]
    letters = list  # an encoder with one token a character
    out = call(answer, letters, texts)
    expect(isinstance(out, (int, float)) and not isinstance(out, bool), "return one number, tokens divided by words")
    tokens, words = sum(map(len, texts)), 7
    expect(out != tokens, "this is the number of tokens; divide it by the number of words")
    expect(abs(out - words / tokens) > 1e-9, "the ratio is upside down: tokens divided by words")
    per_text = sum(len(t) / len(t.split()) for t in texts) / len(texts)
    expect(
        abs(out - per_text) > 1e-9,
        "this is the mean of each text's ratio, where a text of one word weighs as much as a long one: divide total by total",
    )
    expect(abs(out - tokens / len(texts)) > 1e-9, "this divides by the number of texts; divide by the number of words")
    expect(
        abs(out - tokens / sum(t.count(" ") for t in texts)) > 1e-9,
        "spaces were counted in place of words: three words have two spaces; use text.split()",
    )
    expect(
        abs(out - tokens / words) < 1e-9, f"expected {tokens} tokens / {words} words = {tokens / words:.3f}, got {out}"
    )
    out = call(answer, lambda text: text.split(), ["two  words   here", "and\nthree"])
    expect(
        abs(out - 1) < 1e-9,
        "two spaces in a row, or a line break, end one word, not two: text.split() without an argument handles both",
    )


def merged(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        hit = tuple(ids[i : i + 2]) == pair
        out.append(new if hit else ids[i])
        i += 2 if hit else 1
    return out


def check_2(answer):
    def run(ids, pair, new=99):
        given = list(ids)
        out = call(answer, given, pair, new)
        expect(isinstance(out, list), f"return a list of ids, not {type(out).__name__}")
        expect(given == list(ids), "your function changed the list that it was given; build a new one")
        return out

    out = run([5, 1, 2, 7], (1, 2))
    expect(out != [5, 99, 99, 7], "one new id takes the place of both: the list gets shorter")
    expect(out != [5, 99, 2, 7], "the pair's right half is still there: after a hit, go on two places further")
    expect(out != [5, 99], "the last id is lost: a loop over pairs ends one id too early")
    expect(out == [5, 99, 7], f"[5, 1, 2, 7] with the pair (1, 2) should become [5, 99, 7], got {out}")
    out = run([1, 2, 3, 1, 2], (1, 2))
    expect(out != [99, 3, 1, 2], "only the first occurrence was merged; go on after it")
    expect(out != [99, 3, 1], "a pair at the very end is lost or missed: look at the last two ids")
    expect(out == [99, 3, 99], f"[1, 2, 3, 1, 2] should become [99, 3, 99], got {out}")
    out = run([4, 4, 4], (4, 4))
    expect(out != [4, 99], "in [4, 4, 4] two pairs overlap: merge from the left, so [99, 4]")
    expect(
        out != [99, 99] and out != [99],
        "in [4, 4, 4] two pairs overlap, and the middle id was used twice: after a hit, go on two places further",
    )
    expect(out == [99, 4], f"[4, 4, 4] with the pair (4, 4) should become [99, 4], got {out}")
    expect(run([2, 1, 3], (1, 2)) == [2, 1, 3], "the order counts: (2, 1) is not the pair (1, 2)")
    expect(run([], (1, 2)) == [], "an empty list stays empty")
    expect(run([6, 7], (1, 2)) == [6, 7], "without a hit the ids stay, the last one too")
    generator = random.Random(3)
    for _ in range(50):
        ids = [generator.randint(1, 3) for _ in range(generator.randint(1, 30))]
        expect(run(ids, (1, 1)) == merged(ids, (1, 1), 99), f"wrong for the ids {ids} and the pair (1, 1)")


def check_3(answer):
    def run(pieces):
        out = call(answer, pieces)
        expect(isinstance(out, list) and all(isinstance(part, str) for part in out), "return a list of strings")
        return out

    cut = ["é".encode()[:1], "é".encode()[1:] + b"t", "é".encode()]
    out = run(cut)
    expect(
        "�" not in "".join(out),
        "a character that is cut between two pieces came out as U+FFFD: hold its first byte back",
    )
    expect(
        "".join(out) != "té", "the cut character has vanished: its bytes must wait for the next piece, not be ignored"
    )
    expect(len(out) >= 3, "give one string for each piece, even an empty one: the reader waits for the screen to move")
    expect(out[:3] != ["", "", "été"], "everything comes at the end: show each character as soon as it is complete")
    expect(out[:3] == ["", "ét", "é"], f"the pieces {cut} should give '', 'ét', 'é', got {out[:3]}")
    smile = "🙂".encode()
    out = run([smile[:1], smile[1:2], smile[2:3], smile[3:] + b"!"])
    expect(
        "".join(out) == "🙂!", f"a character of four bytes in four pieces should come out whole, got {''.join(out)!r}"
    )
    out = run([b"a\xffb", b"c"])
    expect(
        out[0] == "a�b",
        f"a byte that can never be UTF-8 becomes U+FFFD at once and must not stop the stream; b'a\\xffb' gave {out[0]!r}",
    )
    expect("".join(out) == "a�bc", f"b'a\\xffb' and b'c' should give 'a�bc' in all, got {''.join(out)!r}")
    out = run([b"ok", smile[:2]])
    expect(
        "".join(out) == "ok�",
        f"the text ends in half a character: it must come out as U+FFFD at the end, got {''.join(out)!r}",
    )
    expect(len(out) == 3, "give one string for each piece and one more for what is left at the end")


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
