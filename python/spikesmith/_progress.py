"""How far an inference is: simulations, then epochs, as bars of tqdm (a notebook's own in notebooks), or as lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["News", "Progress", "inference_progress"]

# epoch, best epoch, loss, best loss, whether it is finished
States = Mapping[int, tuple[int, int, float, float, bool]]
# simulated, of, networks, states by network, epochs without improvement after which training stops
News = tuple[int, int, int, States, int]
Progress = Callable[[News | None], Any]


def inference_progress(shown: bool | Progress | None) -> Progress | None:
    """``True``: bars; ``None``: in terminals and notebooks; or what is called instead (at the end of a call with ``None``)."""
    if callable(shown):
        return shown
    if shown is None:
        shown = sys.stderr.isatty() or "ipykernel" in sys.modules
    return Bars() if shown else None


def remaining(states: States, stop_after_epochs: int, seconds: float) -> float | None:
    """Seconds that training goes on at least: until the epochs without improvement are full."""
    busy = [(epoch, epoch - best) for epoch, best, _, _, finished in states.values() if not finished]
    epochs = max((epoch for epoch, *_ in states.values()), default=0)
    if not busy or epochs == 0:
        return None
    return max(stop_after_epochs - since for _, since in busy) * seconds / epochs


class Bars:
    """A bar of simulations with the time that is left, and a line of epochs with losses and the least time that is left."""

    def __init__(self) -> None:
        self._make: Any = None
        try:
            from tqdm.auto import tqdm

            self._make = tqdm
        except ImportError:
            pass
        self._simulations: Any = None
        self._epochs: Any = None
        self._began = 0.0
        self._written = ""

    def __call__(self, news: News | None) -> None:
        if news is None:
            self._close()
            return
        done, total, networks, states, stop_after_epochs = news
        if states:
            self._close_simulations(total)
            self._show_epochs(networks, states, stop_after_epochs)
        elif total:
            self._close_epochs()
            self._show_simulations(done, total)

    def _show_simulations(self, done: int, total: int) -> None:
        if self._make is None:
            self._write(f"simulations: {100 * done // total} %")
            return
        if self._simulations is not None and done < self._simulations.n:
            self._close_simulations(self._simulations.total)
        if self._simulations is None:
            self._simulations = self._make(total=total, desc="simulations", unit="trace")
        self._simulations.update(done - self._simulations.n)

    def _show_epochs(self, networks: int, states: States, stop_after_epochs: int) -> None:
        if self._began == 0:
            self._began = time.monotonic()
        epochs = max(epoch for epoch, *_ in states.values())
        best = min(best for _, _, _, best, _ in states.values())
        last = min(loss for _, _, loss, _, _ in states.values())
        left = remaining(states, stop_after_epochs, time.monotonic() - self._began)
        text = f"validation loss {last:.4g}, best {best:.4g}"
        if networks > 1:
            finished = sum(state[4] for state in states.values())
            text = f"{finished} of {networks} networks, {text}"
        if left is not None:
            text += f", at least {left:.0f} s left"
        if self._make is None:
            self._write(f"epoch {epochs}: {text}")
            return
        if self._epochs is None:
            self._epochs = self._make(desc="training", unit="epoch")
        self._epochs.set_postfix_str(text, refresh=False)
        self._epochs.update(max(epochs - self._epochs.n, 0))

    def _write(self, text: str) -> None:
        print("\r" + text.ljust(len(self._written)), end="", file=sys.stderr, flush=True)
        self._written = text

    def _close_simulations(self, total: int) -> None:
        if self._simulations is not None:
            self._simulations.update(max(total - self._simulations.n, 0))
            self._simulations.close()
            self._simulations = None

    def _close_epochs(self) -> None:
        if self._epochs is not None:
            self._epochs.close()
            self._epochs = None
        self._began = 0.0

    def _close(self) -> None:
        if self._simulations is not None:
            self._simulations.close()
            self._simulations = None
        self._close_epochs()
        if self._written:
            print(file=sys.stderr)
            self._written = ""
