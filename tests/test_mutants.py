"""The list of planted bugs fits the notebooks: each text stands where it says, exactly once. `make mutants` runs them."""

import shutil

import pytest

from scripts import mutants
from utils import ROOT

NUMBERS = sorted(p.name[:2] for p in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb") if not p.name.startswith("00"))


@pytest.mark.parametrize("number", NUMBERS)
def test_each_notebook_has_two_mutants_that_can_be_planted(number, tmp_path):
    own = [mutant for mutant in mutants.mutants() if mutant["notebook"] == number]
    assert len(own) >= 2
    for place, mutant in enumerate(own):
        assert mutant["find"] != mutant["replace"] and len(mutant["why"].split()) >= 4
        root = tmp_path / str(place)
        (root / "notebooks").mkdir(parents=True)
        notebook = next((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
        shutil.copy(notebook, root / "notebooks")
        if mutant.get("file"):
            (root / mutant["file"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / mutant["file"], root / mutant["file"])
        changed = root / (mutant.get("file") or f"notebooks/{notebook.name}")
        before = changed.read_text(encoding="utf-8")
        mutants.plant(mutant, root)
        assert changed.read_text(encoding="utf-8") != before


def test_a_text_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "notebooks").mkdir()
    shutil.copy(next((ROOT / "notebooks").glob("05_*.ipynb")), tmp_path / "notebooks")
    with pytest.raises(ValueError, match="expected one place"):
        mutants.plant({"notebook": "05", "find": "no such text", "replace": ""}, tmp_path)
