// Prior: what is known about the parameters before the data are seen.
//
//     Prior prior({uniform_prior("gl", parse_quantity("1 nS"), parse_quantity("100 nS")),
//                  log_uniform_prior("g_na", parse_quantity("1 uS"), parse_quantity("2000 uS")),
//                  normal_prior("El", parse_quantity("-65 mV"), parse_quantity("5 mV"))});
//     Array2 theta = prior.sample(1000, seed);
//
// A product of one distribution per parameter, or a normal distribution of all together with any covariance. The prior knows
// the map to coordinates u in which it is standard normal (distribution.hpp). Everything in this room that learns or samples
// works with u: a posterior density there is a density over exactly the prior's support, so it cannot leak, needs no
// normalisation, and chains meet no walls.
//
//     log p(theta | x) = log q(u | x) + log p(theta) - log N(u; 0, I),    u = u(theta)
//
// Parameter values are SI doubles, in the order given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/distribution.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

struct ParameterPrior {
    std::string name;
    Dimension dimension;
    Distribution distribution;
};

// Throw UnitError if the quantities differ in dimension (0 fits every dimension), ConfigError as Distribution does.
[[nodiscard]] ParameterPrior uniform_prior(const std::string& name, const Quantity& low, const Quantity& high);
[[nodiscard]] ParameterPrior log_uniform_prior(const std::string& name, const Quantity& low, const Quantity& high);
[[nodiscard]] ParameterPrior normal_prior(const std::string& name, const Quantity& mean, const Quantity& deviation);
[[nodiscard]] ParameterPrior truncated_normal_prior(const std::string& name, const Quantity& mean,
                                                    const Quantity& deviation, const Quantity& low,
                                                    const Quantity& high);
// `log_deviation` is the standard deviation of the natural logarithm, a number.
[[nodiscard]] ParameterPrior log_normal_prior(const std::string& name, const Quantity& median, double log_deviation);
// From samples in SI units; the bounds, if there are any, cut the density.
[[nodiscard]] ParameterPrior sampled_prior(const std::string& name, const Dimension& dimension,
                                           std::span<const double> samples, std::optional<Quantity> low = {},
                                           std::optional<Quantity> high = {});

class Prior {
  public:
    // Throws ConfigError if there is no parameter, or a name is empty or given twice.
    explicit Prior(std::vector<ParameterPrior> parameters);

    // All parameters together normal. `covariance` is symmetric and positive definite, else ConfigError. The marginals of
    // `parameters()` are then normal too.
    [[nodiscard]] static Prior correlated_normal(const std::vector<std::string>& names,
                                                 const std::vector<Dimension>& parameter_dimensions,
                                                 const std::vector<double>& mean, const Array2& covariance);

    [[nodiscard]] std::size_t dimension() const { return parameters_.size(); }
    [[nodiscard]] const std::vector<ParameterPrior>& parameters() const { return parameters_; }
    [[nodiscard]] std::vector<std::string> names() const;
    [[nodiscard]] bool independent() const { return factor_.empty(); }
    [[nodiscard]] const Array2& covariance() const { return covariance_; }  // empty if independent

    // Rows `first` ... `first + n - 1` of the one endless sample of this seed: a row does not depend on how many are drawn.
    [[nodiscard]] Array2 sample(std::size_t n, std::uint64_t seed, std::uint64_t first = 0) const;

    [[nodiscard]] bool contains(std::span<const double> theta) const;
    [[nodiscard]] double log_density(std::span<const double> theta) const;  // -infinity outside the support
    void gradient(std::span<const double> theta, std::span<double> result) const;

    // Between theta and u. `to_normal` clamps what is outside the support to its border.
    void to_normal(std::span<const double> theta, std::span<double> u) const;
    void from_normal(std::span<const double> u, std::span<double> theta) const;
    [[nodiscard]] Array2 to_normal(const Array2& theta) const;
    [[nodiscard]] Array2 from_normal(const Array2& u) const;

    // log |d theta / d u| at u, which is log N(u; 0, I) - log p(theta(u)), and its gradient with respect to u.
    [[nodiscard]] double log_jacobian(std::span<const double> u) const;
    void log_jacobian_gradient(std::span<const double> u, std::span<double> result) const;

    // "gl: uniform from 1 nS to 100 nS", a line per parameter.
    [[nodiscard]] std::string description() const;

  private:
    std::vector<ParameterPrior> parameters_;
    Array2 covariance_;  // of the correlated normal
    Array2 factor_;      // its lower Cholesky factor; empty: independent
    std::vector<double> mean_;
};

// Throws DataError that names the row and the parameter if a row of `theta` is outside the support or not finite.
void require_inside(const Prior& prior, const Array2& theta);

}  // namespace spikesmith
