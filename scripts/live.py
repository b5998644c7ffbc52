"""Write live/, the copy an instructor opens before a class: ``live`` cells blanked, notes shown, solutions and the cell that runs them gone."""

import shutil

import nbformat

from scripts.course import ROOT, notebooks

LIVE = ROOT / "live"


def live_copy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook with its ``live`` cells blanked below their comments, notes above them, and no solutions or outputs."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "## Solutions" in cell.source:  # the last section
            cell.source = cell.source.split("## Solutions")[0].rstrip()
            cells.append(cell)
            break
        tags = cell.metadata.get("tags", [])
        if "live" in tags:
            notes = cell.metadata.get("notes", "")
            cells.append(nbformat.v4.new_markdown_cell(f"> **Speaker.** {notes}", metadata={"tags": ["notes"]}))
            cell.source = (
                "\n".join(
                    line for line in cell.source.splitlines() if line.startswith("#") and not line.startswith("#|")
                )
                or "# type here"
            )
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells.append(cell)
    notebook.cells = cells
    return notebook


if __name__ == "__main__":
    shutil.rmtree(LIVE, ignore_errors=True)
    LIVE.mkdir()
    shutil.copytree(ROOT / "notebooks" / "figures", LIVE / "figures")
    for path in notebooks():
        nbformat.write(live_copy(nbformat.read(path, as_version=4)), LIVE / path.name)
    print(f"{len(notebooks())} notebooks in {LIVE.relative_to(ROOT)}/")
