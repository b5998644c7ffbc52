"""Checks and quiz of notebook 11, DistilBERT."""

import math
import statistics

from utils.checks import Hint, Question, call, cast, expect


def check_1(answer):
    """a list of layer numbers from 0, evenly spaced, the teacher's last one among them; ValueError where the depths do not divide"""

    def layers(n, m):
        return call(answer, n, m, kind=list, gives="a list of layer numbers, such as [1, 3, 5]")

    out = layers(6, 3)
    expect(out != [0, 2, 4], "these are evenly spaced, but begin with the first layer; the teacher's last layer must be among them")
    expect(out != [2, 4, 6], "layers are counted from 0 here: the last of six is number 5")
    expect(out != [0, 1, 2], "these are the first layers; take every other one")
    expect(out != [3, 4, 5], "these are the last layers; take every other one")
    expect(out != [0, 2, 5], "this keeps both ends, as the authors' script does; evenly spaced is asked, ending with the last layer")
    expect(out != [5, 3, 1], "the right layers from the top down: student layer 0 must stand for the lowest, so count upwards")
    expect(out == [1, 3, 5], f"six to three gives [1, 3, 5], yours {str(out)[:60]}")
    expect(all(not isinstance(number, float) for number in out),
           "layer numbers are whole numbers: divide with //, a list cannot be asked for item 1.0")
    out = layers(12, 4)
    expect(out not in ([5, 7, 9, 11], [1, 3, 5, 7], [1, 3, 5, 7, 9, 11]), "twelve to four: the step is n // m = 3, not always 2")
    expect(out == [2, 5, 8, 11], f"twelve to four gives [2, 5, 8, 11], yours {str(out)[:60]}")
    expect(layers(5, 5) == [0, 1, 2, 3, 4], "a student as deep as its teacher gets all layers, here [0, 1, 2, 3, 4]")
    expect(layers(10, 1) == [9], "a student of one layer gets the last of its teacher's, of ten [9]")
    try:
        answer(6, 4)
    except ValueError:
        return
    except Exception as error:
        raise Hint(f"four does not divide six: raise ValueError, not {type(error).__name__}") from None
    raise Hint("four does not divide six: raise ValueError")


def check_2(answer):
    """one number between 0 and 1, the parameters of the layers taken out over all parameters of the teacher"""

    def formula(n, d, d_ff, V, max_len):
        layer = 4 * (d * d + d) + (d * d_ff + d_ff) + (d_ff * d + d) + 4 * d
        return layer, V * d + max_len * d + 2 * d + (d * d + d) + (2 * d + 2)

    sizes = 8, 24, 100, 500, 60
    layer, rest = formula(*sizes)
    out = call(answer, *sizes, kind=float, gives="one number between 0 and 1, the share of all parameters")

    def near(value):
        return math.isclose(out, value, rel_tol=1e-6)

    def saved(layer, rest):
        return 4 * layer / (rest + 8 * layer)

    right, head = saved(layer, rest), 24 * 24 + 24 + 2 * 24 + 2
    expect(not near(100 * right), "this is a percentage; return the share, between 0 and 1")
    expect(not near(4 * layer), "this is the number of parameters saved; divide it by all of the teacher's")
    expect(not near(0.5), "half of the layers is not half of the model: the tables and the head stay")
    expect(not near(1 - right), "this is the share that is kept; the share saved is one minus it")
    expect(not near(4 * layer / (rest + 4 * layer)), "divide by the teacher's parameters, not by the student's")
    expect(not near(saved(4 * 24**2 + 2 * 24 * 100, rest)), "the layer's biases and norms are missing")
    expect(not near(saved(layer - 4 * 24, rest)), "the two norms of each layer are missing: a scale and a shift of width d each")
    expect(not near(saved(layer, rest - 60 * 24)), "the position table is missing")
    expect(not near(saved(layer, rest - 500 * 24)), "the table of token vectors is missing")
    expect(not near(saved(layer, rest - 2 * 24)), "the norm behind the embeddings is missing: a scale and a shift of width d")
    expect(not near(saved(layer, rest + 2 * 24)), "the two segment vectors are counted; the task leaves them out")
    expect(not near(saved(layer, rest - head)), "the head (pooler and classifier) is missing")
    expect(not near(saved(layer, rest - (2 * 24 + 2))), "the classifier is missing: two classes, 2 d + 2")
    expect(not near(saved(layer, rest - (24 * 24 + 24))), "the pooler is missing: d² + d")
    expect(not near(saved(formula(8, 24, 96, 500, 60)[0], rest)), "use the d_ff that is given; it need not be 4 d")
    expect(not any(near(round(right, digits)) for digits in (2, 3, 4)), "this is rounded: return the share as it is")
    expect(near(right), f"for these sizes the share is {right:.6f}, yours {out:.6f}")
    odd = 5, 18, 40, 300, 70
    layer, rest = formula(*odd)
    out = call(answer, *odd, kind=float, gives="one number between 0 and 1")
    expect(not near(2 * layer / (rest + 5 * layer)) and not near(2.5 * layer / (rest + 5 * layer)),
           "of five layers two are kept (5 // 2), so three are saved")
    expect(near(3 * layer / (rest + 5 * layer)), f"other sizes give a wrong share: {odd} saves {3 * layer / (rest + 5 * layer):.6f}, yours {out:.6f}")


def check_3(answer):
    """two numbers, (faster by, less time by), as fractions from the medians"""

    def measured(teacher, student):
        gives = "two numbers, (faster by, less time by)"
        out = call(answer, teacher, student, kind=list, gives=gives)
        expect(len(out) == 2, f"your function returned {len(out)} values; expected {gives}")
        return [cast(value, float, "a number", "one of the two is") for value in out]

    def near(a, b):
        return math.isclose(a, b, abs_tol=1e-5)

    teacher, student = [16.0, 15.0, 90.0, 17.0, 16.0], [10.0, 10.0, 9.0, 11.0, 80.0]
    faster, less = measured(teacher, student)
    mean_t, mean_s = sum(teacher) / 5, sum(student) / 5
    expect(not (near(faster, mean_t / mean_s - 1) or near(less, 1 - mean_s / mean_t)),
           "this uses the mean: one pause of the machine spoils it; take the median")
    expect(not (near(faster, 15 / 9 - 1) or near(less, 1 - 9 / 15)), "this uses the fastest round of each; the task asks for the medians")
    expect(not (near(faster, 9) or near(less, 0.9)), "this takes the middle of the list as it came; the median is the middle after sorting")
    expect(not near(faster, 1.6), "1.6 is the ratio of speeds; faster by 60 % is 0.6: subtract one")
    expect(not (near(faster, 0.375) and near(less, 0.6)), "the two are exchanged: 0.6 faster, 0.375 less time")
    expect(not (near(faster, 0.375) and near(less, 0.375)), "faster by 60 % and 37.5 % less time are different numbers: speed is one over time")
    expect(not near(faster, 10 / 16 - 1) and not near(less, 1 - 16 / 10), "teacher and student are exchanged: the student takes less time")
    expect(not (near(faster, 60) or near(less, 37.5)), "these are percentages; return fractions, 0.6 for 60 %")
    expect(not near(less, 0.625), "0.625 is the share of time that the student takes; less time by is one minus it")
    expect(not (near(faster, 0.6) and near(less, 0.6)), "faster by 60 % and 37.5 % less time are different numbers: time is one over speed")
    ratios = [t / s for t, s in zip(teacher, student, strict=True)]
    expect(not near(faster, statistics.median(ratios) - 1), "take the median of each list first, and then their ratio")
    expect(not (near(faster, 6) or near(less, 6)), "this is a difference in milliseconds; both numbers are fractions")
    expect(near(faster, 0.6) and near(less, 0.375), f"here the student is faster by 0.6 and takes 0.375 less time, yours {faster:.3f} and {less:.3f}")
    faster, less = measured([30.0, 10.0, 12.0, 20.0], [8.0, 6.0, 9.0, 40.0])  # medians 16 and 8.5
    expect(not near(faster, 20 / 9 - 1) and not near(faster, 12 / 8 - 1),
           "with an even number of rounds the median is the mean of the two in the middle")
    expect(near(faster, 16 / 8.5 - 1) and near(less, 1 - 8.5 / 16), "right once, but wrong for other latencies: use the arguments")


QUIZ = [
    Question(
        "Halving MiniLM's layers saves about 23 % of its parameters, halving BERT-base's about 39 %. Why the difference?",
        right="half of MiniLM is its token table, which stays",
        why="both have 30,522 tokens, and MiniLM's layers are far smaller beside that table",
        wrong={
            "MiniLM has segment embeddings": "they are two rows of 384 numbers",
            "MiniLM's layers are wider": "they are narrower: 384 against 768",
        },
    ),
    Question(
        "Which comparison shows what the teacher added to the student during training?",
        right="the same student, same start and steps, with labels only",
        why="start, steps and data are then equal, and the teacher is the only difference",
        wrong={
            "student against teacher": "that shows what was lost, not where the rest came from",
            "student against a random start": "this mixes the start with the teacher's guidance",
        },
    ),
    Question(
        "Why may the segment vector be folded into the positions?",
        right="with a single text the same vector is added at every position",
        why="a constant can be added to a table once, in place of at every use",
        wrong={
            "the segment vector is zero": "the broken check shows that dropping it changes the logits",
            "layer norm removes it": "layer norm removes the mean over features, and the vector is not constant over them",
        },
    ),
    Question(
        "The ratio of latencies is near 2, though only 23 % of the parameters are gone. How can that be?",
        right="looking up the table costs no multiplications, the layers cost all the time",
        why="time follows the arithmetic, and half of the layers is half of the arithmetic",
        wrong={
            "the measurement is wrong": "the two take turns on the same texts, and the ratio stays near 2 at both batch sizes",
            "smaller models use more threads": "both run on one thread here",
        },
    ),
]
