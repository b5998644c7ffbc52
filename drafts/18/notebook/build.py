"""Build notebooks/18_project_4_gpt_with_lightning.ipynb from *.txt: cells opened by lines '@@md', '@@code', '@@live NOTES', '@@sol'. Outputs of unchanged code are kept."""
import hashlib, json, re, sys
from pathlib import Path
import nbformat
ROOT = Path(__file__).parents[3]
OUT = ROOT / "notebooks/18_project_4_gpt_with_lightning.ipynb"
text = "\n".join(p.read_text() for p in sorted(Path(__file__).parent.glob("[0-9]*.txt")))
cells = []
for block in re.split(r"^@@", text, flags=re.M)[1:]:
    head, _, body = block.partition("\n")
    kind, _, notes = head.partition(" ")
    cells.append((kind, notes.strip(), body.strip("\n")))
old = nbformat.read(OUT, 4) if OUT.exists() else None
kept = {}
if old:
    for c in old.cells:
        kept.setdefault((c.cell_type, c.source), c)
new = nbformat.v4.new_notebook()
setup = (ROOT / "scripts/setup_cell.py").read_text().rstrip()
ids = set()
for i, (kind, notes, body) in enumerate(cells):
    body = body.replace("{{SETUP}}", setup)
    if kind in ("md", "sol"):
        c = nbformat.v4.new_markdown_cell(body)
        if kind == "sol":
            c.metadata["tags"] = ["solution"]
    else:
        c = nbformat.v4.new_code_cell(body)
        if kind == "live":
            c.metadata["tags"] = ["live"]; c.metadata["notes"] = notes
        if body.startswith("#| default_exp"):
            c.metadata["jupyter"] = {"source_hidden": True}
    ident = hashlib.sha256((kind + body.split("\n")[0]).encode()).hexdigest()[:8]
    while ident in ids:
        ident = hashlib.sha256(ident.encode()).hexdigest()[:8]
    ids.add(ident); c.id = ident
    new.cells.append(c)
import subprocess
tmp = ROOT / "notebooks/.18_build.ipynb"
new.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
nbformat.write(new, tmp)
subprocess.run([str(ROOT / ".venv/bin/ruff"), "format", "-q", str(tmp)], check=True)
new = nbformat.read(tmp, 4); tmp.unlink()
for c in new.cells:
    k = kept.get((c.cell_type, c.source))
    if k is not None and k.cell_type == "code":
        c.outputs, c.execution_count = k.outputs, k.execution_count
new.metadata = old.metadata if old else {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
if old:
    facts = re.search(r"(\| [\d?]+ min to read), ([^|]* s to run \| [^|]* GB \|)", old.cells[0].source)
    if facts:
        new.cells[0].source = re.sub(r"(\| [\d?]+ min to read), [^|]* s to run \| [^|]* GB \|", rf"\1, {facts[2]}", new.cells[0].source)
nbformat.write(new, OUT)
code = [c for c in new.cells if c.cell_type == "code"]; prose = [c for c in new.cells if c.cell_type == "markdown" and "solution" not in c.metadata.get("tags", [])]
lengths = sorted(len([l for l in c.source.splitlines() if l.strip()]) for c in code)
print(len(new.cells), "cells", len(code), "code", len(prose), "prose; p90", lengths[int(.9*(len(lengths)-1))], "max", lengths[-1], "longest line", max(len(l) for c in code for l in c.source.splitlines()))
