"""All evaluations of a fit in the formats that users ask for."""

from __future__ import annotations

from typing import Any

from ._borders import Maker
from ._search import Search

__all__ = ["Results"]


class Results:
    """Evaluations of a search. ``maker`` makes quantities of SI numbers."""

    def __init__(self, search: Search, result: dict[str, Any], maker: Maker) -> None:
        self.names, self.values, self.errors, self.objectives = search.evaluations()
        self.dims = {p["name"]: tuple(p["exponents"]) for p in result["parameters"]}
        self.error_dim = tuple(result["error_exponents"])
        self.make = maker
        best = result["best"]
        self.outputs: list[tuple[str, float, tuple[float, ...], tuple[float, ...]]] = []
        for name, raw, normalized, raw_dim, dim in best["objectives"] if best else []:
            # normalisation is a factor for every metric
            self.outputs.append((name, raw / normalized if normalized else 1.0, tuple(raw_dim), tuple(dim)))

    def as_format(self, format: str) -> Any:
        if format == "dataframe":
            return self.dataframe()
        if format not in ("list", "dict"):
            raise ValueError(f"there is no format `{format}`: 'list', 'dict' or 'dataframe'")
        columns = self.columns()
        if format == "dict":
            return columns
        return [
            {k: {name: c[i] for name, c in v.items()} if isinstance(v, dict) else v[i] for k, v in columns.items()}
            for i in range(len(self.errors))
        ]

    def columns(self) -> dict[str, Any]:
        """One array per parameter, 'error', and for several outputs dictionaries of objective errors."""
        columns: dict[str, Any] = {n: self.make(self.values[:, j].copy(), self.dims[n]) for j, n in enumerate(self.names)}
        if len(self.outputs) > 1:
            normalized = {n: self.objectives[:, j].copy() for j, (n, _, _, _) in enumerate(self.outputs)}
            columns["objective_errors_normalized"] = {n: self.make(normalized[n], d) for n, _, _, d in self.outputs}
            columns["objective_errors"] = {n: self.make(normalized[n] * f, d) for n, f, d, _ in self.outputs}
        columns["error"] = self.make(self.errors, self.error_dim)
        return columns

    def dataframe(self) -> Any:
        """A pandas DataFrame of plain SI numbers."""
        import pandas as pd

        columns: dict[str, Any] = {n: self.values[:, j] for j, n in enumerate(self.names)}
        columns["error"] = self.errors
        if len(self.outputs) > 1:
            for j, (name, factor, _, _) in enumerate(self.outputs):
                columns[f"normalized_error_{name}"] = self.objectives[:, j]
                columns[f"error_{name}"] = self.objectives[:, j] * factor
        return pd.DataFrame(columns)
