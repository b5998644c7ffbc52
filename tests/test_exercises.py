"""Every exercise check refuses planted wrong answers with the hint that names the mistake; quizzes are well formed; progress is kept."""

import ast
import importlib
import inspect
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from utils import checks

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = sorted(checks.exercises())


def planted(number):
    return importlib.import_module(f"tests.planted.nb{number}").PLANTED


def right(number):
    return importlib.import_module(f"tests.planted.nb{number}").RIGHT


def cases(table):
    return [
        (exercise, *(answer if isinstance(answer, tuple) else (answer,)))
        for n in NUMBERS
        for exercise, answers in table(n).items()
        for answer in answers
    ]


def numbered(rows):
    return [f"{row[0]}-{i}" for i, row in enumerate(rows)]


WRONG, RIGHT = cases(planted), cases(right)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "PROGRESS", tmp_path / "progress.json")


def judge(exercise, answer):
    return checks._judge(checks._exercise(exercise), answer, exercise)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_exercise_has_planted_answers(number):
    names = set(checks.exercises()[number])
    assert names == set(planted(number)) == set(right(number)) and names
    for exercise, answers in planted(number).items():
        assert len(answers) >= 3, f"{exercise} has {len(answers)} planted answers"
        assert len({hint for _, hint in answers}) >= 2, f"{exercise}: different mistakes deserve different hints"
        assert len(right(number)[exercise]) >= 2, f"{exercise}: right answers written another way"
        assert checks._exercise(exercise).__doc__, f"{exercise}: the check's docstring says what is expected"


@pytest.mark.parametrize(("exercise", "wrong", "hint"), WRONG, ids=numbered(WRONG))
def test_a_wrong_answer_gets_its_hint(exercise, wrong, hint):
    verdict = judge(exercise, wrong)
    assert not verdict
    assert hint.lower() in verdict.text.lower(), f"expected the hint to say {hint!r}; it says: {verdict.text}"


@pytest.mark.parametrize(("exercise", "answer"), RIGHT, ids=numbered(RIGHT))
def test_a_right_answer_passes_however_it_is_written(exercise, answer):
    verdict = judge(exercise, answer)
    assert verdict, verdict.text


@pytest.mark.parametrize("number", NUMBERS)
def test_each_hint_is_triggered_by_a_planted_answer(number, monkeypatch):
    module = importlib.import_module(f"exercises.nb{number}")
    hit, file = set(), module.__file__

    def note(condition, hint):
        if not bool(condition):
            hit.add(inspect.currentframe().f_back.f_lineno)
        checks.expect(condition, hint)

    monkeypatch.setattr(module, "expect", note)
    for exercise, answers in planted(number).items():
        for wrong, _ in answers:
            judge(exercise, wrong)
    calls = [
        n
        for n in ast.walk(ast.parse(Path(file).read_text()))
        if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "expect"
    ]
    silent = sorted(n.lineno for n in calls if not any(n.lineno <= line <= n.end_lineno for line in hit))
    assert calls and not silent, f"exercises/nb{number}.py: no planted answer triggers the hints in lines {silent}"


def changing(*_, **__):
    changing.calls += 1
    return torch.ones(2, 3) if changing.calls % 2 else "another type"


changing.calls = 0


def raises(*_, **__):
    raise RuntimeError


def mutates(*arguments, **__):
    for value in arguments:
        if torch.is_tensor(value) and value.is_floating_point():
            value.data.zero_()
        elif isinstance(value, (list, dict)):
            value.clear()
    return arguments[0] if arguments else 0


DTYPES = (torch.float32, torch.int64, torch.bool, torch.complex64)
TENSORS = [torch.zeros(shape, dtype=dtype) for shape in ((), (3,), (2, 3), (1, 2, 3, 4)) for dtype in DTYPES]
NUMBERLIKE = [
    0,
    1,
    -1,
    True,
    3.5,
    10**30,
    1j,
    float("nan"),
    float("inf"),
    np.float32(2),
    np.zeros((2, 2)),
    np.array(["a"]),
]
CONTAINERS = ["", "text", b"bytes", [], [1, 2], [[1], [2, 3]], ["a"], (), (None, None), (1, "a"), {}, {"a": 1}, {1}]
OBJECTS = [object(), print, int, torch.nn.Linear(2, 2), torch.full((2, 3), float("nan"))]
VALUES = [*CONTAINERS, *NUMBERLIKE, *OBJECTS, *TENSORS]


def returning(value):
    return lambda *_, **__: value


JUNK = [
    *VALUES,
    *map(returning, VALUES),
    lambda *_, **__: (x for x in "ab"),
    changing,
    raises,
    mutates,
    lambda: 1,
    lambda x: x,
    lambda x, y: x,
    lambda x, y, z: z,
]


@pytest.mark.parametrize("exercise", [name for n in NUMBERS for name in checks.exercises()[n]])
def test_junk_ends_in_one_clear_sentence(exercise):
    for i, junk in enumerate(JUNK):
        changing.calls = 0
        verdict = judge(exercise, junk)  # a traceback would fail the test here
        assert not verdict, f"junk {i} passes: {junk!r}"
        assert 20 < len(verdict.text) < 900 and "Traceback" not in verdict.text and "\n\n" not in verdict.text


def test_a_verdict_prints_nothing_more_and_shows_a_colour(monkeypatch):
    shown = []
    monkeypatch.setattr(checks, "display", lambda bundle, raw: shown.append(bundle))
    verdict = checks.check(WRONG[0][0], WRONG[0][1])
    assert len(shown) == 1 and shown[0]["text/plain"] == verdict.text and checks.RED in shown[0]["text/html"]
    assert verdict._ipython_display_() is None and len(shown) == 1
    assert (
        checks.check(RIGHT[0][0], RIGHT[0][1])
        and checks.GREEN in shown[1]["text/html"]
        and checks.progress() == {RIGHT[0][0]: True}
    )
    checks.check(RIGHT[0][0], None)
    assert checks.GREY in shown[2]["text/html"]


def test_an_endless_answer_is_stopped(monkeypatch):
    monkeypatch.setattr(checks, "TIME_LIMIT", 1)

    def endless(*_, **__):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pass

    assert "never ends" in judge(WRONG[0][0], endless).text


def test_a_long_hint_is_cut():
    def shouts(*_, **__):
        raise ValueError("long " * 10_000)

    assert len(judge(WRONG[0][0], shouts).text) < 900


def test_inputs_are_copied_and_gradients_flow_back():
    own, kept = torch.ones(3, requires_grad=True), [1, 2]

    def meddles(x, items):
        items.append(3)
        return x.mul_(2)

    out = checks.call(meddles, own, kept, kind="tensor")
    out.sum().backward()
    assert kept == [1, 2] and own.tolist() == [1, 1, 1] and own.grad.tolist() == [2, 2, 2]
    assert checks.call(lambda items: items.append(3) or items, kept, keep=True) is kept and kept == [1, 2, 3]


@pytest.mark.parametrize(
    "value",
    [
        2,
        2.0,
        np.float32(2),
        np.int64(2),
        torch.tensor(2),
        torch.tensor([2.0]),
        np.array(2.0),
        torch.tensor(2.0, dtype=torch.float64),
    ],
)
def test_numbers_of_every_type_are_numbers(value):
    assert checks.cast(value, float) == 2.0 and checks.cast(value, int) == 2 and checks.cast(value, "tensor").sum() == 2


def test_casts_refuse_in_words():
    assert (
        checks.cast(torch.tensor([1, 2]), list)
        == checks.cast((1, np.int64(2)), list)
        == checks.cast(range(1, 3), list)
        == [1, 2]
    )
    assert checks.cast(np.bool_(True), bool) is True and checks.cast([1.0, 2.0], "tensor").dtype == torch.float32
    for value, kind in (
        ("2", float),
        (2.5, int),
        (1, bool),
        ("ab", list),
        (3, list),
        (1j, float),
        (["a"], "tensor"),
        ([[1], [2, 3]], "tensor"),
        (b"", str),
    ):
        with pytest.raises(checks.Hint, match="expected one thing"):
            checks.cast(value, kind, "one thing")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_stub_counts_as_not_attempted(number):
    for exercise in planted(number):
        assert "not attempted" in judge(exercise, lambda *args, **kwargs: ...).text


@pytest.mark.parametrize("number", NUMBERS)
def test_quiz_is_well_formed(number):
    questions = importlib.import_module(f"exercises.nb{number}").QUIZ
    assert 3 <= len(questions) <= 5
    for question in questions:
        assert len(question.wrong) >= 2 and question.right not in question.wrong
        assert question.text.strip().endswith(("?", ".", ":")) and len(question.why.split()) >= 4
        assert all(len(reason.split()) >= 3 for reason in question.wrong.values())


def test_unknown_exercises_and_quizzes_are_refused():
    for name in ("05", "5.2", "99.1", ""):
        with pytest.raises(ValueError, match="exercise"):
            checks.check(name, len)
    with pytest.raises(ValueError, match="no quiz"):
        checks.quiz("99")


@pytest.mark.parametrize("damage", [b'{"05.1": tr', b"[" * 100_000, b"\xff\xfe\x00", b"[1, 2]"])
def test_progress_survives_damage_and_is_written_whole(tmp_path, damage):
    assert checks.progress() == {}
    checks._record("05.1")
    checks._record("05.quiz")
    assert checks.progress() == {"05.1": True, "05.quiz": True}
    checks.PROGRESS.write_bytes(damage)
    assert checks.progress() == {}
    checks.progress_table()
    checks._record("03.1")
    assert checks.progress() == {"03.1": True}
    assert not list(tmp_path.glob("*.part"))


def test_a_right_answer_stays_right_when_progress_cannot_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr(checks, "PROGRESS", tmp_path / "a file" / "progress.json")
    assert checks.check(RIGHT[0][0], RIGHT[0][1])
    assert "Not noted in" in capsys.readouterr().out
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(checks, "PROGRESS", tmp_path / "folder")
    assert checks.check(RIGHT[0][0], RIGHT[0][1])
    assert "TRANSFORMERS_COURSE_PROGRESS" in capsys.readouterr().out


def test_three_processes_note_progress_at_once(tmp_path):
    code = "from utils import checks\nfor i in range(50): checks._record(f'{N}.{i}')"
    variables = {**os.environ, "TRANSFORMERS_COURSE_PROGRESS": str(tmp_path / "shared.json")}
    writers = [subprocess.Popen([sys.executable, "-c", f"N = {n}\n{code}"], cwd=ROOT, env=variables) for n in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert len(__import__("json").loads((tmp_path / "shared.json").read_text())) == 150


def test_a_check_works_outside_the_main_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(judge(RIGHT[0][0], RIGHT[0][1])))
    thread.start()
    thread.join()
    assert found[0]


def test_an_error_in_the_readers_code_becomes_a_hint():
    number = next(iter(planted(NUMBERS[0])))

    def broken(*args, **kwargs):
        raise KeyError("oops")

    assert "raised KeyError: 'oops'" in judge(number, broken).text


def test_a_solved_quiz_is_noted():
    questions = importlib.import_module(f"exercises.nb{NUMBERS[0]}").QUIZ
    solved = set()
    boxes = [
        checks._question_box(
            i, q, [q.right, *q.wrong], solved, lambda: len(solved) == len(questions) and checks._record("quiz")
        )
        for i, q in enumerate(questions)
    ]
    first = boxes[0].children[1]
    first.value = next(iter(questions[0].wrong))
    assert "Not this one" in boxes[0].children[2].value and not checks.progress()
    for box, question in zip(boxes, questions, strict=True):
        box.children[1].value = question.right
    assert checks.progress() == {"quiz": True}
