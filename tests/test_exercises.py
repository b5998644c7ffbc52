"""Every exercise check refuses planted wrong answers with the hint that names the mistake; quizzes are well formed; progress is kept."""

import importlib
import re
from pathlib import Path

import pytest

from utils import checks

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = sorted(p.stem[2:] for p in (ROOT / "utils" / "exercises").glob("nb*.py"))


def planted(number):
    return importlib.import_module(f"tests.planted.nb{number}").PLANTED


CASES = [
    (exercise, wrong, hint)
    for number in NUMBERS
    for exercise, answers in planted(number).items()
    for wrong, hint in answers
]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "PROGRESS", tmp_path / "progress.json")


@pytest.mark.parametrize("number", NUMBERS)
def test_each_exercise_has_three_planted_wrong_answers(number):
    module = importlib.import_module(f"utils.exercises.nb{number}")
    exercises = {f"{number}.{name[6:]}" for name in vars(module) if re.fullmatch(r"check_\d", name)}
    assert exercises == set(planted(number)) and exercises
    for exercise, answers in planted(number).items():
        assert len(answers) >= 3, f"{exercise} has {len(answers)} planted answers"
        assert len({hint for _, hint in answers}) >= 2, f"{exercise}: different mistakes deserve different hints"


@pytest.mark.parametrize(("exercise", "wrong", "hint"), CASES, ids=[f"{e}-{i}" for i, (e, _, _) in enumerate(CASES)])
def test_a_wrong_answer_gets_its_hint(exercise, wrong, hint, capsys):
    assert checks.check(exercise, wrong) is False
    printed = capsys.readouterr().out
    assert hint.lower() in printed.lower(), f"expected the hint to say {hint!r}; it says: {printed}"
    assert exercise not in checks.progress()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_stub_counts_as_not_attempted(number, capsys):
    for exercise in planted(number):
        assert checks.check(exercise, lambda *args, **kwargs: ...) is False
        assert "not attempted" in capsys.readouterr().out


@pytest.mark.parametrize("number", NUMBERS)
def test_quiz_is_well_formed(number):
    questions = importlib.import_module(f"utils.exercises.nb{number}").QUIZ
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


def test_progress_survives_damage_and_is_written_whole(tmp_path):
    assert checks.progress() == {}
    checks._record("05.1")
    checks._record("05.quiz")
    assert checks.progress() == {"05.1": True, "05.quiz": True}
    checks.PROGRESS.write_text('{"05.1": tr')
    assert checks.progress() == {}
    checks._record("03.1")
    assert checks.progress() == {"03.1": True}
    assert not list(tmp_path.glob("*.part"))


def test_an_error_in_the_readers_code_becomes_a_hint(capsys):
    number = next(iter(planted(NUMBERS[0])))

    def broken(*args, **kwargs):
        raise KeyError("oops")

    assert checks.check(number, broken) is False
    assert "raised KeyError" in capsys.readouterr().out


def test_a_solved_quiz_is_noted():
    questions = importlib.import_module(f"utils.exercises.nb{NUMBERS[0]}").QUIZ
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
