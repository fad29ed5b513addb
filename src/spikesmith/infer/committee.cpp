#include "spikesmith/infer/committee.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace spikesmith {

// Expectation maximisation (A. Dempster, N. Laird, D. Rubin, J. R. Stat. Soc. B 39, 1977); -log of the sum over candidates is bounded by
// its tangent (D. Hunter, K. Lange, Am. Stat. 58, 2004).
std::vector<double> committee_weights(const Judgement& judgement) {
    const std::size_t members = judgement.truth.size();
    const std::size_t n = judgement.truth.front().size();
    std::vector<double> weights(members, 1 / static_cast<double>(members));
    if (members == 1 || n == 0) return weights;
    const auto shares_of = [&](const std::vector<std::vector<double>>& values, std::size_t i,
                               std::vector<double>& share) {
        double highest = values[0][i];
        for (const auto& member : values) highest = std::max(highest, member[i]);
        double total = 0;
        for (std::size_t k = 0; k < members; ++k) total += share[k] = weights[k] * std::exp(values[k][i] - highest);
        for (double& one : share) one = total > 0 ? one / total : 0;
    };
    std::vector<double> share(members);
    for (int iteration = 0; iteration < 200; ++iteration) {
        std::vector<double> gains(members, 1.0);
        std::vector<double> losses(members, 0.0);  // times weight
        for (std::size_t i = 0; i < n; ++i) {
            shares_of(judgement.truth, i, share);
            for (std::size_t k = 0; k < members; ++k) gains[k] += share[k];
            if (judgement.all.empty()) continue;
            shares_of(judgement.all, i, share);
            for (std::size_t k = 0; k < members; ++k) losses[k] += share[k];
        }
        double total = 0;
        for (std::size_t k = 0; k < members; ++k) {
            const double pseudo = static_cast<double>(members) * weights[k];
            const double lost = judgement.all.empty() ? static_cast<double>(n) * weights[k] : losses[k];
            weights[k] *= gains[k] / (lost + pseudo);
            total += weights[k];
        }
        for (double& weight : weights) weight /= total;
    }
    return weights;
}

}  // namespace spikesmith
