// Landscape: error and gradient over a grid of two parameters, the others held: what a search sees near an optimum.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/refine.hpp"

namespace spikesmith {

struct LandscapeOptions {
    std::array<std::string, 2> parameters{};                // searched ones, no whole numbers
    std::array<std::size_t, 2> points{41, 41};              // along each, at least 2
    std::map<std::string, std::array<double, 2>> ranges{};  // SI, within the bounds; absent: the bounds
    std::map<std::string, double> centre{};                 // SI, of all searched parameters: the others are held there
    const std::atomic<bool>* cancelled = nullptr;           // throws Interrupted
};

// SI. Rows of the tables go along the second parameter, columns along the first.
struct Landscape {
    std::array<FittedParameter, 2> parameters;  // with the values of the centre
    std::array<std::vector<double>, 2> values;  // evenly spaced on the parameter's scale
    Array2 error;                               // NaN or infinite where it failed
    std::array<Array2, 2> gradient;             // d error / d parameter
    Dimension error_dimension;
    double centre_error = 0;
};

// Throws ConfigError for parameters that are unknown, not searched, whole, or the same, for ranges that are none, and for a centre
// that is incomplete.
[[nodiscard]] Landscape landscape(Refiner& refiner, const LandscapeOptions& options);

}  // namespace spikesmith
