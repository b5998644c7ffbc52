"""A working copy of the notebooks in mine/, where answers live: ``make mine``. What is there already stays as it is."""

import shutil

from scripts.course import notebooks
from utils import ROOT

MINE = ROOT / "mine"


def main() -> None:
    """Copy each notebook that mine/ lacks, and the figures."""
    MINE.mkdir(exist_ok=True)
    shutil.copytree(ROOT / "notebooks" / "figures", MINE / "figures", dirs_exist_ok=True)
    new = [path for path in notebooks() if not (MINE / path.name).exists()]
    for path in new:
        shutil.copy(path, MINE / path.name)
    print(f"{len(new)} notebooks copied to mine/, {len(notebooks()) - len(new)} were there and stay as they are")


if __name__ == "__main__":
    main()
