#include "spikesmith/infer/estimator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/binary.hpp"
#include "spikesmith/infer/distribution.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t sampled_block = 1024;  // rows that one thread draws at a time

std::vector<std::byte> saved(const TrainedNetwork& member) {
    return std::visit([](const auto& network) { return network.save(); }, member.network);
}

// Of the members' values v_k in row i: log sum_k w_k exp(v_k), and the shares of the members in its gradient.
double linear_pool(const std::vector<TrainedNetwork>& members, const std::vector<std::vector<double>>& values,
                   std::size_t i, std::vector<double>& shares) {
    double highest = -infinity;
    for (std::size_t k = 0; k < members.size(); ++k) {
        shares[k] = values[k][i] + std::log(members[k].weight);
        highest = std::max(highest, shares[k]);
    }
    double sum = 0;
    for (double& share : shares) sum += share = std::isfinite(highest) ? std::exp(share - highest) : 0;
    for (double& share : shares) share = sum > 0 ? share / sum : 0;
    return sum > 0 ? highest + std::log(sum) : -infinity;
}

// sum_k w_k v_k, likewise
double logarithmic_pool(const std::vector<TrainedNetwork>& members, const std::vector<std::vector<double>>& values,
                        std::size_t i, std::vector<double>& shares) {
    double sum = 0;
    for (std::size_t k = 0; k < members.size(); ++k) {
        shares[k] = members[k].weight;
        if (shares[k] > 0) sum += shares[k] * values[k][i];
    }
    return sum;
}

}  // namespace

double log_sigmoid(double odds) {
    return odds > 0 ? -std::log1p(std::exp(-odds)) : odds - std::log1p(std::exp(odds));
}

void write(BinaryWriter& writer, const Estimator& estimator) {
    writer.integer(static_cast<std::uint64_t>(estimator.role));
    writer.integer(estimator.parameters);
    writer.integer(estimator.features);
    writer.integer(estimator.knows_missing ? 1 : 0);
    writer.integer(estimator.described.size());
    for (const std::size_t feature : estimator.described) writer.integer(feature);
    writer.reals(estimator.transform.centre);
    writer.reals(estimator.transform.width);
    writer.integer(estimator.completeness ? 1 : 0);
    if (estimator.completeness) writer.block(estimator.completeness->save());
    writer.integer(estimator.members.size());
    for (const TrainedNetwork& member : estimator.members) {
        writer.text(member.kind);
        writer.real(member.weight);
        writer.real(member.validation_loss);
        writer.integer(member.epochs);
        writer.block(saved(member));
        writer.integer(member.embedding ? 1 : 0);
        if (member.embedding) member.embedding->write(writer);
    }
}

Estimator read_estimator(BinaryReader& reader, std::uint64_t version) {
    Estimator estimator;
    const std::uint64_t role = reader.integer();
    if (role > static_cast<std::uint64_t>(EstimatorRole::ratio)) reader.damaged();
    estimator.role = static_cast<EstimatorRole>(role);
    estimator.parameters = reader.integer();
    estimator.features = reader.integer();
    estimator.knows_missing = reader.integer() != 0;
    estimator.described.resize(reader.count(8));
    for (std::size_t& feature : estimator.described) {
        feature = reader.integer();
        if (feature >= estimator.features) reader.damaged();
    }
    if (version > 2) {
        estimator.transform.centre = reader.reals();
        estimator.transform.width = reader.reals();
        const std::size_t size = estimator.transform.width.size();
        if ((size != 0 && size != estimator.features) || estimator.transform.centre.size() != size) reader.damaged();
    }
    if (reader.integer() != 0) {
        estimator.completeness = nets::RatioEstimator::load(reader.block());
        if (estimator.completeness->specification().theta_dimensions != estimator.parameters) reader.damaged();
    }
    const std::uint64_t members = reader.count(40);
    if (members == 0) reader.damaged();
    const std::size_t described = estimator.described.empty() ? estimator.features : estimator.described.size();
    for (std::uint64_t k = 0; k < members; ++k) {
        std::string kind = reader.text();
        const double weight = reader.real();
        const double validation_loss = reader.real();
        const std::uint64_t epochs = reader.integer();
        const std::vector<std::byte> block = reader.block();
        if (!(weight >= 0 && weight <= 1)) reader.damaged();
        std::optional<TorchEmbedding> embedding;
        if (version > 1 && reader.integer() != 0) embedding.emplace(read_torch_embedding(reader));
        const std::size_t seen = embedding ? embedding->outputs() : estimator.features;
        const auto add = [&](auto network, std::size_t theta, std::size_t x) {
            const auto& what = network.specification();
            if (what.theta_dimensions != theta || what.x_dimensions != x) reader.damaged();
            estimator.members.push_back(
                {std::move(kind), std::move(network), weight, validation_loss, epochs, std::move(embedding)});
        };
        if (estimator.role == EstimatorRole::ratio) {
            add(nets::RatioEstimator::load(block), estimator.parameters, seen);
        } else if (estimator.role == EstimatorRole::posterior) {
            add(nets::ConditionalDensity::load(block), estimator.parameters, seen);
        } else {
            add(nets::ConditionalDensity::load(block), described, estimator.parameters);
        }
    }
    return estimator;
}

ConditionedEstimator::ConditionedEstimator(std::shared_ptr<const Estimator> estimator, Array2 x)
    : estimator_(std::move(estimator)), given_(std::move(x)), x_(given_) {
    const Estimator& e = *estimator_;
    if (x_.rows == 0 || x_.columns != e.features) {
        throw DataError(
            fmt::format("the observation has {} values, but the networks learned {} features", x_.columns, e.features));
    }
    if (e.role == EstimatorRole::posterior && x_.rows > 1) {
        throw DataError("posterior networks take one observation at a time",
                        "use likelihood or ratio estimation for several independent observations");
    }
    for (std::size_t i = 0; i < x_.rows; ++i) {
        for (std::size_t c = 0; c < x_.columns; ++c) {
            if (std::isinf(x_(i, c))) throw DataError(fmt::format("feature {} of the observation is infinite", c + 1));
            const bool described = e.described.empty() || std::ranges::binary_search(e.described, c);
            const bool allowed = e.role == EstimatorRole::likelihood ? !described : e.knows_missing;
            if (std::isnan(x_(i, c)) && !allowed) {
                throw DataError(
                    fmt::format("feature {} of the observation is missing, which the networks have not learned", c + 1),
                    "infer again with this observation and the policy `mask` for missing features");
            }
        }
    }
    e.transform.apply(x_);
    described_ = x_;
    if (!e.described.empty()) {
        described_ = Array2(x_.rows, e.described.size());
        for (std::size_t i = 0; i < x_.rows; ++i) {
            for (std::size_t k = 0; k < e.described.size(); ++k) described_(i, k) = x_(i, e.described[k]);
        }
    }
    for (const TrainedNetwork& member : e.members) {
        const auto seen = [&](std::size_t i) {
            return member.embedding ? member.embedding->embed(x_.row(i))
                                    : std::vector<double>(x_.row(i).begin(), x_.row(i).end());
        };
        if (e.role == EstimatorRole::posterior)
            densities_.push_back({std::get<nets::ConditionalDensity>(member.network).at(seen(0))});
        if (e.role == EstimatorRole::ratio) {
            ratios_.emplace_back();
            for (std::size_t i = 0; i < x_.rows; ++i)
                ratios_.back().push_back(std::get<nets::RatioEstimator>(member.network).at(seen(i)));
        }
    }
}

void ConditionedEstimator::member_values(std::size_t member, const Array2& u, std::span<double> values,
                                         std::span<double> gradients, Scratch& scratch) const {
    const Estimator& e = *estimator_;
    if (e.role == EstimatorRole::posterior) {
        const nets::ObservedDensity& density = densities_[member].front();
        if (gradients.empty()) {
            density.log_prob(u.values, values, scratch.workspace);
        } else {
            density.log_prob_gradient(u.values, values, gradients, scratch.workspace);
        }
        return;
    }
    std::ranges::fill(values, 0.0);
    std::ranges::fill(gradients, 0.0);
    scratch.values.resize(u.rows);
    scratch.gradient.resize(gradients.size());
    for (std::size_t i = 0; i < x_.rows; ++i) {
        if (e.role == EstimatorRole::ratio) {
            const nets::ObservedRatio& ratio = ratios_[member][i];
            if (gradients.empty()) {
                ratio.log_ratio(u.values, scratch.values, scratch.workspace);
            } else {
                ratio.log_ratio_gradient(u.values, scratch.values, scratch.gradient, scratch.workspace);
            }
        } else {
            const auto& density = std::get<nets::ConditionalDensity>(e.members[member].network);
            scratch.repeated.clear();
            for (std::size_t k = 0; k < u.rows; ++k)
                scratch.repeated.insert(scratch.repeated.end(), described_.row(i).begin(), described_.row(i).end());
            if (gradients.empty()) {
                density.log_prob(scratch.repeated, u.values, scratch.values, scratch.workspace);
            } else {
                density.log_prob_gradient(scratch.repeated, u.values, scratch.values, {}, scratch.gradient,
                                          scratch.workspace);
            }
        }
        for (std::size_t k = 0; k < u.rows; ++k) values[k] += scratch.values[k];
        for (std::size_t k = 0; k < gradients.size(); ++k) gradients[k] += scratch.gradient[k];
    }
}

void ConditionedEstimator::log_density(const Array2& u, std::span<double> values, Array2* gradients) const {
    const Estimator& e = *estimator_;
    Scratch& scratch = scratch_.local();
    const std::size_t size = gradients != nullptr ? u.values.size() : 0;
    if (e.members.size() == 1) {
        member_values(0, u, values, gradients != nullptr ? std::span(gradients->values) : std::span<double>(), scratch);
    } else {
        std::vector<std::vector<double>> member(e.members.size(), std::vector<double>(u.rows));
        std::vector<std::vector<double>> slopes(e.members.size(), std::vector<double>(size));
        for (std::size_t k = 0; k < e.members.size(); ++k) {
            if (e.members[k].weight > 0) member_values(k, u, member[k], slopes[k], scratch);
        }
        std::vector<double> shares(e.members.size());
        for (std::size_t i = 0; i < u.rows; ++i) {
            values[i] = e.role == EstimatorRole::posterior ? linear_pool(e.members, member, i, shares)
                                                           : logarithmic_pool(e.members, member, i, shares);
            if (gradients == nullptr) continue;
            std::ranges::fill(gradients->row(i), 0.0);
            for (std::size_t k = 0; k < e.members.size(); ++k) {
                for (std::size_t d = 0; d < u.columns && shares[k] > 0; ++d)
                    (*gradients)(i, d) += shares[k] * slopes[k][i * u.columns + d];
            }
        }
    }
    if (e.role == EstimatorRole::posterior) return;
    for (std::size_t i = 0; i < u.rows; ++i) {
        for (std::size_t d = 0; d < u.columns; ++d) {
            values[i] += normal_log_density(u(i, d));
            if (gradients != nullptr) (*gradients)(i, d) -= u(i, d);
        }
    }
    if (!e.completeness) return;
    std::vector<double> odds(u.rows);
    std::vector<double> slopes(size);
    const std::vector<double> nothing(1, 0.0);
    if (gradients == nullptr) {
        e.completeness->log_ratio(u.values, nothing, odds, scratch.workspace);
    } else {
        e.completeness->log_ratio_gradient(u.values, nothing, odds, slopes, {}, scratch.workspace);
    }
    const auto observations = static_cast<double>(x_.rows);
    for (std::size_t i = 0; i < u.rows; ++i) {
        const double log_probability = log_sigmoid(odds[i]);
        values[i] += observations * log_probability;
        for (std::size_t d = 0; d < u.columns && gradients != nullptr; ++d)
            (*gradients)(i, d) -= observations * std::expm1(log_probability) * slopes[i * u.columns + d];
    }
}

LogDensity ConditionedEstimator::function() const {
    return [this](const Array2& u, std::span<double> values, Array2* gradients) { log_density(u, values, gradients); };
}

Array2 ConditionedEstimator::sample(std::size_t n, std::uint64_t seed, const SamplingControl& control) const {
    const Estimator& e = *estimator_;
    if (!normalized())
        throw ConfigError("only posterior networks can be sampled directly", "use Markov chains or rejection");
    // Which member draws each row; each member draws its own rows in order.
    std::vector<std::size_t> member_of(n, 0);
    std::vector<std::size_t> counts(e.members.size(), 0);
    math::RandomStream random(seed, purpose(RandomPurpose::sample));
    for (std::size_t i = 0; i < n; ++i) {
        double rest = random.next_uniform();
        std::size_t k = 0;
        while (k + 1 < e.members.size() && rest >= e.members[k].weight) rest -= e.members[k++].weight;
        member_of[i] = k;
        ++counts[k];
    }
    SamplingWatch watch(control, n);
    std::vector<Array2> drawn;
    for (std::size_t k = 0; k < e.members.size(); ++k) {
        drawn.emplace_back(counts[k], e.parameters);
        const std::size_t blocks = (counts[k] + sampled_block - 1) / sampled_block;
        tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
            const std::size_t first = b * sampled_block;
            const std::size_t count = std::min(sampled_block, counts[k] - first);
            const std::span<double> rows =
                std::span(drawn[k].values).subspan(first * e.parameters, count * e.parameters);
            densities_[k].front().sample(rows, seed + k, first, scratch_.local().workspace);
            watch.add(count);
        });
    }
    Array2 result(n, e.parameters);
    std::vector<std::size_t> next(e.members.size(), 0);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t k = member_of[i];
        std::ranges::copy(drawn[k].row(next[k]++), result.row(i).begin());
    }
    return result;
}

}  // namespace spikesmith
