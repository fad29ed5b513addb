// Distribution: the prior of one number, with a smooth map to and from a standard normal number.
//
// Every distribution here is continuous with an increasing distribution function F, so u = quantile of the standard normal at
// F(value) is a one-to-one map of its support to the real line under which the distribution becomes standard normal. Networks
// and samplers work with u: no bound can be violated there, and nothing needs to be rejected (prior.hpp).
//
//   uniform, log-uniform        between two bounds
//   normal, truncated normal    mean and standard deviation of the untruncated one
//   log-normal                  median and standard deviation of the natural logarithm
//   tabulated                   a density estimated from samples: Gaussian kernels with Silverman's bandwidth
//                               (Density estimation for statistics and data analysis, 1986, eq. 3.31), linear between
//                               512 nodes
//
// Values are SI; units are the business of prior.hpp.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace spikesmith {

struct UniformDistribution {
    double low = 0, high = 1;
};
struct LogUniformDistribution {
    double low = 0, high = 1;
};
struct NormalDistribution {
    double mean = 0, deviation = 1;
};
struct TruncatedNormalDistribution {
    double mean = 0, deviation = 1;
    double low = -1, high = 1;  // one of them may be infinite
};
struct LogNormalDistribution {
    double median = 1, log_deviation = 1;
};
// A density that is linear between equidistant nodes, and zero outside.
struct TabulatedDistribution {
    double low = 0, high = 1;
    std::vector<double> density;  // at the nodes, >= 0; made to integrate to 1
};

class Distribution {
  public:
    using Kind = std::variant<UniformDistribution, LogUniformDistribution, NormalDistribution,
                              TruncatedNormalDistribution, LogNormalDistribution, TabulatedDistribution>;

    // Throws ConfigError for bounds that are none, deviations that are not positive, truncation that leaves nothing.
    explicit Distribution(Kind kind);

    // From samples, at least two different ones, all finite. `low` and `high` cut the tails of the kernels, if they are known.
    [[nodiscard]] static Distribution from_samples(std::span<const double> samples, double low, double high);

    [[nodiscard]] const Kind& kind() const { return kind_; }
    [[nodiscard]] double low() const { return low_; }  // of the support; may be infinite
    [[nodiscard]] double high() const { return high_; }
    [[nodiscard]] bool contains(double value) const { return value >= low_ && value <= high_; }

    [[nodiscard]] double log_density(double value) const;  // -infinity outside the support
    [[nodiscard]] double gradient(double value) const;     // of log_density, inside the support
    [[nodiscard]] double cumulative(double value) const;
    [[nodiscard]] double quantile(double probability) const;  // in [0, 1]

    // The map to a standard normal number and back. `to_normal` of a bound is finite, about 8 in magnitude, so that a sample
    // rounded to the bound does no harm; `from_normal` never leaves the support.
    [[nodiscard]] double to_normal(double value) const;
    [[nodiscard]] double from_normal(double u) const;

    [[nodiscard]] std::string description() const;  // "uniform", "log-normal", ...

  private:
    // F where it is below a half, else 1 - F as `upper`: both tails keep their digits.
    struct Tail {
        double probability = 0;
        bool upper = false;
    };
    [[nodiscard]] Tail tail(double value) const;
    [[nodiscard]] double value_at(Tail at) const;

    Kind kind_;
    double low_ = 0;
    double high_ = 0;
    double below_ = 0;                // of the truncated normal: probability that truncation removes below
    double above_ = 0;                // and above
    std::vector<double> cumulative_;  // of the tabulated: at the nodes
};

// Of the standard normal.
[[nodiscard]] double normal_log_density(double u);
[[nodiscard]] double normal_cumulative(double u);

}  // namespace spikesmith
