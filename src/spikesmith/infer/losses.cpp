#include "spikesmith/infer/losses.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "spikesmith/infer/estimator.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// log(base + sum of exp(values of the candidates)) and each one's share of the sum.
class LogSum {
  public:
    LogSum(double log_base, std::span<const double> values, std::size_t first, std::size_t stride, std::size_t count)
        : values_(values), first_(first), stride_(stride) {
        double highest = log_base;
        for (std::size_t m = 0; m < count; ++m) highest = std::max(highest, values[first + m * stride]);
        double sum = std::exp(log_base - highest);
        for (std::size_t m = 0; m < count; ++m) sum += std::exp(values[first + m * stride] - highest);
        value_ = highest + std::log(sum);
    }
    [[nodiscard]] double value() const { return value_; }
    [[nodiscard]] double share(std::size_t m) const { return std::exp(values_[first_ + m * stride_] - value_); }

  private:
    std::span<const double> values_;
    std::size_t first_;
    std::size_t stride_;
    double value_ = -infinity;
};

}  // namespace

void draw_candidates(std::span<const std::uint32_t> samples, std::size_t contrasts, std::uint64_t seed,
                     std::uint64_t key, std::vector<std::uint32_t>& candidates) {
    const std::size_t n = samples.size();
    candidates.assign(samples.begin(), samples.end());
    candidates.resize(n * (contrasts + 1));
    math::RandomStream random(seed, purpose(RandomPurpose::contrast));
    random.set_position(key << 20);
    std::vector<std::size_t> drawn(contrasts);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t m = 0; m < contrasts; ++m) {
            // Floyd's algorithm (J. Bentley and R. Floyd, Commun. ACM 30, 1987) over the n - 1 others
            const std::size_t last = n - 1 - contrasts + m;
            std::size_t other = random.next_index(last + 1);
            const auto before = drawn.begin() + static_cast<std::ptrdiff_t>(m);
            if (std::find(drawn.begin(), before, other) != before) other = last;
            drawn[m] = other;
            candidates[(m + 1) * n + i] = samples[other < i ? other : other + 1];
        }
    }
}

nets::PairLoss binary_loss(std::size_t rows) {
    const double weight = 0.5 / static_cast<double>(rows);
    return [weight](std::size_t, std::size_t count, std::span<const double> values, std::span<double> derivatives) {
        double sum = 0;
        for (std::size_t k = 0; k < count; ++k) {
            const double truth = values[k];
            const double contrast = values[count + k];
            sum -= log_sigmoid(truth) + log_sigmoid(-contrast);
            derivatives[k] = -weight * std::exp(log_sigmoid(-truth));
            derivatives[count + k] = weight * std::exp(log_sigmoid(contrast));
        }
        return weight * sum;
    };
}

nets::PairLoss contrastive_class_loss(std::size_t rows, std::size_t classes, double gamma) {
    const double weight = 1 / static_cast<double>(rows);
    const double log_classes = std::log(static_cast<double>(classes));
    const double log_gamma = std::log(gamma);
    const double marginal = weight / (1 + gamma);
    const double joint = weight * gamma / (1 + gamma);
    return [=](std::size_t, std::size_t count, std::span<const double> values, std::span<double> derivatives) {
        double sum = 0;
        for (std::size_t k = 0; k < count; ++k) {
            // logsumexp(log gamma + f, log K) = log gamma + logsumexp(f, log K - log gamma)
            const LogSum with_truth(log_classes - log_gamma, values, k, count, classes);
            const LogSum without(log_classes - log_gamma, values, classes * count + k, count, classes);
            sum -= marginal * (log_classes - log_gamma - without.value()) + joint * (values[k] - with_truth.value());
            for (std::size_t m = 0; m < classes; ++m) {
                derivatives[m * count + k] = joint * with_truth.share(m);
                derivatives[(classes + m) * count + k] = marginal * without.share(m);
            }
            derivatives[k] -= joint;
        }
        return sum;
    };
}

nets::PairLoss label_loss(std::span<const std::uint32_t> samples, std::span<const std::uint8_t> labels) {
    const double weight = 1 / static_cast<double>(samples.size());
    return [=](std::size_t first, std::size_t count, std::span<const double> values, std::span<double> derivatives) {
        double sum = 0;
        for (std::size_t k = 0; k < count; ++k) {
            const double sign = labels[samples[first + k]] != 0 ? 1 : -1;
            sum -= log_sigmoid(sign * values[k]);
            derivatives[k] = -weight * sign * std::exp(log_sigmoid(-sign * values[k]));
        }
        return weight * sum;
    };
}

}  // namespace spikesmith
