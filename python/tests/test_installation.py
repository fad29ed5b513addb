"""What `pip install .` puts on a machine: the wheel's Python part and the compiled module, away from the source tree."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = os.environ.get("SPIKESMITH_BUILD_DIR")

pytestmark = pytest.mark.skipif(BUILD is None, reason="SPIKESMITH_BUILD_DIR names the build folder")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder as site-packages would be, without compiling anything again."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q", "-C", "wheel.cmake=false"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "-w", str(folder), str(ROOT)], check=True, cwd=folder)
    (wheel,) = folder.glob("spikesmith-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    cmake = next(line for line in (Path(str(BUILD)) / "CMakeCache.txt").read_text().splitlines() if line.startswith("CMAKE_COMMAND:"))
    install = [cmake.partition("=")[2], "--install", str(BUILD), "--component", "python", "--prefix", str(folder / "site")]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return folder / "site"


def run(site, code):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONPATH": str(site)}
    return subprocess.run([sys.executable, "-c", code], cwd=site.parent, env=environment, capture_output=True, text=True, check=True).stdout


def test_contents(site):
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    package = {name for name in files if name.startswith("spikesmith/")}
    modules = {f"spikesmith/{path.name}" for path in (ROOT / "python/spikesmith").iterdir() if path.suffix in (".py", ".pyi", ".typed")}
    compiled = {name for name in package if name.endswith(".so")}
    modules_for_torch = {"spikesmith/libspikesmith_torch.so"}  # where libtorch was found
    assert len(compiled - modules_for_torch) == 1 and re.fullmatch(r"spikesmith/_core\..*\.so", *(compiled - modules_for_torch))
    assert package == modules | compiled
    assert {"spikesmith/py.typed", "spikesmith/_core.pyi"} <= package
    assert all(name.startswith(("spikesmith/", "spikesmith-")) for name in files)
    metadata = next(site.glob("*.dist-info/METADATA")).read_text()
    assert "Requires-Dist: numpy" in metadata and "Requires-Python: >=3.11" in metadata


def test_no_paths_of_the_build_machine(site):
    for path in site.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(ROOT).encode() not in content, path
            assert str(BUILD).encode() not in content, path


def test_import_is_light_and_needs_no_source_tree(site):
    out = run(site, "import sys, spikesmith; print(spikesmith.__file__); print(*(m for m in ('torch', 'pandas', 'matplotlib', 'brian2', 'tqdm') if m in sys.modules))")
    file, heavy = out.splitlines()
    assert Path(file).is_relative_to(site)
    assert heavy == ""


def test_import_is_quick(site):
    """Processor time, the interpreter's start included: 0.3 s on a machine with nothing else to do; here others may share it."""
    code = "import spikesmith, time; print(time.process_time())"
    assert min(float(run(site, code)) for _ in range(5)) < 0.5


def test_it_works(site):
    code = """
import numpy as np
from spikesmith import TraceFitter
from spikesmith.units import ms, mV, Mohm
fitter = TraceFitter(model="dv/dt = (R*I - v)/(10*ms) : volt\\nR : ohm (constant)", input={"I": np.full((1, 100), 1e-9)},
                     output={"v": np.full((1, 100), 0.01)}, dt=0.1*ms, use_units=False)
print(fitter.fit(n_rounds=2, callback=None, R=[1*Mohm, 100*Mohm])[1] >= 0)
"""
    assert run(site, code).strip() == "True"
