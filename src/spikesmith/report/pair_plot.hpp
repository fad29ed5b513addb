// Pair plots: the density of every parameter on the diagonal, of every pair above it as the lines around 68, 95 and 99 % of its mass.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/infer/pair_densities.hpp"
#include "spikesmith/report/svg_plot.hpp"

namespace spikesmith {

// A point marked in every panel: the truth, a mode.
struct MarkedPoint {
    std::string label;
    std::vector<double> theta;  // one value per parameter, SI
};

// Axes in the parameters' display units. Throws DataError for a point with another number of values.
[[nodiscard]] Plot pair_plot(std::string title, const PairDensities& densities,
                             const std::vector<MarkedPoint>& points = {});

}  // namespace spikesmith
