"""Every notebook has the course's skeleton, rhythm and outputs; figures are local and described."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import course
from scripts.run import code_hash
from utils.checks import exercises
from utils.solutions import solutions

ROOT = Path(__file__).resolve().parent.parent
ALL = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESSONS = [p for p in ALL if not p.name.startswith("00")]
HEADINGS = ["Objectives", "Check it", "Pitfalls", "Exercises", "Quiz", "Summary", "References", "Solutions"]


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def cells(path, kind):
    return [c for c in load(path)["cells"] if c["cell_type"] == kind]


def outputs(path):
    return [o for c in cells(path, "code") for o in c["outputs"]]


def is_solution(cell):
    return "solution" in cell["metadata"].get("tags", [])


def name(path):
    return path.name[:2]


def test_there_are_notebooks():
    assert len(LESSONS) >= 1 and ALL[0].name == "00_start_here.ipynb"


@pytest.mark.parametrize("path", ALL, ids=name)
def test_outputs_are_committed_clean_and_small(path):
    counts = [c["execution_count"] for c in cells(path, "code") if source(c).strip()]
    assert counts == list(range(1, len(counts) + 1)), "run it with `make run`: the counts are not 1 to N"
    for output in outputs(path):
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", f"stderr in an output: {''.join(output['text'])[:200]}"
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), (
            "run it with `make run`: widget state is not kept"
        )
    assert path.stat().st_size <= 300_000, f"{path.stat().st_size // 1000} KB"
    assert set(load(path)["metadata"]) == {"kernelspec", "course"}
    ids = [c["id"] for c in load(path)["cells"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", ALL, ids=name)
def test_outputs_belong_to_this_code(path):
    assert load(path)["metadata"]["course"]["code"] == code_hash(load(path)), (
        "the code changed after its outputs were made: `make run`"
    )


def test_changed_code_and_changed_solutions_change_the_stamp():
    for fits in (lambda c: c["cell_type"] == "code", is_solution):
        notebook = load(LESSONS[0])
        before = code_hash(notebook)
        next(c for c in notebook["cells"][::-1] if fits(c))["source"] += ["\n"]
        assert code_hash(notebook) != before


@pytest.mark.parametrize("path", ALL, ids=name)
def test_pictures_are_local_and_described(path):
    for cell in cells(path, "markdown"):
        text = source(cell)
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)", text):
            assert len(alt.split()) >= 3, f"the alt text of {target} says too little: {alt!r}"
            assert not target.startswith("http") and (path.parent / target).exists(), (
                f"{target} is not a file of the course"
            )
        assert not re.search(r"<img[^>]+src=[\"']https?://", text)
    for cell in cells(path, "code"):
        for place, output in enumerate(cell["outputs"]):
            if "image/png" in output.get("data", {}):
                alt = output["metadata"].get("image/png", {}).get("alt", "")
                assert len(alt.split()) >= 4, "a picture without alt text: end the cell with show('a sentence')"
                after = cell["outputs"][place + 1] if place + 1 < len(cell["outputs"]) else {}
                fold = "".join(after.get("data", {}).get("text/html", ""))
                assert fold.startswith("<details class='course-description'>") and html.escape(alt) in fold, (
                    "its description stands below it"
                )


@pytest.mark.parametrize("path", ALL, ids=name)
def test_set_up_cell_is_the_same_everywhere(path):
    cell = cells(path, "code")[0]
    assert re.sub(r"^#\| default_exp \w+\n", "", source(cell)).strip() == course.setup_source()
    assert cell["metadata"]["jupyter"]["source_hidden"], "the set-up cell is folded: `make badges`"


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_first_screen_begins_with_the_question(path):
    """Title, then prose, before any table, badge or list; the badges close the cell."""
    text = source(load(path)["cells"][0])
    before_table = text.split("| Time |")[0]
    assert "<!-- badges -->" not in before_table and "Open in Colab" not in before_table
    assert len(before_table.split()) >= 35, "the question and the result stand under the title"
    assert re.search(r"<!-- badges -->\s*(\[!\[Open in Colab.*)?$", text), (
        "the badges stand at the end of the first cell"
    )
    everything = "\n".join(source(c) for c in cells(path, "markdown"))
    assert "GLOSSARY.md" in everything, "the glossary is linked"


def test_badges_point_to_one_repository_or_nowhere():
    pattern = r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob|mybinder\.org/v2/gh/([\w.-]+/[\w.-]+)/"
    texts = [path.read_text(encoding="utf-8") for path in (*ALL, ROOT / "README.md")]
    found = {next(filter(None, match)) for text in texts for match in re.findall(pattern, text)}
    assert len(found) <= 1 and not any(repo.startswith("OWNER/") for repo in found), (
        f"badges point to {found}: `make badges`"
    )


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_skeleton_in_order(path):
    text = "\n".join(source(c) for c in cells(path, "markdown"))
    assert re.match(rf"# {path.name[:2]} · \S", text), "the title is '# NN · Title'"
    assert re.search(r"\| Time \| Peak memory \| Needs \| Builds \| Uses \|", text)
    assert re.search(r"\| \d+ min to read, \d+ s to run \| [\d.]+ GB \|", text), (
        "the header's facts are filled in by `make run`"
    )
    found = re.findall(r"^## (.+)$", text, re.M)
    places = []
    for heading in HEADINGS:
        match = [i for i, h in enumerate(found) if heading in h]
        assert match, f"no heading '## {heading}'"
        places.append(match[0])
    assert places == sorted(places), f"headings out of order: {found}"
    numbered = [int(h.split(".")[0]) for h in found if re.match(r"\d+\.", h)]
    assert numbered == list(range(1, len(numbered) + 1)) and len(numbered) >= 6, (
        f"sections are numbered 1, 2, 3, ...: {found}"
    )


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_rhythm(path):
    code = [*map(source, cells(path, "code")), *solutions(path)]
    prose = [c for c in cells(path, "markdown") if not is_solution(c)]
    taught = [text for text in code if not re.match(r"(check|quiz)\(", text)]
    assert len(prose) >= 0.9 * len(taught), f"{len(prose)} prose cells to {len(taught)} code cells"
    lengths = sorted(len([line for line in text.splitlines() if line.strip()]) for text in code)
    assert lengths[-1] <= 40, f"a cell of {lengths[-1]} lines"
    assert lengths[int(0.9 * (len(lengths) - 1))] <= 20, "more than a tenth of the cells are longer than 20 lines"
    longest = max(len(line) for text in code for line in text.splitlines())
    assert longest <= 150, f"a line of {longest} characters"


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_exercises_quiz_and_solutions(path):
    number = path.name[:2]
    code = cells(path, "code")
    text = "\n".join(source(c) for c in cells(path, "markdown"))
    asked = re.findall(r"^### Exercise (\d) · \d+ min · (?:easy|medium|hard)", text, re.M)
    assert 2 <= len(asked) <= 4, f"{len(asked)} exercises"
    assert text.count("<summary>Hint</summary>") >= len(asked), "each exercise has one folded hint"
    for exercise in asked:
        assert sum(f'check("{number}.{exercise}"' in source(c) for c in code) == 1, f"exercise {exercise}: one check"
    assert any(f'quiz("{number}")' in source(c) for c in code)
    assert sum("live" in c["metadata"].get("tags", []) for c in code) >= 4, (
        "the cells an instructor types are tagged `live`"
    )


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_each_exercise_has_one_folded_solution_and_the_last_cell_runs_them(path):
    number = path.name[:2]
    everything = load(path)["cells"]
    start = next(i for i, c in enumerate(everything) if re.search(r"^## Solutions$", source(c), re.M))
    folds = [i for i, c in enumerate(everything) if is_solution(c)]
    wanted = exercises()[number]
    assert len(folds) == len(wanted) and folds[0] > start, f"{len(folds)} solutions to {len(wanted)} exercises"
    for place, exercise in zip(folds, wanted, strict=True):
        cell = everything[place]
        assert cell["cell_type"] == "markdown", f"{exercise}: a solution in a code cell lies open on GitHub"
        assert re.search(rf"^### Exercise {exercise[3:]}$", source(everything[place - 1]), re.M)
        fold = r"<details><summary>Solution</summary>\n\n([^<]+\n\n)?```python\n.+\n```\n\n</details>"
        assert re.fullmatch(fold, source(cell), re.S) and source(cell).count("```") == 2, f"{exercise}: one fence in a fold"
    for code, exercise in zip(solutions(path), wanted, strict=True):
        assert re.match(rf'check\("{exercise}", \w+\)$', code.splitlines()[-1]), f"{exercise}: its check comes last"
    last = everything[-1]
    assert everything[-2]["cell_type"] == "markdown" and "solutions" in source(everything[-2])
    assert source(last).endswith(f'solutions_pass("{number}", globals())') and not last["metadata"]
    shown = ["".join(o.get("data", {}).get("text/plain", "")) for o in last["outputs"]]
    assert shown == [f"Exercise {exercise}: the course's solution passes." for exercise in wanted]


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_no_dead_checks(path):
    """An expected error is shown with try/except/else that fails in the else."""
    for cell in cells(path, "code"):
        text = source(cell)
        if re.search(r"^try:", text, re.M):
            assert re.search(r"^else:\n\s+raise", text, re.M), f"a try without an else that raises:\n{text}"


def test_the_tables_are_current():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in LESSONS:
        facts = re.search(r"\| (\d+ min) to read, (\S+ s) to run \| (\S+ GB) \|", source(load(path)["cells"][0]))
        assert f"(notebooks/{path.name})" in readme and f"{facts[1]} + {facts[2]} | {facts[3]}" in readme, (
            f"run `make run`: the README lags behind {path.name}"
        )
    start = "\n".join(source(c) for c in cells(ALL[0], "markdown"))
    for text, link, picture in ((readme, "notebooks/", "notebooks/figures"), (start, "", "figures")):
        assert course.table(link, picture) in text and course.agenda(link) in text, (
            "`make badges` writes the tables of README and 00 anew"
        )
    for number in range(1, 27):
        assert f"\n| {number:02d} | " in readme


def test_the_agenda_has_its_25_items_in_order():
    assert len(course.AGENDA) == 25
    assert [number for _, number in course.AGENDA] == ["01", "02", "03", *(f"{n + 1:02d}" for n in range(4, 26))]


def test_ruff_finds_nothing():
    result = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format=concise", str(ROOT)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "GLOSSARY.md"])
def test_links_of_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#\s]+)", text) if not t.startswith("http")]
    assert targets
    assert not [t for t in targets if not (ROOT / t).exists()]
