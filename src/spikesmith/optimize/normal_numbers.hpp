// Standard normal numbers for optimisers: one uniform number each, so a point costs little even in many dimensions.
//
//   M. J. Wichura: Algorithm AS 241. Appl. Statist. 37 (1988) 477-484
//
// Not for simulations, whose normal numbers come from math/philox.hpp.
#pragma once

#include <span>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

// The value below which a standard normal number lies with probability `p`; relative error below 1e-15. -infinity and
// infinity for 0 and 1.
[[nodiscard]] double normal_quantile(double p);

// Fills `numbers` with independent standard normal numbers.
void draw_normals(math::RandomStream& random, std::span<double> numbers);

}  // namespace spikesmith
