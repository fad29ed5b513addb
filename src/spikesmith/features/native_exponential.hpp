// Least-squares fits of an exponential to samples, for time constants in native mode.
//
//     v(t) = offset + amplitude * exp(-t / tau),   t from the first sample
//
// by variable projection (Golub and Pereyra, SIAM J. Numer. Anal. 10:413, 1973): for each time constant the other two are the
// solution of a linear problem, so the search is one-dimensional and finds the minimum wherever it starts.
#pragma once

#include <optional>
#include <span>

namespace spikesmith {

struct ExponentialFit {
    double tau = 0;  // in the unit of `dt`
    double offset = 0;
    double amplitude = 0;
    double residual = 0;  // root of the mean square
};

// Nothing if the samples (evenly spaced by `dt`) are fewer than 4, are not finite, are constant, or do not tell the time
// constant: it would be shorter than a fifth of the sampling interval or longer than 20 times the window.
// With `offset` given only amplitude and tau are fitted.
[[nodiscard]] std::optional<ExponentialFit> fit_exponential(std::span<const double> samples, double dt,
                                                            std::optional<double> offset = std::nullopt);

}  // namespace spikesmith
