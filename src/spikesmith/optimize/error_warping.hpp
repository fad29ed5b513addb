// Errors as surrogates see them: finite numbers of order 1, whatever the scale of the errors and however far they spread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace spikesmith {

enum class ErrorWarping : std::uint8_t {
    none,         // shifted and divided only
    logarithmic,  // log(1 + (error - smallest)/spread): straight near the smallest error, flat for huge ones
};

// Warped errors with mean 0 and variance 1 (all 0 if the errors are equal), in the order of `errors`, which are finite.
// The spread is the `quantile` of the distances from the smallest error. Scaling the errors by a power of two changes
// nothing, any other factor nearly always nothing: warped errors are rounded to multiples of 2^-30 before the division.
[[nodiscard]] std::vector<double> warp_errors(std::span<const double> errors, ErrorWarping warping,
                                              double quantile = 0.5);

}  // namespace spikesmith
