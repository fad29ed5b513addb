// Coordinates of features in which a network learns easily.
//
// Counts, times and amplitudes often spread over decades: standardised as they are, nearly all simulations sit in a corner of the network's
// input and a few are far outside. Such a feature is seen as
//
//     y = asinh((x - centre) / width)
//
// (N. L. Johnson, Biometrika 36, 1949), which is linear near the centre, logarithmic far from it, defined for every x. Centre and
// width are those that make the training simulations most likely under a normal density of y; a feature that gains little keeps its
// own scale. The posterior does not notice: y says what x says, and the volume change of a likelihood does not depend on the parameters.
//
// Features that take few values, such as counts, have no density. Likelihood estimation, which learns one, sees them with uniform noise of
// their own spacing (B. Uria, I. Murray, H. Larochelle, NeurIPS 2013).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

struct FeatureTransform {
    std::vector<double> centre;  // per feature
    std::vector<double> width;   // per feature; 0: as it is

    [[nodiscard]] bool empty() const { return width.empty(); }  // all features are as they are
    // `described`: the features that x has, in this order; empty: all. NaN stays NaN.
    void apply(Array2& x, std::span<const std::size_t> described = {}) const;
    // This transform of the features `described` as one of all `features`.
    [[nodiscard]] FeatureTransform of_features(std::span<const std::size_t> described, std::size_t features) const;
};

// From these rows of x; values that are not finite are left out.
[[nodiscard]] FeatureTransform measure_transform(const Array2& x, std::span<const std::uint32_t> rows);

// Per feature the distance between the values it takes, if these are few; else 0.
[[nodiscard]] std::vector<double> measure_spacing(const Array2& x, std::span<const std::uint32_t> rows);

// Adds to every feature uniform noise between -spacing / 2 and spacing / 2.
void add_spacing_noise(Array2& x, std::span<const double> spacing, std::uint64_t seed);

}  // namespace spikesmith
