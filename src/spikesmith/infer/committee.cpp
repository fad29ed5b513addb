#include "spikesmith/infer/committee.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace spikesmith {

namespace {

// Those of the linear pool of `values` (member, sample) that makes the samples most likely: expectation maximisation (A. Dempster,
// N. Laird, D. Rubin, J. R. Stat. Soc. B 39, 1977).
std::vector<double> most_likely_weights(const std::vector<std::vector<double>>& values) {
    const std::size_t members = values.size();
    std::vector<double> weights(members, 1 / static_cast<double>(members));
    std::vector<double> share(members);
    for (int iteration = 0; iteration < 200; ++iteration) {
        std::vector<double> gains(members, 1.0);
        for (std::size_t i = 0; i < values.front().size(); ++i) {
            double highest = values[0][i];
            for (const auto& member : values) highest = std::max(highest, member[i]);
            double total = 0;
            for (std::size_t k = 0; k < members; ++k) total += share[k] = weights[k] * std::exp(values[k][i] - highest);
            for (std::size_t k = 0; k < members && total > 0; ++k) gains[k] += share[k] / total;
        }
        const double total = std::accumulate(gains.begin(), gains.end(), 0.0);
        for (std::size_t k = 0; k < members; ++k) weights[k] = gains[k] / total;
    }
    return weights;
}

}  // namespace

std::vector<double> committee_weights(const Judgement& judgement) {
    const std::size_t members = judgement.truth.size();
    const std::size_t n = judgement.truth.front().size();
    if (members == 1 || n == 0) return std::vector<double>(members, 1 / static_cast<double>(members));
    if (judgement.all.empty()) return most_likely_weights(judgement.truth);
    std::vector<std::vector<double>> values = judgement.truth;
    for (std::size_t k = 0; k < members; ++k) {
        const std::vector<double>& all = judgement.all[k];
        const double mass = std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(n);
        for (std::size_t i = 0; i < n; ++i) values[k][i] += mass - all[i];
    }
    return most_likely_weights(values);
}

}  // namespace spikesmith
