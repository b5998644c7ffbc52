"""Checks and quiz of notebook 08, BERT and RoBERTa."""

import math

import torch

from utils.checks import Question, call, expect


def near(a: float, b: float) -> bool:
    return abs(a - b) < 1e-5


def check_1(answer):
    """one number: bits a character"""
    log_probs = [[-1.5], [-0.7, -2.9], [-4.0, -0.3, -0.2]]
    words = ["film", "boring", "cinematography"]
    out = call(answer, log_probs, words, kind=float)
    nats, n_characters = 9.6, sum(map(len, words))
    right = nats / math.log(2) / n_characters
    expect(not near(out, -right), "log-probabilities are negative: the surprise is minus their sum")
    expect(not near(out, nats / n_characters), "these are nats a character: divide by ln 2 for bits")
    expect(not near(out, nats * math.log(2) / n_characters), "a bit is ln 2 = 0.69 nats, so there are more bits than nats: divide by ln 2, do not multiply")
    expect(not near(out, nats / math.log(2)), "these are all bits together; divide them by the number of hidden characters")
    expect(not near(out, nats / math.log(2) / 6), "you divide by the number of pieces; that depends on the vocabulary, the number of characters does not")
    expect(not near(out, nats / math.log(2) / 3), "you divide by the number of words; divide by their characters")
    expect(not near(out, nats / math.log(10) / n_characters), "the logarithm of base 10 gives no bits: divide by ln 2")
    per_word = [-sum(p) / math.log(2) / len(w) for p, w in zip(log_probs, words, strict=True)]
    expect(not near(out, sum(per_word) / 3), "this is the mean of the words' own rates; add up all bits and all characters first, then divide once")
    first = sum(-p[0] for p in log_probs) / math.log(2) / n_characters
    expect(not near(out, first), "only the first piece of each word is counted; a word is guessed when all its pieces are")
    expect(near(out, right), f"expected {right:.4f}: all bits together, divided by all characters together; yours {out:.4f}")
    other = call(answer, [[-2.0, -1.0], [-0.5]], ["plot", "é"], kind=float)
    expect(near(other, 3.5 / math.log(2) / 5), "on another text it is wrong: are the sizes of the example written into the function, or bytes counted for characters?")


def check_2(answer):
    """a boolean tensor of the shape of words, True where a token is chosen"""
    row = [-1, 0, 0, 0, 1, 2, 2, 3, 4, 4, 5, -1]
    words = torch.tensor([row] * 3000 + [[-1, 0, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1], [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1]])
    given = words.clone()
    out = call(answer, given, 0.3, torch.Generator().manual_seed(8), kind="tensor", keep=True)
    expect(torch.equal(given, words), "your function changed the tensor it was given")
    expect(out.shape == words.shape, f"the result has shape {tuple(out.shape)}, expected that of words, {tuple(words.shape)}")
    expect(out.dtype == torch.bool, "the result must be boolean: True where a token is chosen")
    expect(not out[words < 0].any(), "special tokens (word -1) are chosen; -1 is no word, and as an index it means the last one")
    many = out[:3000]
    whole = all(torch.equal(many[:, [i]].expand(-1, len(same)), many[:, same]) for i, same in ((1, [2, 3]), (5, [6]), (8, [9])))
    expect(whole, "pieces of one word have different fates: draw once for each word, not for each token")
    expect(not (many == many[0]).all(), "the same words are chosen in every row: draw for each row on its own")
    fates = many[:, [1, 4, 5, 7, 8, 10]]  # one column a word
    expect(not (fates == fates[:, :1]).all(), "all words of a row share one fate: draw for each word of each row, (B, number of words)")
    rate = fates.float().mean().item()
    expect(abs(rate - 0.7) > 0.02, "you choose the words whose number is above the rate: 70 % of them; below the rate is 30 %")
    expect(abs(rate - 0.3) < 0.02, f"{rate:.0%} of the words are chosen, expected 30 %: a word is chosen with probability rate")
    other = call(answer, words, 0.3, torch.Generator().manual_seed(9), kind="tensor")
    expect(not torch.equal(out, other), "another seed of the generator gives the same choice: hand generator to torch.rand")
    again = call(answer, words, 0.3, torch.Generator().manual_seed(8), kind="tensor")
    expect(torch.equal(out, again), "the same generator seed gives another choice: use the given generator, not torch's global one")
    nobody = call(answer, words, 0.0, torch.Generator().manual_seed(8), kind="tensor")
    expect(nobody.shape == words.shape and not nobody.any(), "with rate 0 nothing may be chosen: the rate is handed in, it is not always the same")


def check_3(answer):
    """one number: the sum of log-probabilities, a negative number"""
    g = torch.Generator().manual_seed(3)
    V, mask_id, special = 11, 4, [0, 2, 3, 4]
    near_table, own_table = torch.randn(V, V, generator=g), torch.randn(V, V, generator=g)

    def model(tokens):
        if tokens.dim() != 2:
            raise ValueError(f"the model takes a batch (N, T), it got {tuple(tokens.shape)}")
        left = torch.cat([tokens[:, :1], tokens[:, :-1]], dim=1)
        right = torch.cat([tokens[:, 1:], tokens[:, -1:]], dim=1)
        return near_table[left] + near_table[right].flip(-1) + own_table[tokens]

    tokens = torch.tensor([2, 7, 5, 5, 9, 10, 3])  # the two equal ones are neighbours, so that hiding both shows
    given = tokens.clone()
    out = call(answer, model, given, mask_id, special, kind=float, keep=True)
    expect(torch.equal(tokens, given), "your function changed the sentence it was given; hide tokens in copies")

    def total(sentence, places, hide, softmax=True, mask=mask_id):
        value = 0.0
        for i in places:
            copy = sentence.clone()
            copy[hide(i)] = mask
            row = model(copy[None])[0, i]
            value += (row.log_softmax(-1) if softmax else row)[sentence[i]].item()
        return value

    ordinary = [1, 2, 3, 4, 5]
    right = total(tokens, ordinary, lambda i: i)
    same = lambda value: abs(out - value) < 1e-4  # noqa: E731
    expect(not same(total(tokens, ordinary, lambda i: [])), "nothing is hidden: the model sees each answer; put mask_id at the place you ask about")
    expect(not same(total(tokens, ordinary, lambda i: ordinary)), "all tokens are hidden at once; hide one at a time, so that each is judged with the others in sight")
    expect(not same(total(tokens, range(7), lambda i: i)), "special tokens are counted: [CLS] and [SEP] are no words of the sentence")
    expect(not same(right / 5), "this is the mean; the pseudo-log-likelihood is the sum")
    expect(not same(-right), "the sign: a log-probability is negative, and so is their sum")
    expect(not same(total(tokens, ordinary, lambda i: i, softmax=False)), "these are sums of logits; take log_softmax over the vocabulary first")
    expect(not same(total(tokens, ordinary, lambda i: [j for j in ordinary if j <= i])), "hidden tokens stay hidden: start from a fresh copy for every place")
    once = [total(tokens, places, lambda i: i) for places in ([1, 2, 4, 5], [1, 3, 4, 5])]
    expect(not any(map(same, once)), "a word that occurs twice is asked only once: go over the places, not over the different words")
    expect(not same(total(tokens, ordinary, lambda i: tokens == tokens[i])),
           "where a token occurs twice, both are hidden at once: hide the place i, not every token with that id")
    expect(same(right), f"expected {right:.3f}, got {out:.3f}")
    sentence = torch.tensor([2, 8, 3, 6, 3])
    other = call(answer, model, sentence, 9, [2, 3], kind=float)
    wanted = total(sentence, [1, 3], lambda i: i, mask=9)
    expect(abs(other - wanted) < 1e-4, "on another sentence it is wrong: mask_id and special_ids are handed in, and [SEP] may stand in the middle")


QUIZ = [
    Question("Why does BERT replace a tenth of the chosen words by random ones?",
             right="So that no visible word can be trusted blindly, and every place keeps a useful state",
             why="Later there is no [MASK] in the text: a model asked only at [MASK] could neglect all other places.",
             wrong={"To make the vocabulary's rare words more frequent": "Random words do come from the whole vocabulary, but they are wrong words: nothing is learned about their use.",
                    "To save the cost of predicting them": "They are chosen, so they are predicted like the others."}),
    Question("roberta-base reads 512 tokens. Why does its position table have 514 rows?",
             right="Positions start at pad_id + 1 = 2, and padding has row 1",
             why="fairseq gives padding its own index in the position table as well; row 0 is never used.",
             wrong={"Two rows are for <s> and </s>": "Those are tokens; they stand at ordinary positions.",
                    "To make room for two segments": "Segments have a table of their own, in RoBERTa with one row."}),
    Question("Model A has loss 6.1 a token with 8,000 pieces, model B 5.8 with 4,000. Which is better?",
             right="Unknown: compare bits a character on the same hidden words",
             why="Smaller pieces are easier to guess one by one, and there are more of them.",
             wrong={"B, its loss is lower": "Its questions are easier: a loss a token says little across vocabularies.",
                    "A, it knows more pieces": "A larger vocabulary is no merit in itself."}),
    Question("What does the token table of a tied BERT do?",
             right="It gives the vectors at the input and the logits' matrix at the output",
             why="A hidden word's logit is the dot product of the head's output with that word's input vector, plus a bias.",
             wrong={"It shares one table between tokens and segments": "Segments have their own, small table.",
                    "It makes the vocabulary smaller": "The vocabulary keeps its size; the second matrix is saved."}),
    Question("A change improves one seed by 0.01 bits, and two seeds of the same recipe differ by 0.04. What follows?",
             right="Nothing yet: the difference is within the seeds' spread",
             why="A repeat with other seeds could turn the sign; more seeds or a longer run are needed.",
             wrong={"The change helps a little": "A spread of 0.04 produces such differences without any change.",
                    "The change is harmful": "One seed improved; neither direction is shown."}),
]
