"""The commands behind make: running notebooks, the working copy, the server, addresses."""

import json
import shutil
import subprocess
import sys

import nbformat
import pytest

from scripts import course, lab, mine, run
from utils import ROOT


def notebook(path, *sources):
    setup = "# set-up"
    cells = [nbformat.v4.new_markdown_cell("| 1 min to read, ? s to run | ? GB |"), *(nbformat.v4.new_code_cell(s) for s in (setup, *sources))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """`make run` over a folder of our own."""
    monkeypatch.setattr(run, "write_tables", lambda: None)
    monkeypatch.setattr(run, "notebooks", lambda: sorted(tmp_path.glob("[0-9][0-9]_*.ipynb")))
    return tmp_path


def test_a_run_stamps_times_and_tidies(alone, capsys):
    path = notebook(alone / "31_good.ipynb", "print('a')\nprint('b')")
    assert run.main(["31", "31"]) == 0
    done = nbformat.read(path, as_version=4)
    assert done.metadata["course"]["code"] == run.code_hash(done) and done.cells[2].outputs[0]["text"] == "a\nb\n"
    assert "? s" not in done.cells[0].source and "GB" in done.cells[0].source


def test_a_failing_and_a_dying_notebook_are_left_as_they_were(alone, capsys):
    paths = [notebook(alone / "32_fails.ipynb", "1 / 0"), notebook(alone / "33_dies.ipynb", "import os\nos._exit(1)")]
    before = [path.read_text() for path in paths]
    assert run.main([]) == 2
    assert [path.read_text() for path in paths] == before
    printed = capsys.readouterr().out
    assert "ZeroDivisionError" in printed and "33_dies.ipynb: FAILED" in printed


def test_an_unknown_number_is_named(alone, capsys):
    notebook(alone / "34_a.ipynb", "1")
    assert run.main(["34", "99"]) == 1
    assert "no notebook for 99" in capsys.readouterr().err


def test_a_working_copy_keeps_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mine, "MINE", tmp_path / "mine")
    mine.main()
    copied = sorted(p.name for p in (tmp_path / "mine").glob("*.ipynb"))
    assert copied == [p.name for p in course.notebooks()] and (tmp_path / "mine" / "figures").is_dir()
    (tmp_path / "mine" / copied[0]).write_text("my answers")
    (tmp_path / "mine" / copied[1]).unlink()
    mine.main()
    assert (tmp_path / "mine" / copied[0]).read_text() == "my answers" and (tmp_path / "mine" / copied[1]).exists()
    assert "1 notebooks copied" in capsys.readouterr().out


def test_the_server_serves_the_whole_course_and_stays_silent():
    words = lab.command(["--no-browser"])
    assert f"--ServerApp.root_dir={ROOT}" in words and words[-1] == "--no-browser"
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in words


@pytest.mark.parametrize(
    ("origin", "found"),
    [
        ("https://github.com/ada/course.git", "ada/course"),
        ("git@github.com:ada/course.git", "ada/course"),
        ("/somewhere/on/this/disk", None),
        (None, None),
    ],
)
def test_the_address_comes_from_git_then_pyproject(origin, found, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    if origin:
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", origin], check=True)
    (tmp_path / "pyproject.toml").write_text('Repository = "https://github.com/OWNER/transformers-course"\n')
    assert course.repository() == found
    assert bool(course.badges("05_attention.ipynb")) == bool(found), "no badge rather than a dead link"
    (tmp_path / "pyproject.toml").write_text('Repository = "https://github.com/grace/course"\n')
    assert course.repository() == (found or "grace/course")


def test_badges_mend_themselves(tmp_path):
    """What the workflow of a fork runs, on a copy: every address points to the fork, and a second run changes nothing."""
    for name in ("scripts", "utils", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)

    def texts():
        places = (*tmp_path.glob("notebooks/*.ipynb"), tmp_path / "README.md", tmp_path / "pyproject.toml")
        return {path: path.read_text(encoding="utf-8") for path in places}

    stamps = {p.name: run.code_hash(json.loads(p.read_text())) for p in tmp_path.glob("notebooks/*.ipynb")}
    subprocess.run([sys.executable, "-m", "scripts.course", "ada/lovelace"], cwd=tmp_path, check=True, capture_output=True)
    once = texts()
    assert all("ada/lovelace" in text for text in once.values())
    subprocess.run([sys.executable, "-m", "scripts.course"], cwd=tmp_path, check=True, capture_output=True)
    assert texts() == once
    after = {p.name: run.code_hash(json.loads(p.read_text())) for p in tmp_path.glob("notebooks/*.ipynb")}
    assert stamps == after, "outputs still belong to the code"
