// Sine, cosine and tangent of huge arguments: the rarely taken way of trigonometric.hpp.
//
// Correct for every finite |x| >= 1; NaN for infinities and NaN. Integer arithmetic and exactly rounded operations
// only, so every machine gives the same bits. Slow (about 100 ns).
#pragma once

namespace spikesmith::math {

[[nodiscard]] double sin_of_huge(double x);
[[nodiscard]] double cos_of_huge(double x);
[[nodiscard]] double tan_of_huge(double x);

}  // namespace spikesmith::math
