"""What a round of the Hodgkin-Huxley tutorial fit costs from Python, in processor time, beside brian2modelfitting.

    PYTHONPATH=build/release/python/package build/python-environment/bin/python bench/tutorial_rounds.py [--fits 20] [--peer PYTHON]

Differential evolution, five traces, rounds 2 to 10 of ten, one thread. The figures of brian2modelfitting (git 3a0e8c9, Brian 2.5.1, nevergrad 1.0.12,
idle, another machine) are stored below. `PYTHON`, an interpreter with brian2 and nevergrad, measures on this machine what its rounds consist
of: asking and telling nevergrad's optimiser, and the simulation of the same neurons by Brian 2.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
repository = Path(__file__).resolve().parents[1]
rounds = 10
stored = {100: (0.181, 2.57), 1000: (1.84, None)}  # seconds: a later round, ten rounds


def ours(n_samples: int, fits: int) -> tuple[float, float]:
    """Median seconds of a later round, and of a whole fit with compiled kernels on the disk."""
    sys.path.insert(0, str(repository / "python" / "examples"))
    import numpy as np
    from hodgkin_huxley import bounds, constants, currents, dt, model, voltages

    from spikesmith import MSEMetric, NevergradOptimizer, TraceFitter

    later, whole = [], []
    for _ in range(fits + 1):
        begin = time.process_time()
        fitter = TraceFitter(
            model=model, input={"I": currents}, output={"v": voltages}, dt=dt, n_samples=n_samples,
            method="exponential_euler", param_init={"v": "El"}, namespace=constants,
        )  # fmt: skip
        ends = []
        fitter.fit(
            optimizer=NevergradOptimizer("DE"), metric=MSEMetric(), n_rounds=rounds,
            callback=lambda *_: ends.append(time.process_time()), **bounds,
        )  # fmt: skip
        whole.append(time.process_time() - begin)
        later.append(np.diff(ends))
    return float(np.median(later[1:])), float(np.median(whole[1:]))


def peer(n_samples: int) -> dict[str, float]:
    """Runs under the peer's interpreter: median seconds of the parts of a later round."""
    import nevergrad
    import numpy as np

    for name in ("float", "int", "bool", "object"):  # which Brian 2.5 takes from NumPy
        if name not in np.__dict__:
            setattr(np, name, getattr(__builtins__, name))
    import brian2
    from brian2 import NeuronGroup, Network, StateMonitor, TimedArray, amp, defaultclock, mV, ms, pF, prefs, siemens

    prefs.codegen.target = "cython"
    bounds = {"gl": (2e-12, 2e-7), "g_na": (2e-7, 4e-4), "g_kd": (2e-7, 2e-4)}
    space = nevergrad.p.Instrumentation(**{k: nevergrad.p.Scalar(lower=a, upper=b) for k, (a, b) in bounds.items()})
    optimizer = nevergrad.optimizers.registry["DE"](parametrization=space, budget=n_samples * rounds, num_workers=1)

    data = repository / "examples" / "hodgkin_huxley" / "data"
    current, target = np.load(data / "hh_input_I_ampere.npy"), np.load(data / "hh_target_v_millivolt.npy") * 1e-3
    traces, steps = current.shape
    defaultclock.dt = 0.01 * ms
    names = {"Cm": 200 * pF, "El": -65 * mV, "EK": -90 * mV, "ENa": 50 * mV, "VT": -63 * mV, "mV": mV, "ms": ms}
    names["stimulus"] = TimedArray(current.T * amp, dt=defaultclock.dt)
    sys.path.insert(0, str(repository / "bench"))
    source = (repository / "python" / "examples" / "hodgkin_huxley.py").read_text()
    equations = source.split('model = """')[1].split('"""')[0] + f"I = stimulus(t, i % {traces}) : amp\n"
    neurons = NeuronGroup(n_samples * traces, equations, method="exponential_euler", namespace=names)
    neurons.v = names["El"]
    monitor = StateMonitor(neurons, "v", record=True)
    network = Network(neurons, monitor)
    network.store()
    parts: dict[str, list[float]] = {"ask": [], "tell": [], "simulate": [], "error": []}
    for _ in range(rounds):
        times = [time.process_time()]
        candidates = [optimizer.ask() for _ in range(n_samples)]
        times.append(time.process_time())
        network.restore()
        for name in bounds:
            values = [candidate.kwargs[name] for candidate in candidates]
            setattr(neurons, name, np.repeat(values, traces) * siemens)
        network.run(steps * defaultclock.dt)
        times.append(time.process_time())
        v = np.asarray(monitor.v).reshape(n_samples, traces, steps)
        errors = ((v - target) ** 2).mean(axis=(1, 2))
        times.append(time.process_time())
        for candidate, error in zip(candidates, errors):
            optimizer.tell(candidate, float(error) if np.isfinite(error) else 1.0)
        times.append(time.process_time())
        for part, begin, end in zip(("ask", "simulate", "error", "tell"), times, times[1:]):
            parts[part].append(end - begin)
    return {"version": float(brian2.__version__[:3]), **{part: float(np.median(of[1:])) for part, of in parts.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=20, help="how many fits of 100 parameter sets a round")
    parser.add_argument("--peer", help="a Python with brian2 and nevergrad")
    parser.add_argument("--parts", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.parts:
        print(json.dumps(peer(arguments.parts)))
        return
    for n_samples, fits in ((100, arguments.fits), (1000, max(2, arguments.fits // 5))):
        later, whole = ours(n_samples, fits)
        print(f"{n_samples} parameter sets: a later round {later * 1e3:.2f} ms, ten rounds {whole * 1e3:.1f} ms")
        their_later, their_whole = stored[n_samples]
        print(f"  stored, another machine: {their_later * 1e3:.0f} ms, {their_later / later:.1f} times")
        if their_whole:
            print(f"  stored, ten rounds: {their_whole:.2f} s, {their_whole / whole:.1f} times")
        if arguments.peer:
            command = [arguments.peer, "-W", "ignore", __file__, "--parts", str(n_samples)]
            output = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
            parts = json.loads(output.stdout.splitlines()[-1])
            total = sum(parts[part] for part in ("ask", "tell", "simulate", "error"))
            shares = ", ".join(f"{part} {parts[part] * 1e3:.0f}" for part in ("ask", "tell", "simulate", "error"))
            print(f"  its parts on this machine: {total * 1e3:.0f} ms ({shares}), {total / later:.1f} times")


if __name__ == "__main__":
    main()
