"""Checks and quiz of notebook 09, text summarization."""

from collections import Counter

import numpy as np

from utils.checks import Hint, Question, call, cast, expect


def _grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _novelty(article, summary, n):
    return sum(g not in set(_grams(article, n)) for g in _grams(summary, n)) / len(_grams(summary, n))


def check_1(answer):
    """the share of new n-grams, one number in [0, 1]"""
    gives = "one number in [0, 1]"
    article = "the old mill by the river was closed and the old mill burned right down late last night".split()
    summary = "the old mill burned and the old mill closed was sold by the river the old mill sold by night".split()
    a, s = set(_grams(article, 2)), _grams(summary, 2)
    new = [g for g in s if g not in a]
    right = len(new) / len(s)
    out = call(answer, article, summary, 2, kind=float, gives=gives)
    expect(out == out, "the result is nan: is something divided by nothing?")
    if not abs(out - right) < 1e-6:

        def near(value):
            return abs(out - value) < 1e-6

        expect(not near(1 - right), "this is the share that was copied: novelty is the share that does not occur in the article")
        expect(not near(len(set(s) - a) / len(set(s))), "each different n-gram counts once here: count every place where one stands in the summary")
        expect(not near(len(a - set(s)) / len(a)), "these are the article's n-grams that the summary lacks: look at the summary's")
        expect(not near(len(new) / len(_grams(article, 2))), "divide by the number of n-grams in the summary, not in the article")
        expect(not near(len(new)), "this is the number of new n-grams: divide by the number of n-grams in the summary")
        expect(not near(100 * right), "this is in percent: return a share in [0, 1]")
        expect(not near(sum(w not in article for w in summary) / len(summary)), "these are single words: use runs of n words")
        expect(not near(len(new) / len(summary)),
               f"a summary of {len(summary)} words has {len(s)} pairs: divide by the number of n-grams, not of words")
        expect(not near(1 - (Counter(s) & Counter(_grams(article, 2))).total() / len(s)),
               "as in ROUGE, each n-gram of the article may be copied only as often as it stands there; here it is not new if it occurs at all")
        unordered = {frozenset(g) for g in a}
        expect(not near(sum(frozenset(g) not in unordered for g in s) / len(s)),
               "the order inside an n-gram counts: 'closed was' is new where the article has 'was closed'; compare tuples, not sets")
        raise Hint(f"the value is {out:.4f}, expected {right:.4f} for these texts and n = 2: which of the summary's pairs stand in the article?")
    three = call(answer, article, summary, 3, kind=float, gives=gives)
    expect(abs(three - _novelty(article, summary, 3)) < 1e-6, "right for pairs, wrong for n = 3: use n")
    article, summary = "they bathe cold apples in cider".split(), "the cold apples in".split()
    joined = call(answer, article, summary, 2, kind=float, gives=gives)
    expect(abs(joined - 1 / 3) < 1e-6,
           "'the cold' is new where the article says 'bathe cold': joined to one string, a run is found inside longer words; compare tuples of words")
    last = call(answer, article, ["in", "cider"], 2, kind=float, gives=gives)
    expect(last == 0, "the last n-gram of the article is left out: the places are range(len(words) - n + 1)")
    whole = call(answer, article, ["cider", "in"], 2, kind=float, gives=gives)
    expect(whole == 1, "a summary of exactly n words has one n-gram, here a new one; only fewer than n words give 0")
    short = call(answer, article, ["cold"], 2, kind=float, gives=gives)
    expect(short == 0, "a summary of fewer than n words has no n-gram: return 0")


def check_2(answer):
    """a list of the chosen sentences' indices, in the order of the text"""
    gives = "a list of the chosen sentences' indices"
    sentences = [
        "a storm closed the harbour for two days".split(),
        "fishermen lost their nets".split(),
        "two boats stay in the harbour until friday".split(),
        "nobody was hurt for two hours said our mayor".split(),
        "repairs will cost about a million".split(),
        "the storm closed the school said our mayor".split(),
        "one storm closed the school until monday".split(),
    ]
    scores = np.array([0.91, 0.2, 0.65, 0.3, 0.75, 0.8, 0.7])

    def runs(sentence, n=3):
        return set(_grams(sentence, n))

    def block(k=4, share=lambda a, b: runs(a) & runs(b), stop=False, against=None, wanted=scores):
        chosen, seen = [], []
        for i in map(int, np.argsort(-wanted, kind="stable")):
            if any(share(sentences[i], sentences[j]) for j in {"last": chosen[-1:], "all": seen}.get(against, chosen)):
                if stop:
                    break
            else:
                chosen.append(i)
            seen.append(i)
            if len(chosen) == k:
                break
        return chosen

    def picked(k):
        items = call(answer, sentences, scores, k, kind=list, gives=gives)
        return [cast(i, int, "the index of a sentence, a whole number", "in the list there is") for i in items]

    right, out = sorted(block()), picked(4)
    if out != right:
        top = [int(i) for i in np.argsort(-scores)[:4]]
        expect(sorted(out) != sorted(top), "sentences 0 and 5 share 'storm closed the': the second of them must be blocked")
        expect(sorted(out) != sorted(block(share=lambda a, b: runs(a, 4) & runs(b, 4))), "a run of three words in common is enough; you ask for four")
        expect(sorted(out) != sorted(block(share=lambda a, b: runs(a, 2) & runs(b, 2))), "two words in common are allowed: block only a run of three words")
        expect(sorted(out) != sorted(block(share=lambda a, b: runs(a, 1) & runs(b, 1))), "single words in common are allowed: block only a run of three words")
        expect(sorted(out) != sorted(block(share=lambda a, b: len(set(a) & set(b)) >= 3)),
               "three words in common are allowed as long as they do not stand in a row: sentences 0 and 2 share 'two', 'the' and 'harbour'")
        expect(out != [0], "you stop at the first blocked sentence: skip it and go on with the next best")
        expect(sorted(out) != [0, 4], "you look at the k best sentences alone: go on with the next best until there are k")
        expect(sorted(out) != sorted(block(against="last")), "compare with every sentence already chosen, not only with the last")
        expect(sorted(out) != sorted(block(against="all")), "a skipped sentence must block nothing: compare with the chosen ones alone")
        expect(sorted(out) != sorted(block(wanted=-scores)), "you begin with the lowest score: take the best first")
        expect(sorted(out) != sorted(block(wanted=-np.arange(7))), "you go through the sentences in the order of the text: take the best score first")
        expect(sorted(out) != right, "the right sentences, but by score: return them in the order of the text")
        raise Hint(f"expected {right}, got {str(out)[:60]}: best score first, skip what shares a run of three words with one already chosen, stop at k")
    expect(len(picked(2)) == 2, "with k = 2 there are two sentences")
    expect(picked(7) == sorted(block(k=7)), "with k = 7 only the sentences that are not blocked may come, even if they are fewer than k")

    def keeps(lines, wanted, hint):
        lines = [line.split() for line in lines]
        items = call(answer, lines, np.linspace(0.9, 0.5, len(lines)), len(lines), kind=list, gives=gives)
        expect([cast(i, int, "the index of a sentence, a whole number", "in the list there is") for i in items] == wanted, hint)

    keeps(["rain fell all day", "snow fell all day"], [0], "the last run of a sentence is left out: a sentence of n words has n - 2 runs of three")
    keeps(["snow fell all day", "then snow fell all night"], [0], "a shared run blocks wherever it stands in the two sentences")
    keeps(["it was a mild day", "rain fell on monday", "cold rain fell on tuesday"], [0, 1], "compare with every sentence already chosen, not only with the best")
    keeps(["the storm closed it", "it closed the storm"], [0, 1], "the order inside a run counts: compare tuples, not sets of three words")
    keeps(["they bathe cold apples in cider", "the cold apples were sweet"], [0, 1],
          "'the cold apples' is no run of a sentence with 'bathe cold apples': compare tuples of words, not joined strings")


def check_3(answer):
    """two numbers, the lower and the upper end of the interval"""
    gives = "two numbers: the lower and the upper end"

    def ends(a, b):
        out = call(answer, a, b, 5000, kind=list, gives=gives)
        expect(len(out) == 2, f"there are {len(out)} numbers; return two: the lower and the upper end")
        return tuple(cast(x, float, "one number for each end", "in your result there is") for x in out)

    def bootstrap(values):
        rows = np.random.default_rng(0).integers(0, len(values), (20_000, len(values)))
        return np.percentile(values[rows].mean(axis=1), [2.5, 97.5])

    g = np.random.default_rng(3)
    hard = g.normal(30, 12, 41)
    a, b = hard + g.normal(2.0, 3, 41), hard.copy()
    gap = a - b
    right = bootstrap(gap)
    low, high = ends(a, b)
    expect(np.isfinite(low) and np.isfinite(high), "an end is nan or infinite: is something divided by nothing?")
    if not (abs(low - right[0]) < 0.12 and abs(high - right[1]) < 0.12):
        width, wanted, middle = high - low, right[1] - right[0], (low + high) / 2
        expect(low <= high, "the ends are the wrong way round: the lower one first")
        expect(abs(middle + gap.mean()) > 0.4, "the sign is wrong: the difference is a - b")
        expect(abs(middle - a.mean()) > 3, "this is the interval of one system alone: resample the differences a - b")
        expect(abs(middle - 41 * gap.mean()) > 20, "41 times too large: take the mean of each resample, not the sum")
        expect(high > gap.mean() or not 1e-9 < width < 0.7 * wanted,
               "both ends lie below the mean difference: np.percentile counts from 0 to 100, so 2.5 and 97.5 (np.quantile from 0 to 1)")
        expect(abs(middle) > 0.4, "this lies around 0, as if there were no difference: resample the differences as they are, with their mean")
        spread = np.percentile(gap, [2.5, 97.5])
        expect(abs(low - spread[0]) + abs(high - spread[1]) > 0.5,
               "these are percentiles of the differences themselves: draw resamples, and take percentiles of their means")
        expect(width < 2.5 * wanted, "far too wide: a and b must be resampled with the same rows (or take the difference first)")
        expect(width > 1e-9, "both ends are the same: draw with replacement, or each resample is the same set of articles")
        expect(width > 0.3 * wanted, "far too narrow: each resample has as many articles as there are, 41 here, and one mean (axis=1 of an array (n_resamples, N))")
        expect(width > 0.7 * wanted, "too narrow: take the percentiles 2.5 and 97.5 of the means, not one standard error to each side")
        expect(width > 0.92 * wanted, "a little too narrow: this looks like 90 %; the middle 95 % lies between the percentiles 2.5 and 97.5")
        rows = np.random.default_rng(0).integers(0, 41, (5000, 41))
        middles = np.percentile(np.median(gap[rows], axis=1), [2.5, 97.5])
        expect(abs(low - middles[0]) + abs(high - middles[1]) > 0.1, "these are medians of the resamples: take the mean of each")
        expect(width < 1.15 * wanted, "a little too wide: this looks like 99 %; the middle 95 % lies between the percentiles 2.5 and 97.5")
        raise Hint(f"expected about [{right[0]:.2f}, {right[1]:.2f}], got [{low:.2f}, {high:.2f}]")
    a, b = g.normal(10, 4, 17), g.normal(12, 3, 17)
    low, high = ends(a, b)
    right = bootstrap(a - b)
    expect(abs(low - right[0]) < 0.25 and abs(high - right[1]) < 0.25, "right for 41 articles, wrong for 17: is the number of articles written as a number?")
    gap = np.array([0.0] * 8 + [9.0])  # the resamples' means are whole numbers: their percentiles are 0 and 3
    low, high = ends(gap + 20, np.full(9, 20.0))
    expect(high > 0.5, "the last article is never drawn: numpy's integers(0, N) leaves out N itself, so write N, not N - 1")
    expect(low > -0.5, "with one large difference among zeros the lower end is 0: take percentiles of the resampled means, not the mean ± 1.96 standard errors")
    expect(abs(low) < 0.5 and abs(high - 3) < 0.5, f"for differences 0 (eight times) and 9 the interval is [0, 3], yours [{low:.2f}, {high:.2f}]: draw N of N articles, with replacement")
    low, high = call(answer, a, b, 1, kind=list, gives="two numbers, the ends of the interval")
    expect(abs(cast(low, float) - cast(high, float)) < 1e-9, "with n_resamples = 1 both ends are the one mean: draw n_resamples of them, no fixed number")


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
