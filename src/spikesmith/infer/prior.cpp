#include "spikesmith/infer/prior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The common dimension of quantities of one parameter.
Dimension common_dimension(const std::string& name, std::initializer_list<Quantity> quantities) {
    Dimension common;
    bool known = false;
    for (const Quantity& quantity : quantities) {
        if (quantity.value == 0 && quantity.dimension == Dimension{}) continue;
        if (known && !(quantity.dimension == common)) {
            throw UnitError(
                fmt::format("the prior of `{}` mixes {} and {}", name, common.name(), quantity.dimension.name()),
                "give all its numbers in the unit of the parameter");
        }
        common = quantity.dimension;
        known = true;
    }
    return common;
}

ParameterPrior named(const std::string& name, const Dimension& dimension, Distribution::Kind kind) {
    try {
        return {name, dimension, Distribution(std::move(kind))};
    } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("the prior of `{}`: {}", name, error.diagnostic().message),
                          error.diagnostic().hint);
    }
}

std::string describe(const ParameterPrior& parameter) {
    const auto text = [&](double value) { return format_quantity({value, parameter.dimension}); };
    const Distribution& distribution = parameter.distribution;
    std::string result = fmt::format("{}: {}", parameter.name, distribution.description());
    if (const auto* d = std::get_if<NormalDistribution>(&distribution.kind()))
        return result + fmt::format(", mean {}, standard deviation {}", text(d->mean), text(d->deviation));
    if (const auto* d = std::get_if<LogNormalDistribution>(&distribution.kind()))
        return result +
               fmt::format(", median {}, standard deviation of the logarithm {}", text(d->median), d->log_deviation);
    if (const auto* d = std::get_if<TruncatedNormalDistribution>(&distribution.kind()))
        result += fmt::format(", mean {}, standard deviation {}", text(d->mean), text(d->deviation));
    return result + fmt::format(" from {} to {}", text(distribution.low()), text(distribution.high()));
}

}  // namespace

ParameterPrior uniform_prior(const std::string& name, const Quantity& low, const Quantity& high) {
    const Dimension dimension = common_dimension(name, {low, high});
    return named(name, dimension, UniformDistribution{low.value, high.value});
}

ParameterPrior log_uniform_prior(const std::string& name, const Quantity& low, const Quantity& high) {
    const Dimension dimension = common_dimension(name, {low, high});
    return named(name, dimension, LogUniformDistribution{low.value, high.value});
}

ParameterPrior normal_prior(const std::string& name, const Quantity& mean, const Quantity& deviation) {
    const Dimension dimension = common_dimension(name, {mean, deviation});
    return named(name, dimension, NormalDistribution{mean.value, deviation.value});
}

ParameterPrior truncated_normal_prior(const std::string& name, const Quantity& mean, const Quantity& deviation,
                                      const Quantity& low, const Quantity& high) {
    const Dimension dimension = common_dimension(name, {mean, deviation, low, high});
    return named(name, dimension, TruncatedNormalDistribution{mean.value, deviation.value, low.value, high.value});
}

ParameterPrior log_normal_prior(const std::string& name, const Quantity& median, double log_deviation) {
    return named(name, median.dimension, LogNormalDistribution{median.value, log_deviation});
}

ParameterPrior sampled_prior(const std::string& name, const Dimension& dimension, std::span<const double> samples,
                             std::optional<Quantity> low, std::optional<Quantity> high) {
    for (const auto& bound : {low, high}) {
        if (!bound || bound->dimension == dimension || (bound->value == 0 && bound->dimension == Dimension{})) continue;
        throw UnitError(fmt::format("a bound of the prior of `{}` is in {}, but its samples are in {}", name,
                                    bound->dimension.name(), dimension.name()));
    }
    return {name, dimension,
            Distribution::from_samples(samples, low ? low->value : -infinity, high ? high->value : infinity)};
}

Prior::Prior(std::vector<ParameterPrior> parameters) : parameters_(std::move(parameters)) {
    if (parameters_.empty()) throw ConfigError("a prior needs at least one parameter");
    std::set<std::string> seen;
    for (const ParameterPrior& parameter : parameters_) {
        if (parameter.name.empty()) throw ConfigError("a parameter of the prior has no name");
        if (!seen.insert(parameter.name).second)
            throw ConfigError(fmt::format("the prior of `{}` is given twice", parameter.name));
    }
}

Prior Prior::correlated_normal(const std::vector<std::string>& names,
                               const std::vector<Dimension>& parameter_dimensions, const std::vector<double>& mean,
                               const Array2& covariance) {
    const std::size_t n = names.size();
    if (mean.size() != n || parameter_dimensions.size() != n || covariance.rows != n || covariance.columns != n) {
        throw ConfigError(fmt::format(
            "a normal prior of {} parameters needs {} means, {} dimensions, and a {} x {} covariance", n, n, n, n, n));
    }
    std::vector<ParameterPrior> marginals;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const double difference = std::abs(covariance(i, j) - covariance(j, i));
            if (!(difference <= 1e-9 * (std::abs(covariance(i, j)) + std::abs(covariance(j, i)))))
                throw ConfigError("the covariance of the prior is not symmetric");
        }
        marginals.push_back(named(names[i], parameter_dimensions[i],
                                  NormalDistribution{mean[i], std::sqrt(std::max(0.0, covariance(i, i)))}));
    }
    using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const auto size = static_cast<Eigen::Index>(n);
    const Eigen::LLT<Matrix> cholesky(Eigen::Map<const Matrix>(covariance.values.data(), size, size));
    if (cholesky.info() != Eigen::Success) throw ConfigError("the covariance of the prior is not positive definite");
    Prior prior(std::move(marginals));
    prior.mean_ = mean;
    prior.covariance_ = covariance;
    prior.factor_ = Array2(n, n);
    Eigen::Map<Matrix>(prior.factor_.values.data(), size, size) = cholesky.matrixL();
    return prior;
}

std::vector<std::string> Prior::names() const {
    std::vector<std::string> result;
    for (const ParameterPrior& parameter : parameters_) result.push_back(parameter.name);
    return result;
}

Array2 Prior::sample(std::size_t n, std::uint64_t seed, std::uint64_t first) const {
    Array2 u(n, dimension());
    math::RandomStream random(seed, purpose(RandomPurpose::prior));
    random.set_position(first * dimension());
    for (double& value : u.values) value = random.next_normal();
    return from_normal(u);
}

bool Prior::contains(std::span<const double> theta) const {
    for (std::size_t d = 0; d < dimension(); ++d) {
        if (!std::isfinite(theta[d]) || !parameters_[d].distribution.contains(theta[d])) return false;
    }
    return true;
}

double Prior::log_density(std::span<const double> theta) const {
    double sum = 0;
    if (!independent()) {
        std::vector<double> u(dimension());
        to_normal(theta, u);
        for (std::size_t d = 0; d < dimension(); ++d) sum += normal_log_density(u[d]) - std::log(factor_(d, d));
        return sum;
    }
    for (std::size_t d = 0; d < dimension(); ++d) sum += parameters_[d].distribution.log_density(theta[d]);
    return sum;
}

void Prior::gradient(std::span<const double> theta, std::span<double> result) const {
    if (independent()) {
        for (std::size_t d = 0; d < dimension(); ++d) result[d] = parameters_[d].distribution.gradient(theta[d]);
        return;
    }
    // -(L L')^-1 (theta - mean): to_normal is L^-1 (theta - mean); solve with L' from behind
    to_normal(theta, result);
    for (std::size_t i = dimension(); i-- > 0;) {
        for (std::size_t j = i + 1; j < dimension(); ++j) result[i] -= factor_(j, i) * result[j];
        result[i] /= factor_(i, i);
    }
    for (double& value : result) value = -value;
}

void Prior::to_normal(std::span<const double> theta, std::span<double> u) const {
    if (independent()) {
        for (std::size_t d = 0; d < dimension(); ++d) u[d] = parameters_[d].distribution.to_normal(theta[d]);
        return;
    }
    for (std::size_t i = 0; i < dimension(); ++i) {
        double rest = theta[i] - mean_[i];
        for (std::size_t j = 0; j < i; ++j) rest -= factor_(i, j) * u[j];
        u[i] = rest / factor_(i, i);
    }
}

void Prior::from_normal(std::span<const double> u, std::span<double> theta) const {
    if (independent()) {
        for (std::size_t d = 0; d < dimension(); ++d) theta[d] = parameters_[d].distribution.from_normal(u[d]);
        return;
    }
    for (std::size_t i = dimension(); i-- > 0;) {  // from behind: the spans may be the same
        double value = mean_[i];
        for (std::size_t j = 0; j <= i; ++j) value += factor_(i, j) * u[j];
        theta[i] = value;
    }
}

Array2 Prior::to_normal(const Array2& theta) const {
    Array2 u(theta.rows, dimension());
    for (std::size_t i = 0; i < theta.rows; ++i) to_normal(theta.row(i), u.row(i));
    return u;
}

Array2 Prior::from_normal(const Array2& u) const {
    Array2 theta(u.rows, dimension());
    for (std::size_t i = 0; i < u.rows; ++i) from_normal(u.row(i), theta.row(i));
    return theta;
}

double Prior::log_jacobian(std::span<const double> u) const {
    double sum = 0;
    for (std::size_t d = 0; d < dimension(); ++d) {
        if (independent()) {
            const Distribution& distribution = parameters_[d].distribution;
            sum += normal_log_density(u[d]) - distribution.log_density(distribution.from_normal(u[d]));
        } else {
            sum += std::log(factor_(d, d));
        }
    }
    return sum;
}

void Prior::log_jacobian_gradient(std::span<const double> u, std::span<double> result) const {
    if (!independent()) {
        std::ranges::fill(result, 0.0);
        return;
    }
    for (std::size_t d = 0; d < dimension(); ++d) {
        const Distribution& distribution = parameters_[d].distribution;
        const double theta = distribution.from_normal(u[d]);
        const double slope = std::exp(normal_log_density(u[d]) - distribution.log_density(theta));  // d theta / d u
        result[d] = -u[d] - distribution.gradient(theta) * slope;
    }
}

std::string Prior::description() const {
    std::string text;
    for (const ParameterPrior& parameter : parameters_) text += (text.empty() ? "" : "\n") + describe(parameter);
    if (!independent()) text += "\n(correlated)";
    return text;
}

void require_inside(const Prior& prior, const Array2& theta) {
    if (theta.columns != prior.dimension()) {
        throw DataError(
            fmt::format("theta has {} columns, but the prior has {} parameters", theta.columns, prior.dimension()));
    }
    for (std::size_t i = 0; i < theta.rows; ++i) {
        for (std::size_t d = 0; d < theta.columns; ++d) {
            const ParameterPrior& parameter = prior.parameters()[d];
            if (std::isfinite(theta(i, d)) && parameter.distribution.contains(theta(i, d))) continue;
            throw DataError(fmt::format("row {} of theta has `{}` = {}, which is outside the prior", i + 1,
                                        parameter.name, format_quantity({theta(i, d), parameter.dimension})),
                            fmt::format("the prior is {}", describe(parameter)));
        }
    }
}

}  // namespace spikesmith
