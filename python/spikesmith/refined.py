"""What refine, minimize and landscape give."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Landscape", "OptimizeResult"]


class OptimizeResult(dict[str, Any]):
    """A dictionary whose entries are attributes too, as SciPy's; where that is in use, it is one of SciPy's too.

    Attributes
    ----------
    x : array
        Parameters in SI units, in the order of ``names``.
    cost : float
        Half the sum of squared residuals; the error where the metric has no residuals.
    fun, jac, grad, optimality : array, array, array, float
        Residuals, their derivatives by the parameters in SI units, the gradient of the cost, its largest entry scaled by the
        distance to the bound; where there are residuals.
    nfev, njev, nit : int
        Parameter sets simulated, points with derivatives, iterations.
    status : int
        1: converged; 0: the largest number of iterations was reached; -1: failed; -2: stopped by the callback.
    message : str
    success : bool
    active_mask : array
        1 for parameters at a bound.
    error, start_error, starts
        As the fit computes it: at the end, at the start, at the end of each start.
    standard_errors, confidence_low, confidence_high : dict
        By parameter; NaN for those at a bound.
    covariance, correlation : array
        In SI units, in the order of ``names``.
    undetermined : list of str
        Sentences about parameters and combinations that the recordings do not determine.
    method, derivatives : str
        Which were used.
    notes : list of str
    report : str
        A page with all of it.

    Examples
    --------
    >>> result = OptimizeResult(x=[1.0], success=True)
    >>> result.success, result["x"]
    (True, [1.0])
    """

    def __new__(cls, *arguments: Any, **entries: Any) -> Self:
        optimize = sys.modules.get("scipy.optimize")
        if cls is not OptimizeResult or optimize is None:
            return super().__new__(cls, *arguments, **entries)
        combined: Any = type("OptimizeResult", (OptimizeResult, optimize.OptimizeResult), {"__module__": __name__})
        return combined.__new__(combined, *arguments, **entries)  # type: ignore[no-any-return]

    def __reduce__(self) -> Any:
        return OptimizeResult, (dict(self),)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the result has no `{name}`: {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max((len(key) for key in self), default=0)
        return "\n".join(f"{key:>{width}}: {value!r}" for key, value in self.items() if key != "report")

    def _repr_html_(self) -> str:
        return f"<pre>{self.get('report', repr(self))}</pre>"


@dataclass(frozen=True)
class Landscape:
    """Error over two parameters. Rows go along ``y``, columns along ``x``.

    Attributes
    ----------
    names : (str, str)
    x, y : quantity arrays
        Values of the two parameters.
    error : quantity array
        NaN or infinite where the simulation failed.
    gradient : pair of quantity arrays
        Derivatives of the error by the two parameters.
    centre : dict
        The parameters at which the others are held.
    centre_error : quantity
    """

    names: tuple[str, str]
    x: Any
    y: Any
    error: Any
    gradient: tuple[Any, Any]
    centre: dict[str, Any]
    centre_error: Any
