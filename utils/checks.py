"""Checks of exercises that name the likely mistake, quizzes with a reason for every answer, and progress kept in a local file."""

from __future__ import annotations

import html
import importlib
import json
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ipywidgets
from filelock import FileLock
from IPython.display import display

from utils.data import ROOT

PROGRESS = Path(os.environ.get("TRANSFORMERS_COURSE_PROGRESS", ROOT / "data" / "cache" / "progress.json"))


class Hint(Exception):
    """Raised inside a check; its message goes to the reader."""


class NotAttempted(Exception):
    """The reader's function still has its ``...`` body."""


@dataclass(frozen=True)
class Question:
    """One quiz question: the right option with the reason, and wrong options each with the reason why not."""

    text: str
    right: str
    why: str
    wrong: dict[str, str]


def expect(condition: bool, hint: str) -> None:
    """Inside a check: raise the hint unless the condition holds."""
    if not condition:
        raise Hint(hint)


def call(answer: Callable, *args, **kwargs):
    """Inside a check: run the reader's function; None counts as not attempted, an exception becomes a hint."""
    try:
        result = answer(*args, **kwargs)
    except NotImplementedError as error:
        raise NotAttempted from error
    except Exception as error:
        raise Hint(f"your function raised {type(error).__name__}: {error}") from error
    if result is None or result is Ellipsis:
        raise NotAttempted
    return result


def _exercise(number: str) -> Callable:
    match = re.fullmatch(r"(\d\d)\.(\d)", str(number))
    if not match:
        raise ValueError(f"an exercise is named like '05.2' (notebook, exercise), not {number!r}")
    try:
        module = importlib.import_module(f"utils.exercises.nb{match[1]}")
        return getattr(module, f"check_{match[2]}")
    except (ModuleNotFoundError, AttributeError):
        raise ValueError(f"there is no exercise {number}") from None


def check(number: str, answer, record: bool = True) -> bool:
    """Check an answer to exercise ``number`` ("05.2"), print the verdict or a hint, and note success in the local progress file.

    Returns True when the answer is right. ``record=False`` (solutions) leaves the progress alone. Raises ValueError for an unknown number.
    """
    test = _exercise(number)
    if answer is None or answer is Ellipsis:
        print(f"Exercise {number}: not attempted yet.")
        return False
    try:
        test(answer)
    except NotAttempted:
        print(f"Exercise {number}: not attempted yet (the function returns nothing).")
        return False
    except Hint as hint:
        print(f"Exercise {number}: not yet. Hint: {hint}")
        return False
    if record:
        _record(number)
    print(f"Exercise {number}: passed.")
    return True


def progress() -> dict[str, bool]:
    """What the local progress file holds: exercise or quiz -> True. A damaged file counts as empty."""
    try:
        noted = json.loads(PROGRESS.read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _record(item: str) -> None:
    PROGRESS.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{PROGRESS}.lock"):
        noted = {**progress(), item: True}
        half = PROGRESS.with_suffix(".part")
        half.write_text(json.dumps(noted, indent=1))
        os.replace(half, PROGRESS)


def progress_table() -> None:
    """Show which exercises and quizzes are done, one row a notebook. Nothing leaves this machine."""
    noted, rows = progress(), []
    for path in sorted((ROOT / "utils" / "exercises").glob("nb*.py")):
        number = path.stem[2:]
        module = importlib.import_module(f"utils.exercises.{path.stem}")
        names = [f"{number}.{name[6:]}" for name in sorted(vars(module)) if re.fullmatch(r"check_\d", name)]
        marks = " ".join(f"{name} {'done' if noted.get(name) else 'open'}," for name in names).rstrip(",")
        rows.append(
            f"<tr><td>{number}</td><td style='text-align:left'>{marks}</td><td>{'done' if noted.get(f'{number}.quiz') else 'open'}</td></tr>"
        )
    display(
        {
            "text/html": "<table><tr><th>Notebook</th><th>Exercises</th><th>Quiz</th></tr>"
            + "".join(rows)
            + "</table>",
            "text/plain": f"{len(noted)} exercises and quizzes done",
        },
        raw=True,
    )


def quiz(notebook: str) -> None:
    """Show the quiz of a notebook ("05"): choose an answer, read the reason; all right is noted in the progress file.

    Without a kernel the questions show with their answers folded. Raises ValueError for a notebook without a quiz.
    """
    try:
        questions: list[Question] = importlib.import_module(f"utils.exercises.nb{notebook}").QUIZ
    except (ModuleNotFoundError, AttributeError):
        raise ValueError(f"notebook {notebook!r} has no quiz; write two digits, like '05'") from None
    boxes, static, solved = [], [], set()
    for number, question in enumerate(questions):
        options = [question.right, *question.wrong]
        random.Random(f"{notebook}.{number}").shuffle(options)
        boxes.append(
            _question_box(
                number, question, options, solved, lambda: len(solved) == len(questions) and _record(f"{notebook}.quiz")
            )
        )
        items = "".join(f"<li>{html.escape(option)}</li>" for option in options)
        reasons = "".join(
            f"<li>{html.escape(option)}: {html.escape(reason)}</li>" for option, reason in question.wrong.items()
        )
        static.append(
            f"<p><b>{number + 1}. {html.escape(question.text)}</b></p><ul>{items}</ul><details><summary>Answer</summary><p>"
            f"<b>{html.escape(question.right)}</b>: {html.escape(question.why)}</p><ul>{reasons}</ul></details>"
        )
    view = ipywidgets.VBox(boxes)
    display(
        {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": view.model_id,
            },
            "text/html": "".join(static),
            "text/plain": f"Quiz {notebook}: {len(questions)} questions",
        },
        raw=True,
    )


def _question_box(
    number: int, question: Question, options: list[str], solved: set, after: Callable
) -> ipywidgets.Widget:
    buttons = ipywidgets.RadioButtons(options=options, value=None, layout=ipywidgets.Layout(width="auto"))
    verdict = ipywidgets.HTML()

    def answered(change) -> None:
        right = change["new"] == question.right
        reason = question.why if right else question.wrong[change["new"]]
        verdict.value = f"<b style='color:{'#2f8f5b' if right else '#b03a5b'}'>{'Right' if right else 'Not this one'}.</b> {html.escape(reason)}"
        (solved.add if right else solved.discard)(number)
        after()

    buttons.observe(answered, names="value")
    return ipywidgets.VBox([ipywidgets.HTML(f"<b>{number + 1}. {html.escape(question.text)}</b>"), buttons, verdict])
