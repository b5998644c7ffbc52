"""Checks and quiz of notebook 09, text summarization."""

import numpy as np

from utils.checks import Question, call, expect


def grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def check_1(answer):
    article = "the old mill by the river was closed and the old mill burned right down".split()
    summary = "the old mill burned and the old mill was sold by the river".split()
    a, s = set(grams(article, 2)), grams(summary, 2)
    new = [g for g in s if g not in a]
    right = len(new) / len(s)
    out = call(answer, article, summary, 2)
    near = lambda value: abs(float(out) - value) < 1e-9  # noqa: E731
    expect(not near(1 - right), "this is the share that was copied: novelty is the share that does not occur in the article")
    expect(not near(len(set(s) - a) / len(set(s))), "each different n-gram counts once here: count every place where one stands in the summary")
    expect(not near(len(a - set(s)) / len(a)), "these are the article's n-grams that the summary lacks: look at the summary's")
    expect(not near(len(new) / len(grams(article, 2))), "divide by the number of n-grams in the summary, not in the article")
    expect(not near(len(new)), "this is the number of new n-grams: divide by the number of n-grams in the summary")
    expect(not near(sum(w not in article for w in summary) / len(summary)), "these are single words: use runs of n words")
    expect(not near(len(new) / len(summary)),
           f"a summary of {len(summary)} words has {len(s)} pairs: divide by the number of n-grams, not of words")
    expect(near(right), f"the value is {float(out):.4f}, expected {right:.4f} for these texts and n = 2")
    three = [g for g in grams(summary, 3) if g not in set(grams(article, 3))]
    expect(abs(float(call(answer, article, summary, 3)) - len(three) / len(grams(summary, 3))) < 1e-9, "right for pairs, wrong for n = 3: use n")
    short = float(call(answer, article, ["mill"], 2))
    expect(short == 0, "a summary of fewer than n words has no n-gram: return 0")


def check_2(answer):
    sentences = [
        "a storm closed the harbour for two days".split(),
        "fishermen lost their nets".split(),
        "boats stay in the harbour until friday".split(),
        "repairs will cost about a million".split(),
        "the storm closed the harbour said the mayor".split(),
        "one storm closed the school until monday".split(),
        "nobody was hurt".split(),
    ]
    scores = np.array([0.91, 0.2, 0.65, 0.75, 0.8, 0.7, 0.3])

    def block(n=3, k=3, stop=False, last=False, order=True, wanted=scores):
        chosen = []
        for i in np.argsort(-wanted, kind="stable"):
            against = chosen[-1:] if last else chosen
            if any(set(grams(sentences[i], n)) & set(grams(sentences[j], n)) for j in against):
                if stop:
                    break
                continue
            chosen.append(int(i))
            if len(chosen) == k:
                break
        return sorted(chosen) if order else chosen

    right = block()
    out = call(answer, sentences, scores.copy(), 3)
    expect(hasattr(out, "__len__"), "return a list of indices")
    out = [int(i) for i in out]
    top = [int(i) for i in np.argsort(-scores)[:3]]
    expect(out != sorted(top) and out != top, "sentences 0 and 4 share 'storm closed the': the second of them must be blocked")
    expect(out != block(n=2), "two words in common are allowed: block only a run of three words")
    expect(out != block(n=1), "single words in common are allowed: block only a run of three words")
    expect(len(out) != 1, "you stop at the first blocked sentence: skip it and go on with the next best")
    expect(out != block(last=True) or out == right, "compare with every sentence already chosen, not only with the last")
    expect(out != block(wanted=-scores), "you begin with the lowest score: take the best first")
    expect(sorted(out) != right or out == right, "the right sentences, but by score: return them in the order of the text")
    expect(out == right, f"expected {right}, got {out}: best score first, skip what shares a run of three words with one already chosen, stop at k")
    expect(len(call(answer, sentences, scores.copy(), 2)) == 2, "with k = 2 there are two sentences")
    many = [int(i) for i in call(answer, sentences, scores.copy(), 7)]
    expect(many == block(k=7), "with k = 7 only the sentences that are not blocked may come, even if they are fewer than k")


def check_3(answer):
    g = np.random.default_rng(3)
    hard = g.normal(30, 12, 41)
    a, b = hard + g.normal(2.0, 3, 41), hard.copy()
    gap = a - b
    rows = np.random.default_rng(0).integers(0, 41, (20_000, 41))
    means = gap[rows].mean(axis=1)
    right = np.percentile(means, [2.5, 97.5])
    out = call(answer, a.copy(), b.copy(), 5000)
    expect(hasattr(out, "__len__") and len(out) == 2, "return two numbers: the lower and the upper end")
    low, high = (float(x) for x in out)
    width, wanted = high - low, right[1] - right[0]
    expect(not (low > high), "the ends are the wrong way round: the lower one first")
    expect(abs((low + high) / 2 + gap.mean()) > 0.4, "the sign is wrong: the difference is a - b")
    expect(abs((low + high) / 2 - a.mean()) > 3, "this is the interval of a alone: resample the differences a - b")
    expect(width < 2.5 * wanted, "far too wide: a and b must be resampled with the same rows (or take the difference first), and the mean of each resample is what counts")
    expect(width > 0.5 * wanted, "far too narrow: each resample has as many articles as there are, drawn with replacement; then take percentiles 2.5 and 97.5 of the means, not a standard error")
    expect(width > 0.92 * wanted, "a little too narrow: this looks like 90 %; the middle 95 % lies between the percentiles 2.5 and 97.5")
    expect(abs(low - right[0]) < 0.25 and abs(high - right[1]) < 0.25, f"expected about [{right[0]:.2f}, {right[1]:.2f}], got [{low:.2f}, {high:.2f}]")
    zero = [float(x) for x in call(answer, b.copy(), b.copy(), 500)]
    expect(max(abs(x) for x in zero) < 1e-9, "two equal systems differ by exactly 0 on every article: pairs must stay together")


QUIZ = [
    Question("A summary repeats the reference word by word but leaves out one 'not'. Its ROUGE is ...",
             right="almost unchanged",
             why="One word of fifty is missing from the overlap; that the claim is now false is nothing ROUGE counts.",
             wrong={"about zero": "ROUGE counts shared words, and nearly all are still shared.",
                    "exactly as before": "One word, and the pairs around it, are missing: a small loss remains."}),
    Question("Why may the intervals of two systems overlap although one is clearly better?",
             right="Both contain the spread between easy and hard articles, which cancels in the difference",
             why="The systems face the same articles; the paired difference removes what they have in common.",
             wrong={"The bootstrap is inexact": "Its own error is small at ten thousand resamples; the reason is what is resampled.",
                    "ROUGE is too coarse": "The scores are fine enough; the question is which of their variation matters."}),
    Question("The decoder's loss is the same with the article's own encoding and with another article's. What does it mean?",
             right="The decoder does not use its source",
             why="If it read the source, a wrong one would make the right words less likely and raise the loss.",
             wrong={"The two articles are alike": "One pair might be; over dozens of articles that cannot hold.",
                    "The training has converged": "A converged model may well read its source; the comparison says nothing about steps."}),
    Question("What does λ = 1 do in maximal marginal relevance?",
             right="It takes the best scores, whatever they repeat",
             why="The likeness to what is already taken has weight 1 - λ = 0.",
             wrong={"It takes the most different sentences": "That is the other end, λ near 0.",
                    "It takes the first sentences": "Place in the text plays no part in MMR."}),
    Question("Why is the oracle not a system?",
             right="It chooses by looking at the reference summary",
             why="It tells how far choosing sentences can go, since it knows what no system knows: the answer.",
             wrong={"It is too slow": "It takes seconds here; the reason is what it knows.",
                    "It writes new words": "It chooses sentences of the article, like the others."}),
]
