// What native mode reads between samples: extrema, crossings of a level, slopes, means over a stretch of time.
//
// Places are in samples from the first one, as real numbers: 12.25 lies a quarter of an interval after sample 12. The caller
// turns them into times. Values between samples are those of polynomials fitted to the samples around (Savitzky and Golay, Anal.
// Chem. 36:1627, 1964), of degree 4, 8 and 12 on growing windows for as long as each changes little. So sharp spikes are followed, and
// a jump within a window (the reset of a model) keeps the window small.
#pragma once

#include <cstddef>
#include <span>

namespace spikesmith {

struct Extremum {
    double place = 0;  // samples
    double value = 0;  // in the unit of the samples
};

// In the following `half_width` (>= 2) is how far the smallest fit reaches to both sides, in samples.

// The extremum near sample `k`, which must be the largest (or smallest) of its neighbourhood. Sample `k` itself where there are
// too few samples, or where the trace jumps next to it: a polynomial through a jump overshoots.
[[nodiscard]] Extremum refined_extremum(std::span<const double> v, std::size_t k, std::size_t half_width);

// Where the trace takes the value `level` between samples k - 1 and k (k >= 1), which must lie on different sides of it or
// on it; across a jump, on the straight line.
[[nodiscard]] double crossing(std::span<const double> v, std::size_t k, double level);

// The value at a place, which must be within the samples, of which there is at least one.
[[nodiscard]] double value_at(std::span<const double> v, double place);

// Slope at sample `k` per sampling interval, by the smallest fit; fewer samples at the borders. 0 for a single sample.
[[nodiscard]] double slope_at(std::span<const double> v, std::size_t k, std::size_t half_width);
// Where the slope passes `level` (per sampling interval) between samples k - 1 and k, whose slopes by slope_at are on different sides
// of it; by growing fits, so the place may lie a little beyond the two samples.
[[nodiscard]] double slope_crossing(std::span<const double> v, std::size_t k, std::size_t half_width, double level);
// The largest (or smallest) slope near sample `k`, which must have the largest of its neighbourhood; by growing fits.
[[nodiscard]] double steepest_near(std::span<const double> v, std::size_t k, std::size_t half_width);

// Mean of the straight lines between samples from `begin` to `end` (begin < end), both within the samples.
[[nodiscard]] double mean_between(std::span<const double> v, double begin, double end);

}  // namespace spikesmith
