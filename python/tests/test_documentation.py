"""Every piece of Python in the manual runs, page by page, in the order in which it stands there."""

import re
from pathlib import Path

import pytest

root = Path(__file__).resolve().parents[2]
pages = sorted((root / "docs" / "python").glob("*.md"))


@pytest.mark.parametrize("page", pages, ids=lambda page: page.stem)
def test_page(page, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(root)
    text = page.read_text()
    names: dict[str, object] = {"__name__": page.stem}
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        line = text[: block.start()].count("\n") + 1
        code = compile("\n" * line + block[1], str(page), "exec")
        exec(code, names)  # noqa: S102


def test_links_lead_somewhere():
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
