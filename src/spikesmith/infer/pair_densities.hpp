// What pair plots show: the density of every parameter and of every pair, from samples or, with the other parameters held, from the
// density itself. report/pair_plot.hpp draws it.
//
//     PairDensities all = pair_densities(posterior.prior(), posterior.sample(10000));
//     PairDensities held = conditional_pair_densities(posterior, posterior.map().modes.front().theta);
//     Array2 correlations = conditional_correlations(posterior, posterior.sample(20));
//
// Conditional densities show what others compensate: a parameter that is free as long as others follow has a wide marginal but a narrow
// conditional density (P. Goncalves et al., eLife 9:e56261, 2020).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

struct PairDensities {
    struct Parameter {
        std::string name;
        Dimension dimension;
        std::vector<double> values;   // SI, increasing: where the densities are given
        std::vector<double> density;  // of this parameter there
    };
    std::vector<Parameter> parameters;
    std::vector<Array2> pairs;  // of (i, j), i < j, row by row of the triangle: values of j x values of i

    [[nodiscard]] const Array2& pair(std::size_t i, std::size_t j) const;  // i < j
};

struct PairDensityOptions {
    std::size_t resolution = 50;  // values of each parameter
    std::vector<std::array<double, 2>>
        limits{};  // of each parameter, SI; empty: the range of the samples, or the prior's
};

// `samples`: n x D, SI; rows that are not finite are left out. Histograms, smoothed by a normal kernel of D. Scott's bandwidth
// (Multivariate density estimation, 1992, eq. 6.42). The default limits are the samples' range and a tenth of it on either side, within
// the prior. Throws DataError for less than two rows or other columns, ConfigError for limits that are none.
[[nodiscard]] PairDensities pair_densities(const Prior& prior, const Array2& samples,
                                           const PairDensityOptions& options = {});

// The posterior as a function of one or two parameters, the others as in `condition` (D values); each normalised over the limits. The
// default limits are the prior's bounds; where it has none, the range of 1000 samples and a tenth of it on either side.
[[nodiscard]] PairDensities conditional_pair_densities(const Posterior& posterior, std::span<const double> condition,
                                                       const PairDensityOptions& options = {});

// Pearson's correlation of every pair under these densities, the mean over the rows of `conditions`; D x D.
[[nodiscard]] Array2 conditional_correlations(const Posterior& posterior, const Array2& conditions,
                                              const PairDensityOptions& options = {});

// The level above which a density on a grid of equal cells has this share of its mass.
[[nodiscard]] double level_of_mass(const Array2& density, double mass);

}  // namespace spikesmith
