"""Checks of exercises that name the likely mistake, quizzes with a reason for every answer, and progress kept in a local file."""

from __future__ import annotations

import html
import importlib
import json
import numbers
import os
import random
import re
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import ipywidgets
import numpy as np
from filelock import FileLock
from IPython.display import display

from utils import ROOT, chosen_path
from utils.widgets import named

PROGRESS = chosen_path("TRANSFORMERS_COURSE_PROGRESS", Path.home() / ".transformers-course" / "progress.json")
TIME_LIMIT = 60  # seconds for one check; the slowest takes two on an idle machine
GREEN, RED, GREY = "#1f6f45", "#a3324f", "#555555"  # at least 5 : 1 on white


class Hint(Exception):
    """Raised inside a check; its message goes to the reader."""


class NotAttempted(Exception):
    """The reader's function still has its ``...`` body."""


class TooLong(BaseException):
    """The time limit of a check; no Exception, so that a reader's ``except Exception`` does not swallow it."""


@dataclass(frozen=True)
class Question:
    """One quiz question: the right option with the reason, and wrong options each with the reason why not."""

    text: str
    right: str
    why: str
    wrong: dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """What a check found: true when the answer is right. It has been shown already, so a cell that ends with it prints nothing more."""

    passed: bool
    text: str

    def __bool__(self) -> bool:
        return self.passed

    def _ipython_display_(self) -> None:
        pass


# What a check works with


def expect(condition: object, hint: str) -> None:
    """Inside a check: raise the hint unless the condition holds."""
    if not bool(condition):
        raise Hint(hint)


def describe(value: object) -> str:
    """A value in a few words, never the whole of it: "a tensor of shape (2, 3), torch.float32", "a list of 4"."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{'a tensor' if type(value).__name__ == 'Tensor' else 'an array'} of shape {tuple(value.shape)}, {value.dtype}"
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (str, bytes, numbers.Number)):
        shown = repr(value)
        return f"the {type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
    return f"something of type {type(value).__name__}"


def _tensor(value):
    import torch

    if hasattr(value, "__next__"):
        value = list(value)
    if isinstance(value, (list, tuple)) and any(torch.is_tensor(item) or isinstance(item, (list, tuple)) for item in value):
        value = torch.stack([_tensor(item) for item in value])
    value = torch.as_tensor(value)
    return value.float() if value.dtype in (torch.float64, torch.float16, torch.bfloat16) else value


def _number(value) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, complex):
        raise TypeError
    return float(value)


def _integer(value) -> int:
    number = _number(value)
    if number != int(number):
        raise TypeError
    return int(number)


def _truth(value) -> bool:
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError
    return bool(value)


def _items(value) -> list:
    if isinstance(value, (str, bytes, dict, set, frozenset, numbers.Number)):
        raise TypeError  # a set has no order
    items = value.tolist() if hasattr(value, "tolist") else list(value)
    if not isinstance(items, list):
        raise TypeError
    return [item.item() if getattr(item, "shape", None) == () and hasattr(item, "item") else item for item in items]


def _same(kind: type) -> Callable:
    def convert(value):
        if not isinstance(value, kind):
            raise TypeError
        return value

    return convert


# kind -> (how a reader's value of any fitting type becomes that kind, the kind in words)
KINDS: dict[object, tuple[Callable, str]] = {
    "tensor": (_tensor, "a tensor"),
    float: (_number, "one number"),
    int: (_integer, "one whole number"),
    bool: (_truth, "True or False"),
    str: (_same(str), "a string"),
    bytes: (_same(bytes), "bytes"),
    dict: (_same(dict), "a dictionary"),
    list: (_items, "a list"),
}


def cast(value: object, kind: object, gives: str = "", who: str = "your function returned") -> object:
    """A reader's value as ``kind``: "tensor", float, int, bool, str, bytes, dict or list; numpy, 0-d tensors and float64 are welcome.

    ``gives`` says what was expected in words. Raises Hint where the value cannot be read as that kind.
    """
    convert, words = KINDS[kind]
    try:
        return convert(value)
    except Exception:
        raise Hint(f"{who} {describe(value)}; expected {gives or words}") from None


def close(a: object, b: object, atol: float = 1e-5) -> bool:
    """Whether two tensors have one shape and nearly equal numbers (nan equals nan); False for anything that is no tensor."""
    import torch

    if not (torch.is_tensor(a) and torch.is_tensor(b)) or a.shape != b.shape:
        return False
    return torch.allclose(a.detach().float(), b.detach().float(), atol=atol, equal_nan=True)


def _copied(value: object):
    """A copy of tensors, arrays and plain containers, so that what a reader's function does to its input does not reach the check."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_copied(item) for item in value)
    if type(value).__name__ in ("Tensor", "Parameter") and hasattr(value, "clone"):
        return value.clone()  # a gradient still flows back to the check's own tensor
    if isinstance(value, np.ndarray):
        return value.copy()
    return value


def call(answer: Callable, *args, kind: object = None, gives: str = "", keep: bool = False, **kwargs):
    """Inside a check: run the reader's function on copies of the inputs and return what it gives, as ``kind`` (see `cast`) where one is named.

    None or ``...`` counts as not attempted, an exception becomes a hint. ``keep=True`` hands over the very inputs, for a check of what
    becomes of them. Objects that are no tensors, arrays or plain containers (models, generators) are never copied.
    """
    if not callable(answer):
        raise Hint(f"hand in a function, not {describe(answer)}: its name without brackets")
    if not keep:
        args, kwargs = _copied(args), _copied(kwargs)
    try:
        result = answer(*args, **kwargs)
    except NotImplementedError as error:
        raise NotAttempted from error
    except Exception as error:
        said = str(error).strip().split("\n")[0][:200]
        raise Hint(
            f"your function raised {type(error).__name__}: {said}"
            if said
            else f"your function raised {type(error).__name__}"
        ) from error
    if result is None or result is Ellipsis:
        raise NotAttempted
    return result if kind is None else cast(result, kind, gives)


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Stop the block after so many seconds with TooLong: in the main thread of Linux and macOS; elsewhere there is no limit."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)  # once more each second, should a bare `except:` swallow it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# What a reader calls


def _exercise(number: str) -> Callable:
    match = re.fullmatch(r"(\d\d)\.(\d)", str(number))
    if not match:
        raise ValueError(f"an exercise is named like '05.2' (notebook, exercise), not {number!r}")
    try:
        module = importlib.import_module(f"exercises.nb{match[1]}")
        return getattr(module, f"check_{match[2]}")
    except (ModuleNotFoundError, AttributeError):
        raise ValueError(f"there is no exercise {number}") from None


def check(number: str, answer, record: bool = True) -> Verdict:
    """Check an answer to exercise ``number`` ("05.2"), show the verdict or a hint, and note success in the local progress file.

    The verdict is true when the answer is right. ``record=False`` (solutions) leaves the progress alone. Raises ValueError for an unknown
    number; an answer of any kind ends in one sentence, never in a traceback, and after a minute at the latest.
    """
    test = _exercise(number)
    verdict = _judge(test, answer, number)
    if verdict and not record:
        verdict = Verdict(True, f"Exercise {number}: the course's solution passes.")
    _show(verdict)
    if verdict and record:
        _record(number)
    return verdict


def _judge(test: Callable, answer, number: str) -> Verdict:
    if answer is None or answer is Ellipsis:
        return Verdict(False, f"Exercise {number}: not attempted yet.")
    try:
        with _limited(TIME_LIMIT):
            note = test(answer)
    except NotAttempted:
        return Verdict(False, f"Exercise {number}: not attempted yet (the function returns nothing).")
    except Hint as hint:
        said = str(hint)
        return Verdict(False, f"Exercise {number}: not yet. Hint: {said if len(said) <= 700 else said[:697] + '...'}")
    except TooLong:
        return Verdict(
            False, f"Exercise {number}: not yet. Hint: stopped after {TIME_LIMIT} s; is there a loop that never ends?"
        )
    except Exception as error:  # the answer is of a kind that the check did not foresee
        wanted = " ".join((test.__doc__ or "what the task asks for").split()).rstrip(".")
        return Verdict(
            False,
            f"Exercise {number}: not yet. Hint: what came could not be compared with what was expected, {wanted} "
            f"({type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error).strip() else 'no message'})",
        )
    return Verdict(True, f"Exercise {number}: passed." + (f" {note}" if isinstance(note, str) else ""))


def _show(verdict: Verdict) -> None:
    colour = GREEN if verdict else GREY if "not attempted" in verdict.text else RED
    mark = "✓" if verdict else "○" if "not attempted" in verdict.text else "✗"
    page = f"<p style='background:#fff;color:{colour};border-left:4px solid {colour};padding:2px 8px'>{mark} {html.escape(verdict.text)}</p>"
    display({"text/html": page, "text/plain": verdict.text}, raw=True)


def progress() -> dict[str, bool]:
    """What the local progress file holds: exercise or quiz -> True. A missing, unreadable or damaged file counts as empty."""
    try:
        noted = json.loads(PROGRESS.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _record(item: str) -> None:
    """Note one success; where the file cannot be written, say so in a sentence and go on: a right answer stays right."""
    try:
        PROGRESS.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{PROGRESS}.lock", timeout=10):
            noted = {**progress(), item: True}
            handle, half = tempfile.mkstemp(dir=PROGRESS.parent, prefix="progress-", suffix=".part")
            try:
                with open(handle, "w", encoding="utf-8") as file:
                    json.dump(noted, file, indent=1)
                os.replace(half, PROGRESS)
            except BaseException:
                with suppress(OSError):
                    os.unlink(half)
                raise
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        print(f"(Not noted in {PROGRESS}: {reason}. Set TRANSFORMERS_COURSE_PROGRESS to a file that you may write.)")


def exercises() -> dict[str, list[str]]:
    """Notebook ("05") -> its exercises ("05.1", ...), for all notebooks that have any."""
    found = {}
    for path in sorted((ROOT / "exercises").glob("nb[0-9][0-9].py")):
        numbers = re.findall(r"^def check_(\d)\(", path.read_text(encoding="utf-8"), re.M)
        found[path.stem[2:]] = [f"{path.stem[2:]}.{number}" for number in sorted(numbers)]
    return found


def progress_table() -> None:
    """Show which exercises and quizzes are done, a row a notebook, each a link to its notebook. Nothing leaves this machine."""
    noted, rows, done, total = progress(), [], 0, 0
    for number, names in exercises().items():
        path = next((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
        title = path.stem[3:].replace("_", " ")
        marks = ""
        for name in [*names, f"{number}.quiz"]:
            good = bool(noted.get(name))
            done, total = done + good, total + 1
            style = f"background:{GREEN};color:#fff;" if good else f"background:#fff;color:{GREY};"
            style += f"border:1px solid {GREEN if good else GREY};border-radius:4px;padding:1px 6px;margin:2px;display:inline-block"
            marks += f"<span style='{style}'>{'✓' if good else '○'} {'quiz' if name.endswith('quiz') else name}</span>"
        link = f"<a href='{path.name}'>{title}</a>"
        rows.append(
            f"<tr><td>{number}</td><td style='text-align:left'>{link}</td><td style='text-align:left'>{marks}</td></tr>"
        )
    share = 100 * done / max(total, 1)
    bar = f"<div role='img' aria-label='{done} of {total} done' style='background:#ddd;width:320px;height:12px;border-radius:6px'>"
    bar += f"<div style='background:{GREEN};width:{share:.0f}%;height:12px;border-radius:6px'></div></div>"
    head = f"<p><b>{done} of {total}</b> exercises and quizzes done.</p>{bar}"
    head += "<table><tr><th></th><th style='text-align:left'>Notebook</th><th style='text-align:left'>Exercises and quiz</th></tr>"
    display(
        {"text/html": head + "".join(rows) + "</table>", "text/plain": f"{done} of {total} exercises and quizzes done"},
        raw=True,
    )


def quiz(notebook: str) -> None:
    """Show the quiz of a notebook ("05"): choose an answer, read the reason; all right is noted in the progress file.

    Without a kernel the questions show with their answers folded. Raises ValueError for a notebook without a quiz.
    """
    try:
        questions: list[Question] = importlib.import_module(f"exercises.nb{notebook}").QUIZ
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
    view = named(*boxes)
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
    buttons = ipywidgets.RadioButtons(options=options, value=None, tooltip=question.text, layout=ipywidgets.Layout(width="auto"))
    verdict = ipywidgets.HTML()
    verdict.add_class("course-caption")

    def answered(change) -> None:
        right = change["new"] == question.right
        reason = question.why if right else question.wrong[change["new"]]
        verdict.value = f"<b style='color:{GREEN if right else RED}'>{'Right' if right else 'Not this one'}.</b> {html.escape(reason)}"
        (solved.add if right else solved.discard)(number)
        after()

    buttons.observe(answered, names="value")
    return ipywidgets.VBox([ipywidgets.HTML(f"<b>{number + 1}. {html.escape(question.text)}</b>"), buttons, verdict])
