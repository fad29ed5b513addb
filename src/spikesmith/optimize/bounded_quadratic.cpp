#include "spikesmith/optimize/bounded_quadratic.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int attempts = 40;  // at a positive definite matrix: up to 4^40 * 1e-14 times its scale is added

// The step to the minimum over the free coordinates, the others held.
VectorXd free_step(const MatrixXd& matrix, const VectorXd& slope, const std::vector<Index>& free) {
    const MatrixXd part = matrix(free, free);
    const double scale = part.diagonal().cwiseAbs().maxCoeff();
    double shift = 0;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        const Eigen::LLT<MatrixXd> factors(part + shift * MatrixXd::Identity(part.rows(), part.cols()));
        if (factors.info() == Eigen::Success) {
            const VectorXd step = factors.solve(-slope(free));
            if (step.allFinite()) return step;
        }
        shift = std::max(4 * shift, 1e-14 * scale);
    }
    return VectorXd::Zero(part.rows());
}

}  // namespace

VectorXd minimize_in_box(const VectorXd& gradient, const MatrixXd& matrix, const VectorXd& lower,
                         const VectorXd& upper) {
    const Index d = gradient.size();
    VectorXd p = VectorXd::Zero(d);
    std::vector<bool> held(static_cast<std::size_t>(d), false);
    for (Index j = 0; j < d; ++j) {
        held[static_cast<std::size_t>(j)] = (gradient(j) > 0 && lower(j) == 0) || (gradient(j) < 0 && upper(j) == 0);
    }
    for (Index round = 0; round < 3 * d + 10; ++round) {
        std::vector<Index> free;
        for (Index j = 0; j < d; ++j) {
            if (!held[static_cast<std::size_t>(j)]) free.push_back(j);
        }
        bool blocked = false;
        if (!free.empty()) {
            const VectorXd step = free_step(matrix, gradient + matrix * p, free);
            double share = 1;
            Index wall = -1;
            for (std::size_t k = 0; k < free.size(); ++k) {
                const Index j = free[k];
                const double s = step(static_cast<Index>(k));
                const double gap = (s > 0 ? upper(j) : lower(j)) - p(j);
                if (s != 0 && gap / s < share) {
                    share = std::max(gap / s, 0.0);
                    wall = j;
                }
            }
            for (std::size_t k = 0; k < free.size(); ++k) {
                const Index j = free[k];
                p(j) = std::clamp(p(j) + share * step(static_cast<Index>(k)), lower(j), upper(j));
            }
            if (wall >= 0) {
                p(wall) = step(std::ranges::find(free, wall) - free.begin()) > 0 ? upper(wall) : lower(wall);
                held[static_cast<std::size_t>(wall)] = true;
                blocked = true;
            }
        }
        if (blocked) continue;
        // The minimum for these held coordinates: release the one that gains most, if any.
        const VectorXd slope = gradient + matrix * p;
        Index release = -1;
        double most = 0;
        for (Index j = 0; j < d; ++j) {
            if (!held[static_cast<std::size_t>(j)]) continue;
            const double inward = p(j) >= upper(j) ? slope(j) : -slope(j);
            if (lower(j) < upper(j) && inward > most * (1 + 1e-9)) {
                most = inward;
                release = j;
            }
        }
        if (release < 0) break;
        held[static_cast<std::size_t>(release)] = false;
    }
    return p;
}

}  // namespace spikesmith
