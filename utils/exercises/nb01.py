"""Checks and quiz of notebook 01."""

import torch
from torch.nn import functional as F

from utils.checks import Question, call, expect


def check_1(answer):
    examples = [("hot", "cold"), ("early", "late")]
    out = call(answer, "Give the opposite.", examples, "tall")
    good = "Give the opposite.\n\nInput: hot\nOutput: cold\n\nInput: early\nOutput: late\n\nInput: tall\nOutput:"
    expect(isinstance(out, str), f"the result is a {type(out).__name__}; expected one string: join the blocks")
    expect("tall" in out, "the prompt does not contain the new input: the model would have nothing to work on")
    expect(
        "early" in out and "hot" in out,
        "an example is missing: every pair of the list belongs into the prompt, in its order",
    )
    expect(out.startswith("Give the opposite."), "the instruction is missing at the start")
    expect(
        out == out.rstrip(),
        "the prompt ends with a space or a line break; it must stop right after the last colon, since the space belongs to the next token",
    )
    expect(out.endswith("Output:"), "the prompt must end with 'Output:', open for the model to fill in")
    expect(
        "\n\nInput: early" in out and "\n\nInput: tall" in out,
        "blocks are separated by a blank line, that is two line breaks",
    )
    expect(out == good, f"close; compare with the task, character by character. Yours: {out!r}")
    none = call(answer, "Count.", [], "one")
    expect(
        none == "Count.\n\nInput: one\nOutput:",
        f"with no examples the prompt should be instruction and open case only; yours: {none!r}",
    )


def check_2(answer):
    out = call(answer, "  1,200   Euros. ")
    expect(isinstance(out, str), f"the result is a {type(out).__name__}; expected a string")
    expect(out == out.lower(), "capital letters are left: the result is lower case")
    expect(
        "1 200" not in out, "the comma inside 1,200 became a space: remove punctuation, do not replace it with a space"
    )
    expect("," not in out and "." not in out, "punctuation is left in the result")
    expect(
        "  " not in out and out == out.strip(),
        "there are spaces at an end, or two in a row: split into words and join with one space",
    )
    expect(out == "1200 euros", f"'  1,200   Euros. ' should become '1200 euros'; yours: {out!r}")
    out = call(answer, "The theatre and a banana, an anchor")
    expect(
        "theatre" in out and "banana" in out and "anchor" in out,
        f"articles were removed inside words ({out!r}): remove the words a, an, the, not the letters",
    )
    expect(
        not {"a", "an", "the"} & set(out.split()),
        f"an article is left: {out!r}. Lower the case first, then remove a, an and the",
    )
    expect(
        out == "theatre and banana anchor",
        f"'The theatre and a banana, an anchor' should become 'theatre and banana anchor'; yours: {out!r}",
    )
    expect(call(answer, "The") == "", "'The' alone should become the empty string")
    expect(call(answer, "'Café' (the)") == "café", "letters with accents are letters: \\w keeps them, [a-z] does not")


def check_3(answer):
    g = torch.Generator().manual_seed(5)
    texts, classes = (
        torch.randn(7, 5, generator=g),
        torch.randn(3, 5, generator=g) * torch.tensor([[0.5], [1.0], [3.0]]),
    )
    cosine = F.normalize(texts, dim=-1) @ F.normalize(classes, dim=-1).T
    best, index = cosine.max(dim=1)
    out = torch.as_tensor(call(answer, texts, classes, -2.0))
    expect(
        out.shape == (7,),
        f"the result has shape {tuple(out.shape)}; expected (7,), one class for each text: take the maximum over classes, dim=1",
    )
    expect(not out.is_floating_point(), "these are cosines, not indices: return the argmax, as whole numbers")
    expect(
        not torch.equal(out, (texts @ classes.T).argmax(1)),
        "the longest class vector wins too often: the vectors do not have length 1, so divide by their lengths",
    )
    expect(
        not torch.equal(out, (F.normalize(texts, dim=0) @ F.normalize(classes, dim=0).T).argmax(1)),
        "you normalized over the wrong axis: each vector (dim=-1) gets length 1",
    )
    expect(
        torch.equal(out, index),
        f"with a threshold nobody misses the classes should be {index.tolist()}; yours: {out.tolist()}",
    )
    middle = best.sort().values[2:4].mean().item()
    out, good = torch.as_tensor(call(answer, texts, classes, middle)), torch.where(best >= middle, index, -1)
    expect((out == -1).any(), "no text gets -1, although some best cosines lie below the threshold")
    expect(
        not torch.equal(out, torch.where(best < middle, index, -1)),
        "the threshold works the wrong way round: -1 is for cosines below it",
    )
    expect(torch.equal(out, good), f"with threshold {middle:.2f} expected {good.tolist()}; yours: {out.tolist()}")


def check_4(answer):
    text = "Annabel met Anna in Lyon, and Lyon was warm."
    out = call(answer, "Lyon (place), Anna (person)", text)
    expect(isinstance(out, list), f"the result is a {type(out).__name__}; expected a list of (start, end, type)")
    expect(all(len(span) == 3 for span in out), "each span has three parts: start, end, type")
    out = [tuple(span) for span in out]
    expect(
        (0, 4, "person") not in out, "'Anna' was found inside 'Annabel': search for whole words, with \\b on both sides"
    )
    expect(
        not any(text[s : e + 1] in ("Anna", "Lyon") for s, e, _ in out),
        "the end is one too small: text[start:end] must be the name",
    )
    expect(
        out.count((20, 24, "place")) == 1 and (30, 34, "place") not in out,
        f"take the first occurrence of each name only; yours: {out}",
    )
    expect(out == sorted(out), f"order the spans by their start; yours: {out}")
    expect(
        out == [(12, 16, "person"), (20, 24, "place")],
        f"expected [(12, 16, 'person'), (20, 24, 'place')]; yours: {out}",
    )
    out = call(answer, "Peter (person), Lyon (place)", text)
    expect(
        all(span[0] >= 0 for span in out),
        "str.find gives -1 for a name that is not there: such a name is to be dropped",
    )
    expect(
        [tuple(s) for s in out] == [(20, 24, "place")],
        f"a name that the text does not contain must be dropped; yours: {out}",
    )
    expect(call(answer, "none", text) == [], "an answer without entities should give an empty list")
    dotted = call(answer, "J. Doe (person)", "Mr J. Doe slept.")
    expect(
        [tuple(s) for s in dotted] == [(3, 9, "person")], "a name with a full stop failed: use re.escape on the name"
    )


QUIZ = [
    Question(
        "SmolLM2 writes '17 + 25 = 32.' with a lower perplexity than '17 + 25 = 42.'. What does that show?",
        right="Probability says how usual a text is to the model, not whether it is true.",
        why="The model scores continuations by what it saw in training. No step in it adds numbers or checks facts.",
        wrong={
            "Greedy decoding chose badly; sampling would find 42.": "Sampling would draw the digit 4 in about 2 of 100 cases; the probabilities themselves are wrong.",
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
