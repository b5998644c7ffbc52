"""The folded solutions of the course: how the last cell of a notebook runs them, and how it says that one fails."""

import inspect
import json

import pytest
import torch

from utils import checks, solutions

PATH = next(solutions.NOTEBOOKS.glob("05_*.ipynb"))
NAMES = {"math": __import__("math"), "torch": torch}  # what the solutions of 05 use


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """What the reader is shown, in plain text; nothing is noted in anybody's progress."""
    seen = []
    monkeypatch.setattr(checks, "PROGRESS", tmp_path / "progress.json")
    monkeypatch.setattr(checks, "display", lambda bundle, raw: seen.append(bundle["text/plain"]))
    return seen


@pytest.fixture
def copy(monkeypatch, tmp_path):
    """A copy of notebook 05, which `solutions_pass` reads in place of the course's own, with one text replaced in its solutions."""

    def plant(old="", new=""):
        notebook = json.loads(PATH.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if "solution" in cell["metadata"].get("tags", []):
                cell["source"] = "".join(cell["source"]).replace(old, new) if old else cell["source"]
        path = tmp_path / PATH.name
        path.write_text(json.dumps(notebook), encoding="utf-8")
        assert not old or solutions.solutions(path) != solutions.solutions(PATH), f"{old!r} stands in no solution"
        return path

    monkeypatch.setattr(solutions, "NOTEBOOKS", tmp_path)
    return plant


def test_every_solution_is_shown_to_pass_and_nothing_is_noted(shown):
    solutions.solutions_pass("05", dict(NAMES))
    assert shown == [f"Exercise {number}: the course's solution passes." for number in checks.exercises()["05"]]
    assert checks.progress() == {}


def test_a_readers_own_function_survives(shown):
    def heads(*_):
        """The reader's own, wrong answer to 05.2."""

    names = {**NAMES, "heads": heads, "check": checks.check}
    before = dict(names)
    solutions.solutions_pass("05", names)
    assert names == before and len(shown) == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("distance < window", "distance <= window", r"Exercise 05\.4: not yet\. Hint"),
        ("~mask", "mask", r"Exercise 05\.1: not yet\. Hint"),
        ("tokens != pad_id", "tokens != PAD", r"Exercise 05\.3: not yet\. Hint: your function raised NameError"),
        ('check("05.2"', 'nothing; check("05.2"', r"Exercise 05\.2: the course's solution raises NameError"),
        ("def heads(", "def heads", r"Exercise 05\.2: the course's solution raises SyntaxError"),
        ('check("05.3", decoder_mask)', "assert True", r"Exercise 05\.3: no solution of the course calls its check"),
        ('check("05.3"', '# check("05.3"', r"Exercise 05\.3: no solution of the course calls its check"),
        ("```python", "```", r"Exercise 05\.1: no solution of the course calls its check"),
    ],
)
def test_a_wrong_solution_fails_with_its_number(shown, copy, old, new, said):
    copy(old, new)
    with pytest.raises(AssertionError, match=said):
        solutions.solutions_pass("05", dict(NAMES))


def test_the_source_of_a_solution_can_be_read(shown, monkeypatch):
    answers = {}
    monkeypatch.setattr(
        solutions, "check", lambda number, answer, record: answers.update({number: answer}) or checks.Verdict(True, "")
    )
    solutions.solutions_pass("05", dict(NAMES))
    assert inspect.getsource(answers["05.2"]).startswith("def heads(x, n_heads, join=False):\n    if join:")


def test_a_missing_or_damaged_notebook_is_named_in_one_sentence(shown, copy, tmp_path):
    for number in ("05", "5", "99", ""):
        with pytest.raises(ValueError, match="there is no notebook .*; write two digits"):
            solutions.solutions_pass(number, {})
    path = copy()
    for damage in (b"", b'{"cells": [', b"[]", b"{}", b'{"cells": [1]}', b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(damage)
        with pytest.raises(ValueError, match=r"05_attention.ipynb cannot be read as a notebook \(\w+\); put the"):
            solutions.solutions_pass("05", {})
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match="cannot be read"):
        solutions.solutions_pass("05", {})
    assert shown == []
