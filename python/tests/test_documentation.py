"""Every piece of Python in the manual runs, page by page, in the order in which it stands there."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

import spikesmith

root = Path(__file__).resolve().parents[2]
pages = sorted((root / "docs" / "python").glob("*.md"))


@pytest.mark.parametrize("page", pages, ids=lambda page: page.stem)
def test_page(page, monkeypatch, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    for part in root.iterdir():  # pages read the repository's data, and write files of their own
        (tmp_path / part.name).symlink_to(part)
    monkeypatch.chdir(tmp_path)
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


def test_reference_is_current():
    text = runpy.run_path(str(root / "scripts" / "python-reference"))["reference"]()
    assert text == (root / "docs" / "python" / "reference.md").read_text(), "run scripts/python-reference"


def test_everything_public_is_described():
    for name in spikesmith.__all__:
        item = getattr(spikesmith, name)
        if callable(item):
            assert inspect.getdoc(item), name
        if not isinstance(item, type):
            continue
        own = {n for base in item.__mro__ if base.__module__.startswith("spikesmith") for n in vars(base) if not n.startswith("_")}
        for member in own:
            found = inspect.getattr_static(item, member)
            if callable(found) or isinstance(found, (property, staticmethod)):
                assert inspect.getdoc(found if not isinstance(found, staticmethod) else found.__func__) or inspect.getdoc(
                    getattr(item, member)
                ), f"{name}.{member}"
