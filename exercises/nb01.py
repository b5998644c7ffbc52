"""Checks and quiz of notebook 01."""

import torch
from torch.nn import functional as F

from utils.checks import Hint, NotAttempted, Question, call, cast, expect


def _later(answer, *args, what: str, **kwargs):
    """`call` for a second or later input: nothing returned is then a mistake, not an exercise that was never begun."""
    try:
        return call(answer, *args, **kwargs)
    except NotAttempted:
        raise Hint(f"for {what} your function returns nothing") from None


def _prompt(instruction: str, examples: list[tuple[str, str]], text: str) -> str:
    pairs = "".join(f"Input: {a}\nOutput: {b}\n\n" for a, b in examples)
    return f"{instruction}\n\n{pairs}Input: {text}\nOutput:"


def check_1(answer):
    """one string: the instruction, a block for each example and the open block, with a blank line between blocks"""
    gives = "one string: join the blocks"
    instruction, examples, text = "Give the opposite.", [("hot", "cold"), ("early", "late")], "tall"
    out = call(answer, instruction, examples, text, kind=str, gives=gives)
    lines = out.split("\n")
    expect("tall" in out, "the prompt does not contain the new input: the model would have nothing to work on")
    expect(
        all(word in out for pair in examples for word in pair),
        "an example is missing: every pair of the list, input and output, belongs into the prompt",
    )
    expect(out.lstrip().startswith(instruction), "the instruction is missing at the start")
    expect(
        "Input: cold" not in lines and "Output: hot" not in lines,
        "the two parts of an example are swapped: each pair is (input, output)",
    )
    expect(out.index("early") > out.index("hot"), "the examples stand in another order than in the list")
    expect(
        out.index("tall") > out.index("late"),
        "the new input comes after the examples: the model continues what stands last",
    )
    expect(
        out == out.rstrip(),
        "the prompt ends with a space or a line break; it must stop right after the last colon, since the space belongs to the next token",
    )
    expect(out.endswith("Output:"), "the prompt must end with 'Output:', open for the model to fill in")
    expect(
        lines.count("") == 3 and "\n\n\n" not in out,
        "blocks are separated by one blank line, that is two line breaks: after the instruction and after each example, and nowhere else",
    )
    expect(
        {"Input: hot", "Output: cold"} <= set(lines),
        f"an example is two lines, 'Input: hot' and 'Output: cold', with a space after each colon; yours: {lines[2:4]}",
    )
    expect(
        out == _prompt(instruction, examples, text),
        f"close; compare with the task, character by character. Yours: {out!r}",
    )
    out = _later(answer, "Count.", [], "one", what="an empty list of examples", kind=str, gives=gives)
    expect(
        out == _prompt("Count.", [], "one"),
        f"with no examples the prompt should be instruction and open case only; yours: {out[:200]!r}",
    )
    examples = [("do", "did"), ("lie", "lay"), ("lie", "lied"), ("go", "went")]
    out = _later(answer, "Past tense.", examples, "be", what="four examples", kind=str, gives=gives)
    expect(
        out == _prompt("Past tense.", examples, "be"),
        "right for two examples, wrong for four, of which two have the same input: "
        f"go through the whole list, without a dictionary; yours: {out[:300]!r}",
    )


def check_2(answer):
    """a string: lower case, without punctuation and articles, words separated by one space"""

    def run(text, first=False):
        settings = {"kind": str, "gives": "a string"}
        return call(answer, text, **settings) if first else _later(answer, text, what=repr(text), **settings)

    out = run("  1,200   Euros. ", first=True)
    expect(out == out.lower(), "capital letters are left: the result is lower case")
    expect(
        "1 200" not in out, "the comma inside 1,200 became a space: remove punctuation, do not replace it with a space"
    )
    expect("," not in out and "." not in out, f"punctuation is left in the result: {out[:80]!r}")
    expect("1" in out, "the digits are gone: an answer like 1200 lives from them; remove punctuation only")
    expect(
        "  " not in out and out == out.strip(),
        "there are spaces at an end, or two in a row: split into words and join with one space",
    )
    expect(out == "1200 euros", f"'  1,200   Euros. ' should become '1200 euros'; yours: {out[:80]!r}")
    out = run("The theatre and a banana, an anchor")
    expect(
        out == "" or {"theatre", "banana", "anchor"} <= set(out.split()),
        f"articles were removed inside words ({out[:80]!r}): remove the words a, an, the, not the letters",
    )
    expect(
        not {"a", "an", "the"} <= set(out.split()),
        f"'the' is left, and so are a and an: no article was removed ({out[:80]!r})",
    )
    expect(
        "the" not in out.split() or "the" not in run("the theatre").split(),
        f"the article at the start is left in {out[:80]!r}: it has no space before it; split into words and filter",
    )
    expect(
        "the" not in out.split(),
        f"'the' is left in {out[:80]!r}, which began with a capital letter: lower the case first, then remove a, an and the",
    )
    expect(not {"a", "an"} & set(out.split()), f"an article is left: {out[:80]!r}. All three go: a, an and the")
    expect(
        out == "theatre and banana anchor",
        f"'The theatre and a banana, an anchor' should become 'theatre and banana anchor'; yours: {out[:80]!r}",
    )
    out = run('Who\'s in the well-known (#1) inn? Nobody; "none": 5 @ 10% tax!')
    good = "whos in wellknown 1 inn nobody none 5 10 tax"
    left = sorted(set(out) & set("'-(#)?;\":@%!"))
    expect(
        not left,
        f"punctuation is left, {' '.join(left)}: remove everything that is neither letter, digit nor space, not a few signs",
    )
    expect(
        "well known" not in out and "who s" not in out,
        f"a sign inside a word became a space: well-known becomes wellknown; yours: {out[:80]!r}",
    )
    expect(out == good, f"expected {good!r}; yours: {out[:80]!r}")
    out = run("the a-team, (the) THE. end")
    expect(
        out not in ("ateam the the end", "ateam the end") or "the" in run("(the) end").split(),
        f"an article that occurs several times is left ({out!r}): list.remove takes out one, and a loop over the list that it shortens "
        "skips words; build a new list",
    )
    expect(
        out not in ("team end", "ateam the the end", "ateam the end"),
        f"articles were removed before punctuation ({out!r}): 'a-team' is one word and becomes ateam, '(the)' becomes an article",
    )
    expect(out == "ateam end", f"'the a-team, (the) THE. end' should become 'ateam end'; yours: {out[:80]!r}")
    out = run("'Café' (the)")
    expect("é" in out, f"letters with accents are letters: \\w keeps them, [a-z] does not; yours: {out[:80]!r}")
    out = run("new\tYork\nCity")
    expect(
        out != "newyorkcity",
        "the tab and the line break were removed like punctuation, which glues words: keep all white space, \\s or isspace(), until you split",
    )
    expect(
        out == "new york city",
        f"tabs and line breaks separate words too: use split() without an argument; yours: {out[:80]!r}",
    )
    for text in ("The", "", "?!"):
        out = run(text)
        expect(out == "", f"{text!r} alone should become the empty string; yours: {out[:80]!r}")


def _indices(answer, texts, classes, threshold, first=False):
    """The reader's classes as a tensor of whole numbers, one a text; vectors that were changed in place are refused."""
    given, what = [texts.clone(), classes.clone()], f"threshold {threshold:.2f}"
    settings = {"kind": "tensor", "gives": "a tensor of class indices, one a text", "keep": True}
    out = (
        call(answer, *given, threshold, **settings)
        if first
        else _later(answer, *given, threshold, what=what, **settings)
    )
    expect(
        torch.equal(given[0], texts) and torch.equal(given[1], classes),
        "your function changed the vectors that it was given: x / norm makes new ones, x /= norm does not",
    )
    expect(
        out.shape != (len(classes),) or len(classes) == len(texts),
        f"the result has shape {tuple(out.shape)}, one number for each class; one for each text is wanted: take the maximum over classes, dim=1",
    )
    expect(
        out.shape == (len(texts),),
        f"the result has shape {tuple(out.shape)}; expected ({len(texts)},), one class for each text",
    )
    whole = out.dtype not in (torch.bool, torch.complex64, torch.complex128) and torch.equal(out, out.floor())
    expect(whole, "class indices are whole numbers: return the argmax, not the cosine or a truth value")
    expect(
        not out.is_floating_point(), "the indices came as floating point numbers, which cannot index: end with .long()"
    )
    return out.long()


def check_3(answer):
    """a tensor (N,) of whole numbers: the class with the largest cosine, or -1 where that lies below the threshold"""
    g = torch.Generator().manual_seed(11)  # a seed for which all the mistakes below give different results
    texts = torch.randn(9, 5, generator=g)
    classes = torch.randn(4, 5, generator=g) * torch.tensor([[0.4], [1.0], [3.0], [0.7]])
    cosine = F.normalize(texts, dim=-1) @ F.normalize(classes, dim=-1).T
    best, index = cosine.max(dim=1)
    out = _indices(answer, texts, classes, -2.0, first=True)
    mistakes = [
        (
            (texts @ classes.T).argmax(1),
            "the longest class vector wins too often: the vectors do not have length 1, so divide by their lengths",
        ),
        (
            (F.normalize(texts, dim=0) @ F.normalize(classes, dim=0).T).argmax(1),
            "you normalized over the wrong axis: each vector (dim=-1) gets length 1",
        ),
        (cosine.argmin(1), "this is the class farthest away: the largest cosine is the nearest class"),
        (cosine.abs().argmax(1), "a cosine of -0.9 is far, not near: take the largest, without abs"),
        (
            torch.cdist(texts, classes).argmin(1),
            "this is the nearest class by distance; it should be the one with the largest cosine",
        ),
        (
            torch.full_like(index, -1),
            "all texts get -1 at a threshold of -2, which every cosine reaches: -1 is for cosines below the threshold",
        ),
    ]
    for wrong, hint in mistakes:
        expect(not torch.equal(out, wrong), hint)
    expect(
        torch.equal(out, index),
        f"with a threshold nobody misses the classes should be {index.tolist()}; yours: {out.tolist()}",
    )
    middle = best.sort().values[3:5].mean().item()
    out, good = _indices(answer, texts, classes, middle), torch.where(best >= middle, index, -1)
    dots, half = (
        (texts @ classes.T).gather(1, index[:, None])[:, 0],
        (texts @ F.normalize(classes, dim=-1).T).max(1).values,
    )
    chances = cosine.softmax(1).max(1).values
    mistakes = [
        (index, "no text gets -1, although some best cosines lie below the threshold"),
        (torch.where(best >= middle, index, 0), "texts below the threshold get class 0: they should get -1"),
        (torch.where(best < middle, index, -1), "the threshold works the wrong way round: -1 is for cosines below it"),
        (torch.where(best >= 0.2, index, -1), "the threshold is fixed at 0.2: use the argument"),
        (
            torch.where(dots >= middle, index, -1),
            "the products, not the cosines, are compared with the threshold: divide by both lengths",
        ),
        (
            torch.where(half >= middle, index, -1),
            "the texts' vectors do not have length 1: divide by their lengths as well",
        ),
        (
            torch.where(chances >= middle, index, -1),
            "the softmax of the cosines is compared with the threshold; take the cosine itself",
        ),
    ]
    for wrong, hint in mistakes:
        expect(not torch.equal(out, wrong), hint)
    expect(torch.equal(out, good), f"with threshold {middle:.2f} expected {good.tolist()}; yours: {out.tolist()}")
    out = _indices(answer, torch.tensor([[-2.0, 0.0]]), torch.tensor([[1.0, 0.0], [3.0, 1.0]]), 0.5)
    expect(out.tolist() == [-1], f"a best cosine of about -0.95 lies below the threshold 0.5: compare it without abs; yours: {out.tolist()}")
    texts = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, -4.0]])
    classes = torch.tensor([[3.0, 0.0, 0.0], [0.0, -1.0, 0.0], [-2.0, 0.0, 0.0], [0.0, -2.0, 4.0], [0.0, 1.0, -9.0]])
    out = _indices(answer, texts, classes[:2], 0.0)
    expect(
        out.tolist() != [-1, -1],
        "a best cosine that equals the threshold reaches it: compare with >=, so that only cosines below it give -1",
    )
    out = _indices(answer, -texts, classes, 0.5)
    expect(
        out.tolist() == [1, 3],
        f"right for one size only: for two texts and five classes expected [1, 3]; yours: {out.tolist()}",
    )


def _spans(answer, said, text, first=False):
    """The reader's spans as a list of (int, int, str)."""
    gives = "a list of (start, end, type)"
    out = (
        call(answer, said, text, kind=list, gives=gives)
        if first
        else _later(answer, said, text, what=repr(said), kind=list, gives=gives)
    )
    spans = []
    for span in out:
        expect(
            isinstance(span, (tuple, list)) and len(span) == 3,
            f"each span has three parts, (start, end, type); one of yours is {str(span)[:60]!r}",
        )
        expect(
            None not in span and -1 not in (span[0], span[1]),
            "str.find gives -1, and re.search None, for a name that is not there: such a name is to be dropped",
        )
        expect(
            isinstance(span[2], str), f"the third part of a span is its type, a string; yours: {str(span[2])[:60]!r}"
        )
        start, end = (cast(part, int, "a whole number as start and end of a span", "a span holds") for part in span[:2])
        spans.append((start, end, span[2]))
    return spans


def check_4(answer):
    """a list of (start, end, type), ordered by start, with text[start:end] the name"""
    text = "For one anna in MacLyon JoAnna and Annabel left Lyon. Anna saw Mia Nokia there, and Lyon saw Anna."
    said = "Anna (person), Mia Nokia (organization), Lyon (place)"
    places = {"place": (48, 52), "person": (54, 58), "organization": (63, 72)}
    good = [(*places[kind], kind) for kind in places]
    out = _spans(answer, said, text, first=True)
    expect(out, "the list is empty; the text contains three of the names")
    cut = [text[start:end] for start, end, _ in out]
    expect(
        not any(kind in ("Anna", "Lyon", "Mia Nokia") for *_, kind in out),
        "the third part is the name; the type, in brackets after it, is wanted",
    )
    expect((63, 9, "organization") not in out, "the second part is the length; the end is wanted, start + length")
    expect(
        not {"Anna ", "Lyon."} & set(cut),
        "the end is one too large: text[start:end] must be the name, so end is the first place after it",
    )
    expect(
        not {"Ann", "Lyo"} & set(cut),
        "the end is one too small: text[start:end] must be the name, so end is the first place after it",
    )
    expect(
        (8, 12, "person") not in out,
        "'anna' in small letters was taken for 'Anna': capital letters tell names apart, do not ignore them",
    )
    for inside, word in (
        ((26, 30, "person"), "JoAnna"),
        ((35, 39, "person"), "Annabel"),
        ((19, 23, "place"), "MacLyon"),
    ):
        expect(
            inside not in out,
            f"a name was found inside '{word}': search for whole words, with \\b on both sides of the name",
        )
    expect(
        (67, 72, "organization") not in out,
        "'Mia Nokia' was cut to its last word: a name may have several words, all that stands before the bracket",
    )
    expect(
        not {good[0], (84, 88, "place")} <= set(out),
        "a name that occurs twice was found twice: take its first occurrence only",
    )
    expect((84, 88, "place") not in out, "take the first occurrence of each name; yours is a later one")
    expect(out != [good[1], good[2], good[0]], "the spans stand in the order of the answer; order them by their start")
    expect(out != good[::-1], "the spans are sorted by type, or backwards; order them by their start")
    expect(out == good, f"expected {good}; yours: {out}")
    out = _spans(answer, "Norway (place), Peter (person), Lyon (place)", "Peterson saw Lyon.")
    expect(
        out == [(13, 17, "place")],
        f"a name that the text does not contain as a whole word must be dropped, like Peter in 'Peterson saw Lyon.'; yours: {out}",
    )
    out = _spans(answer, "none", text)
    expect(out == [], f"an answer without entities should give an empty list; yours: {out}")
    out = _spans(answer, "Ali (person), Bank of England (organization), Mia (person)", "Mia met Ali at the Bank of England")
    expect((0, 3, "person") in out, "Mia at place 0 is missing: 0 is a place like any other; ask for -1 or None, not for > 0; and keep two names of one type")
    expect((8, 11, "person") in out, "two names of one type, Mia and Ali, are two spans: a dictionary by type keeps one")
    expect(
        out == [(0, 3, "person"), (8, 11, "person"), (19, 34, "organization")],
        f"'Bank of England' has three words and ends the text, without a full stop: a name may have any number of words; \\b also fits the end; yours: {out}",
    )
    out = _spans(answer, "J. Doe (person)", "Jo Doe and J. Doe slept.")
    expect(
        not {"Doe", " Doe"} & {"Jo Doe and J. Doe slept."[start:end] for start, end, _ in out},
        "'J. Doe' lost its 'J.': a name is all between the comma and the bracket, full stops included, not letters and spaces only",
    )
    expect(
        out == [(11, 17, "person")],
        f"in a pattern a full stop means any sign, so that 'J. Doe' fits 'Jo Doe': use re.escape on the name; yours: {out}",
    )


QUIZ = [
    Question(
        "SmolLM2 writes '17 + 25 = 32.' with a lower perplexity than '17 + 25 = 42.'. What does that show?",
        right="Probability says how usual a text is to the model, not whether it is true.",
        why="The model scores continuations by what it saw in training. No step in it adds numbers or checks facts.",
        wrong={
            "Greedy decoding chose badly; sampling would find 42.": "Sampling would draw the digit 4 in about 2 of 100 cases; "
            "the probabilities themselves are wrong.",
            "The perplexity was computed on too few tokens.": "It is exact for these tokens; the model prefers the wrong digit, 0.98 to 0.02.",
        },
    ),
    Question(
        "You send a bare question to an instruction-tuned model and get an empty answer. What do you look at first?",
        right="Whether the chat template, with add_generation_prompt, is around the question.",
        why="The model was trained to speak after an open assistant turn; without it the likeliest token may be the end of the turn.",
        wrong={
            "Whether max_new_tokens is too small.": "That cuts an answer short; it does not make the first token an end of turn.",
            "Whether the seed is fixed.": "Greedy decoding draws nothing, so a seed changes nothing.",
        },
    ),
    Question(
        "Why is zero-shot by similarity better at topics than at opinions?",
        right="Cosine similarity mostly measures what a sentence is about, and 'good' and 'not good' are about the same thing.",
        why="We measured 0.76 between the two sentences: the negation moves the vector a little, the subject decides the rest.",
        wrong={
            "MiniLM has never seen the words 'good' and 'bad'.": "Both are frequent words of its vocabulary; the list of words is not the trouble.",
            "Two classes are harder than four.": "With fewer classes a guess is right more often, so that this would make it easier.",
        },
    ),
    Question(
        "For a question that the text does not answer, the model invents. What did permission to refuse change?",
        right="It refused, but also where the text held the answer.",
        why="Both counts must be measured: a prompt that always refuses looks perfect on unanswerable questions alone.",
        wrong={
            "Nothing: it invented as before.": "It did refuse those questions; look at the other column.",
            "It refused only where the answer was missing.": "That is what we hoped for; it refused nearly all answerable questions as well.",
        },
    ),
]
