"""Checks and quiz of notebook 11, DistilBERT."""

import math

from utils.checks import Question, call, expect


def check_1(answer):
    out = call(answer, 6, 3)
    expect(isinstance(out, (list, tuple, range)), "return a list of layer numbers")
    out = list(out)
    expect(out != [0, 2, 4], "these are evenly spaced, but begin with the first layer; the teacher's last layer must be among them")
    expect(out != [2, 4, 6], "layers are counted from 0 here: the last of six is number 5")
    expect(out != [0, 1, 2], "these are the first layers; take every other one")
    expect(out != [3, 4, 5], "these are the last layers; take every other one")
    expect(out != [0, 2, 5], "this keeps both ends, as the authors' script does; evenly spaced is asked, ending with the last layer")
    expect(out == [1, 3, 5], f"six to three gives [1, 3, 5], yours {out}")
    out = list(call(answer, 12, 4))
    expect(out != [1, 3, 5, 7] and out != [1, 3, 5, 7, 9, 11], "twelve to four: the step is n // m = 3, not always 2")
    expect(out == [2, 5, 8, 11], f"twelve to four gives [2, 5, 8, 11], yours {out}")
    expect(list(call(answer, 5, 5)) == [0, 1, 2, 3, 4], "a student as deep as its teacher gets all layers")
    try:
        answer(6, 4)
    except ValueError:
        return
    except Exception as error:
        expect(False, f"four does not divide six: raise ValueError, not {type(error).__name__}")
    expect(False, "four does not divide six: raise ValueError")


def check_2(answer):
    def formula(n, d, d_ff, V, max_len):
        layer = 4 * (d * d + d) + (d * d_ff + d_ff) + (d_ff * d + d) + 4 * d
        return layer, V * d + max_len * d + 2 * d + (d * d + d) + (2 * d + 2)

    sizes = 8, 24, 100, 500, 60
    layer, rest = formula(*sizes)
    out = call(answer, *sizes)
    expect(hasattr(out, "__float__"), "return a number between 0 and 1")
    out = float(out)
    near = lambda value: math.isclose(out, value, rel_tol=1e-6)  # noqa: E731
    right = 4 * layer / (rest + 8 * layer)
    expect(not near(100 * right), "this is a percentage; return the share, between 0 and 1")
    expect(not near(0.5), "half of the layers is not half of the model: the tables and the head stay")
    expect(not near(1 - right), "this is the share that is kept; the share saved is one minus it")
    expect(not near(4 * layer / (rest + 4 * layer)), "divide by the teacher's parameters, not by the student's")
    without_bias = 4 * sizes[1] ** 2 + 2 * sizes[1] * sizes[2]
    expect(not near(4 * without_bias / (rest + 8 * without_bias)), "the layer's biases and norms are missing")
    expect(not near(4 * layer / (rest - 60 * 24 + 8 * layer)), "the position table is missing")
    head = 24 * 24 + 24 + 2 * 24 + 2
    expect(not near(4 * layer / (rest - head + 8 * layer)), "the head (pooler and classifier) is missing")
    square = formula(8, 24, 96, 500, 60)[0]
    expect(not near(4 * square / (rest + 8 * square)), "use the d_ff that is given; it need not be 4 d")
    expect(abs(out - right) < 1e-6, f"for these sizes the share is {right:.6f}, yours {out:.6f}")
    odd = 5, 24, 100, 500, 60
    layer, rest = formula(*odd)
    expect(math.isclose(call(answer, *odd), 3 * layer / (rest + 5 * layer), rel_tol=1e-6), "of five layers two are kept (5 // 2), so three are saved")


def check_3(answer):
    teacher, student = [16.0, 15.0, 90.0, 17.0, 16.0], [10.0, 10.0, 9.0, 11.0, 80.0]
    out = call(answer, teacher, student)
    expect(hasattr(out, "__len__") and len(out) == 2, "return two numbers: (faster by, less time by)")
    faster, less = (float(x) for x in out)
    near = lambda a, b: math.isclose(a, b, abs_tol=1e-6)  # noqa: E731
    mean_t, mean_s = sum(teacher) / 5, sum(student) / 5
    expect(not (near(faster, mean_t / mean_s - 1) or near(less, 1 - mean_s / mean_t)), "this uses the mean: one pause of the machine spoils it; take the median")
    expect(not near(faster, 1.6), "1.6 is the ratio of speeds; faster by 60 % is 0.6: subtract one")
    expect(not (near(faster, 0.375) and near(less, 0.6)), "the two are exchanged: 0.6 faster, 0.375 less time")
    expect(not (near(faster, 0.375) and near(less, 0.375)), "faster by 60 % and 37.5 % less time are different numbers: speed is one over time")
    expect(not near(faster, 10 / 16 - 1) and not near(less, 1 - 16 / 10), "teacher and student are exchanged: the student takes less time")
    expect(not (near(faster, 60) or near(less, 37.5)), "these are percentages; return fractions, 0.6 for 60 %")
    expect(not near(less, 0.625), "0.625 is the share of time that the student takes; less time by is one minus it")
    expect(not (near(faster, 0.6) and near(less, 0.6)), "faster by 60 % and 37.5 % less time are different numbers: time is one over speed")
    ratios = sorted(t / s for t, s in zip(teacher, student, strict=True))
    expect(not near(faster, ratios[2] - 1), "take the median of each list first, and then their ratio")
    expect(near(faster, 0.6) and near(less, 0.375), f"here the student is faster by 0.6 and takes 0.375 less time, yours {faster:.3f} and {less:.3f}")


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
