#include "spikesmith/optimize/error_warping.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace spikesmith {

std::vector<double> warp_errors(std::span<const double> errors, ErrorWarping warping, double quantile) {
    if (errors.empty()) return {};
    const double smallest = *std::ranges::min_element(errors);
    // Halves, since the distance of two large errors may overflow.
    std::vector<double> warped(errors.begin(), errors.end());
    for (double& error : warped) error = 0.5 * error - 0.5 * smallest;

    // Of the distances that are not 0: a share of equal best points must not make the spread vanish.
    std::vector<double> distances;
    std::ranges::copy_if(warped, std::back_inserter(distances), [](double d) { return d > 0; });
    if (distances.empty()) return std::vector<double>(errors.size(), 0.0);
    if (warping == ErrorWarping::none) quantile = 1;
    const auto place =
        std::min(distances.size() - 1, static_cast<std::size_t>(quantile * static_cast<double>(distances.size())));
    std::ranges::nth_element(distances, distances.begin() + static_cast<std::ptrdiff_t>(place));
    const double spread = distances[place];

    for (double& error : warped) {
        error = warping == ErrorWarping::none ? error / spread : std::log1p(error / spread);
        error = std::min(error, 1024.0);  // log1p overflows only if the spread is a denormal number
        error = std::nearbyint(std::ldexp(error, 30));
    }
    const auto n = static_cast<double>(errors.size());
    const double mean = std::accumulate(warped.begin(), warped.end(), 0.0) / n;
    double variance = 0;
    for (const double w : warped) variance += (w - mean) * (w - mean) / n;
    for (double& w : warped) w = variance > 0 ? (w - mean) / std::sqrt(variance) : 0.0;
    return warped;
}

}  // namespace spikesmith
