#include "spikesmith/optimize/cma_distribution.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

#include "spikesmith/math/exponential.hpp"
#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::VectorXd;

// Few points for the dimension take long to learn the shape: then twice the learning rates of the tutorial and 0.7 of its
// damping converge faster. With many points for the dimension the tutorial's values remain: more would settle in the
// first of several minima, or where a rough error has a step.
constexpr double learning = 2;
constexpr double high_rate = 0.4;  // not exceeded by doubling
constexpr double damping = 0.7;
constexpr double few_points = 2;  // per dimension
constexpr double many_points = 4;
constexpr double decompose_after = 2;    // points per dimension: takes as long as drawing them
constexpr double smallest_scale = 1e-8;  // of the longest axis: below, decompositions lose the short axes

double log(double x) {
    return math::log(math::ScalarOperations<double>(), x);
}
double exp(double x) {
    return math::exp(math::ScalarOperations<double>(), x);
}

// The sum of `weights` over points of equal rank is spread evenly over them.
void share_among_equals(std::vector<double>& weights, std::span<const std::size_t> level) {
    for (std::size_t first = 0; first < weights.size();) {
        std::size_t end = first + 1;
        double sum = weights[first];
        while (end < weights.size() && level[end] == level[first]) sum += weights[end++];
        if (end > first + 1)
            std::fill(weights.begin() + static_cast<std::ptrdiff_t>(first),
                      weights.begin() + static_cast<std::ptrdiff_t>(end), sum / static_cast<double>(end - first));
        first = end;
    }
}

}  // namespace

CmaDistribution::CmaDistribution(const VectorXd& mean, double step, bool diagonal, bool active)
    : diagonal_(diagonal),
      active_(active),
      dimension_(static_cast<double>(mean.size())),
      expected_length_(std::sqrt(dimension_) * (1 - 1 / (4 * dimension_) + 1 / (21 * dimension_ * dimension_))),
      mean_(mean),
      step_(step),
      scales_(VectorXd::Ones(mean.size())),
      step_path_(VectorXd::Zero(mean.size())),
      path_(VectorXd::Zero(mean.size())),
      normals_(mean.size()) {
    if (diagonal_) {
        variances_ = VectorXd::Ones(mean.size());
    } else {
        covariance_ = Eigen::MatrixXd::Identity(mean.size(), mean.size());
        axes_ = covariance_;
        scaled_axes_ = covariance_;
    }
}

double CmaDistribution::sample(math::RandomStream& random, std::span<double> y) const {
    draw_normals(random, {normals_.data(), y.size()});
    Eigen::Map<VectorXd> point(y.data(), static_cast<Index>(y.size()));
    if (diagonal_) {
        point = mean_ + step_ * scales_.cwiseProduct(normals_);
    } else {
        point.noalias() = scaled_axes_ * normals_;
        point = mean_ + step_ * point;
    }
    return normals_.squaredNorm();
}

void CmaDistribution::set_strategy(std::size_t points, std::size_t failed) {
    if (strategy_.points == points && strategy_.failed == failed) return;
    Strategy s;
    s.points = points;
    s.failed = failed;
    const double n = dimension_;
    const double half = (static_cast<double>(points) + 1) / 2;
    s.weights.resize(points);
    double positive = 0, positive_squares = 0, negative = 0, negative_squares = 0;
    for (std::size_t k = 0; k < points; ++k) {
        double w = log(half) - log(static_cast<double>(k + 1));
        if (w > 0 && k + failed >= points && k > 0) w = 0;  // nobody walks towards a failure
        s.weights[k] = w;
        (w > 0 ? positive : negative) += std::fabs(w);
        (w > 0 ? positive_squares : negative_squares) += w * w;
    }
    s.effective = positive * positive / positive_squares;
    const double effective_negative = negative_squares > 0 ? negative * negative / negative_squares : 0;
    s.c_step = (s.effective + 2) / (n + s.effective + 5);
    const double haste =
        std::clamp((many_points - static_cast<double>(points) / n) / (many_points - few_points), 0.0, 1.0);
    const double faster = 1 + haste * (learning - 1);
    s.damping =
        2 * std::max(0.0, std::sqrt((s.effective - 1) / (n + 1)) - 1) + (1 + haste * (damping - 1)) * (1 + s.c_step);
    s.c_path = (4 + s.effective / n) / (n + 4 + 2 * s.effective / n);
    const double speed = diagonal_ ? (n + 2) / 3 : 1;
    const double c_mu = 2 * (0.25 + s.effective + 1 / s.effective - 2) / ((n + 2) * (n + 2) + s.effective);
    s.c_one = std::min(0.5, faster * speed * 2 / ((n + 1.3) * (n + 1.3) + s.effective));
    s.c_mu = std::min(1 - s.c_one, speed * std::min(faster * c_mu, std::max(c_mu, high_rate)));
    double sum_negative = 0;
    if (active_ && s.c_mu > 0 && negative > 0) {
        sum_negative = std::min({1 + s.c_one / s.c_mu, 1 + 2 * effective_negative / (s.effective + 2),
                                 (1 - s.c_one - s.c_mu) / (n * s.c_mu)});
    }
    for (double& w : s.weights) w = w > 0 ? w / positive : (negative > 0 ? w * sum_negative / negative : 0);
    strategy_ = std::move(s);
}

VectorXd CmaDistribution::whitened(const VectorXd& y) const {
    if (diagonal_) return y.cwiseQuotient(scales_);
    const VectorXd along = (axes_.transpose() * y).cwiseQuotient(scales_);
    return axes_ * along;
}

void CmaDistribution::adapt(std::span<const CmaPoint> ranked, std::span<const std::size_t> level, std::size_t failed) {
    set_strategy(ranked.size(), failed);
    const Strategy& s = strategy_;
    const auto n = static_cast<Index>(mean_.size());
    std::vector<double> weights = s.weights;
    share_among_equals(weights, level);

    // Columns: steps from the mean in units of the step size.
    Eigen::MatrixXd steps(n, static_cast<Index>(ranked.size()));
    VectorXd shift = VectorXd::Zero(n);
    const double longest = std::sqrt(dimension_) + 2 * dimension_ / (dimension_ + 2);
    for (std::size_t k = 0; k < ranked.size(); ++k) {
        auto column = steps.col(static_cast<Index>(k));
        column = (Eigen::Map<const VectorXd>(ranked[k].y.data(), n) - mean_) / step_;
        double squared_length = ranked[k].squared_length;
        if (squared_length < 0) {
            squared_length = whitened(column).squaredNorm();
            if (squared_length > longest * longest) {
                column *= longest / std::sqrt(squared_length);
                squared_length = longest * longest;
            }
        }
        if (weights[k] > 0) shift += weights[k] * column;
        if (weights[k] < 0) weights[k] *= dimension_ / std::max(squared_length, 1e-300);
    }

    mean_ += step_ * shift;
    ++generations_;
    step_path_ = (1 - s.c_step) * step_path_ + std::sqrt(s.c_step * (2 - s.c_step) * s.effective) * whitened(shift);
    const double length = step_path_.norm();
    const double started = 1 - std::pow(1 - s.c_step, 2 * generations_);
    const bool calm = length / std::sqrt(started) < (1.4 + 2 / (dimension_ + 1)) * expected_length_;
    path_ *= 1 - s.c_path;
    if (calm) path_ += std::sqrt(s.c_path * (2 - s.c_path) * s.effective) * shift;

    double sum = 0;  // of the weights before they were scaled by lengths
    for (const double w : s.weights) sum += w;
    const double keep = 1 - s.c_one - s.c_mu * sum + (calm ? 0 : s.c_one * s.c_path * (2 - s.c_path));
    if (diagonal_) {
        variances_ = keep * variances_ + s.c_one * path_.cwiseAbs2();
        for (std::size_t k = 0; k < ranked.size(); ++k) {
            if (weights[k] != 0) variances_ += s.c_mu * weights[k] * steps.col(static_cast<Index>(k)).cwiseAbs2();
        }
        // Negative weights may overshoot.
        const double largest = variances_.maxCoeff();
        if (largest > 0) {
            variances_ = variances_.cwiseMax(smallest_scale * smallest_scale * largest);
        } else {
            variances_.setOnes();
        }
    } else {
        // Only the lower triangle, one column after the other.
        for (Index j = 0; j < n; ++j) {
            auto column = covariance_.col(j).tail(n - j);
            column *= keep;
            column += (s.c_one * path_[j]) * path_.tail(n - j);
        }
        for (std::size_t k = 0; k < ranked.size(); ++k) {
            if (weights[k] == 0) continue;
            const auto step = steps.col(static_cast<Index>(k));
            for (Index j = 0; j < n; ++j)
                covariance_.col(j).tail(n - j) += (s.c_mu * weights[k] * step[j]) * step.tail(n - j);
        }
    }
    step_ *= exp(std::min(1.0, s.c_step / s.damping * (length / expected_length_ - 1)));
    since_decomposed_ += static_cast<double>(ranked.size());
    if (diagonal_) {
        scales_ = variances_.cwiseSqrt();
    } else if (since_decomposed_ >= decompose_after * dimension_) {
        decompose();
    }
}

void CmaDistribution::decompose() {
    since_decomposed_ = 0;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance_);
    const VectorXd& values = solver.eigenvalues();
    const double largest = values.maxCoeff();
    if (!(largest > 0)) {  // negative weights overshot
        covariance_.setIdentity();
        axes_ = scaled_axes_ = covariance_;
        scales_.setOnes();
        return;
    }
    const double least = smallest_scale * smallest_scale * largest;
    axes_ = solver.eigenvectors();
    scales_ = values.cwiseMax(least).cwiseSqrt();
    scaled_axes_ = axes_ * scales_.asDiagonal();
    if (values.minCoeff() < least) covariance_ = scaled_axes_ * scaled_axes_.transpose();
}

void CmaDistribution::mirror(Index j, double bound) {
    mean_[j] = 2 * bound - mean_[j];
    path_[j] = -path_[j];
    step_path_[j] = -step_path_[j];
    if (diagonal_) return;
    covariance_.row(j) *= -1;
    covariance_.col(j) *= -1;
    axes_.row(j) *= -1;
    scaled_axes_.row(j) *= -1;
}

Eigen::ArrayXd CmaDistribution::deviations() const {
    if (diagonal_) return step_ * scales_.array();
    return step_ * covariance_.diagonal().array().max(0).sqrt();
}

double CmaDistribution::condition() const {
    const double ratio = scales_.maxCoeff() / scales_.minCoeff();
    return ratio * ratio;
}

}  // namespace spikesmith
