#include "spikesmith/infer/losses.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "spikesmith/infer/estimator.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/infer/shuffle.hpp"
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

namespace {

// Orders `members`, rows of points[samples], so that every `size` of them are near each other: halves along the line through two of
// them, again and again.
void gather_neighbours(std::span<std::uint32_t> members, std::size_t size, std::span<const std::uint32_t> samples,
                       const Array2& points, math::RandomStream& random) {
    const std::size_t groups = members.size() / size;
    if (groups < 2) return;
    const std::span<const double> from = points.row(samples[members[random.next_index(members.size())]]);
    const std::span<const double> to = points.row(samples[members[random.next_index(members.size())]]);
    std::vector<std::pair<double, std::uint32_t>> along;
    for (const std::uint32_t member : members) {
        double place = 0;
        for (std::size_t d = 0; d < points.columns; ++d) place += points(samples[member], d) * (to[d] - from[d]);
        along.emplace_back(place, member);
    }
    std::ranges::sort(along);
    for (std::size_t k = 0; k < members.size(); ++k) members[k] = along[k].second;
    const std::size_t half = groups / 2 * size;
    gather_neighbours(members.first(half), size, samples, points, random);
    gather_neighbours(members.subspan(half), size, samples, points, random);
}

}  // namespace

void draw_neighbours(std::span<const std::uint32_t> samples, const Array2& points, std::size_t contrasts,
                     std::uint64_t seed, std::uint64_t key, std::vector<std::uint32_t>& candidates) {
    draw_candidates(samples, contrasts, seed, key, candidates);
    const std::size_t n = samples.size();
    const std::size_t size = contrasts + 1;
    math::RandomStream random(seed, purpose(RandomPurpose::neighbours));
    random.set_position(key << 20);
    std::vector<std::uint32_t> members(n);
    std::iota(members.begin(), members.end(), 0u);
    shuffle(std::span(members), random);
    members.resize(n / size * size);  // a random remainder keeps its random contrasts
    gather_neighbours(members, size, samples, points, random);
    for (std::size_t i = 0; i < members.size(); ++i) {
        const std::size_t group = i / size * size;
        for (std::size_t m = 1; m < size; ++m)
            candidates[m * n + members[i]] = samples[members[group + (i - group + m) % size]];
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

nets::PairLoss noting_loss(const nets::Minibatch& batch, std::span<const double> subtract, std::span<double> truth,
                           std::span<double> all) {
    return
        [=](std::size_t first, std::size_t count, std::span<const double> values, std::span<double> /*derivatives*/) {
            const std::size_t rows = batch.x.size();
            const std::size_t candidates = batch.theta.size() / rows;
            std::vector<double> own(candidates);
            for (std::size_t k = 0; k < count; ++k) {
                for (std::size_t m = 0; m < candidates; ++m)
                    own[m] = values[m * count + k] - subtract[batch.theta[m * rows + first + k]];
                truth[first + k] = own[0];
                all[first + k] = LogSum(-infinity, own, 0, 1, candidates).value();
            }
            return 0.0;
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
