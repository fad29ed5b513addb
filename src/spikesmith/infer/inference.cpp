#include "spikesmith/infer/inference.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <chrono>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/committee.hpp"
#include "spikesmith/infer/embedded_training.hpp"
#include "spikesmith/infer/losses.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/infer/training_checkpoint.hpp"

namespace spikesmith {

namespace {

// Of a committee whose members know ratios only.
constexpr std::size_t most_judged = 1000;  // simulations
constexpr std::size_t judging_contrasts = 99;
constexpr std::uint64_t judging_key = (std::uint64_t{1} << 40) - 1;

// Weight of the likelihood of the prior's simulations beside the atomic loss: atoms see densities, so that mass spread where no proposal is
// costs nothing.
constexpr double ballast = 0.1;

std::uint64_t network_seed(std::uint64_t seed, std::uint64_t network) {
    Checksum mixed;
    mixed.add(seed);
    mixed.add(purpose(RandomPurpose::initial_weights, network));
    return mixed.value();
}

void check(const InferenceOptions& options) {
    if (options.ensemble == 0) throw ConfigError("an ensemble needs at least one network");
    if (options.density_estimators.empty() || options.classifiers.empty())
        throw ConfigError("at least one kind of network is needed");
    if (options.num_atoms < 2) throw ConfigError("num_atoms must be at least 2");
    if (options.num_classes < 1) throw ConfigError("num_classes must be at least 1");
    if (!(options.gamma > 0 && std::isfinite(options.gamma)))
        throw ConfigError(fmt::format("gamma must be positive, but is {}", options.gamma));
    if (options.method == InferenceMethod::snle && options.embedding.kind != nets::EmbeddingKind::identity) {
        throw ConfigError(
            "an embedding of the data is of no use in likelihood estimation, whose density is over the data",
            "use SNPE or SNRE, or features");
    }
}

// Everything that the networks of one training share.
struct Task {
    const InferenceOptions* options;
    const TrainingOptions* training;
    const TrainingControl* control;
    TrainingSplit split;
    std::mutex mutex;  // of progress
    std::size_t networks = 0;
};

std::uint64_t identity_of(std::span<const std::byte> network, std::span<const float> parameters, const Array2& theta,
                          const Array2& x, const Task& task, std::uint64_t losses) {
    Checksum sum;
    sum.add(losses);
    sum.add(std::uint64_t{network.size()});
    for (const std::byte b : network) sum.add(static_cast<std::uint64_t>(b));
    for (const float parameter : parameters) sum.add(static_cast<double>(parameter));
    sum.add(theta.values);
    sum.add(x.values);
    for (const std::uint64_t value :
         {std::uint64_t{task.training->training_batch_size}, std::uint64_t{task.training->stop_after_epochs},
          std::uint64_t{task.training->max_num_epochs}, task.training->seed, std::uint64_t{task.options->num_atoms},
          std::uint64_t{task.options->num_classes}}) {
        sum.add(value);
    }
    for (const std::uint32_t i : task.split.validation) sum.add(std::uint64_t{i});
    for (const double value : {task.training->learning_rate, task.training->validation_fraction,
                               task.training->clip_max_norm, task.training->final_learning_rate, task.options->gamma}) {
        sum.add(value);
    }
    return sum.value();
}

// Trains one network with its checkpoints; `number` counts the networks.
TrainingState train_one(std::span<float> parameters, const BatchLoss& loss, std::size_t number, std::uint64_t identity,
                        Task& task) {
    const std::filesystem::path file = task.control->checkpoint.empty()
                                           ? std::filesystem::path()
                                           : task.control->checkpoint / fmt::format("network_{}.state", number + 1);
    using Clock = std::chrono::steady_clock;
    auto flushed = Clock::now();
    const auto after_epoch = [&](const TrainingState& state) {
        if (!file.empty()) {
            const double since = std::chrono::duration<double>(Clock::now() - flushed).count();
            const bool flush = state.finished || since >= task.control->flush_seconds;
            write_checkpoint(file, identity, state, flush);
            if (flush) flushed = Clock::now();
        }
        if (!task.control->progress) return;
        const std::scoped_lock lock(task.mutex);
        task.control->progress(number, task.networks, state);
    };
    return train_network(parameters, loss, task.split, *task.training, number, read_checkpoint(file, identity),
                         after_epoch, task.control->cancelled);
}

std::size_t contrasts_of(const InferenceOptions& options, bool atomic, std::size_t available) {
    std::size_t wanted = 0;
    if (options.method == InferenceMethod::snre_a) wanted = 1;
    if (options.method == InferenceMethod::snre_b || (options.method == InferenceMethod::snpe && atomic))
        wanted = options.num_atoms - 1;
    if (options.method == InferenceMethod::snre_c) wanted = 2 * options.num_classes - 1;
    return std::min(wanted, available);
}

// The loss of a mixture density network on simulations of the prior (0) and of mixtures (their number plus one). The network stays alive
// as long as the loss.
BatchLoss closed_form_loss(const nets::ConditionalDensity& network, const nets::TrainingData& data,
                           std::span<const std::uint32_t> mixture_of_sample,
                           const std::vector<std::shared_ptr<const MixtureProposal>>& mixtures,
                           nets::Workspace& workspace) {
    auto corrected = std::make_shared<std::vector<CorrectedMixtureLoss>>();
    for (const auto& mixture : mixtures) corrected->emplace_back(*mixture, network.specification().theta_scale);
    return [&network, &data, mixture_of_sample, &workspace, corrected = std::move(corrected)](
               std::span<const std::uint32_t> samples, std::uint64_t key, std::span<float> gradient) {
        const double weight = 1 / static_cast<double>(samples.size());
        const nets::MixtureLoss loss = [&](std::size_t row, const nets::GaussianMixture& mixture,
                                           std::span<const float> z, nets::GaussianMixture& derivatives) {
            const std::uint32_t i = samples[row];
            const std::uint32_t which = mixture_of_sample[i];
            const double value = which == 0 ? mixture_likelihood_loss(mixture, z, weight, derivatives)
                                            : (*corrected)[which - 1](mixture, z, weight, derivatives);
            return value - weight * data.log_volume_change[i];
        };
        return network.accumulate_mixtures(data, samples, loss, gradient, workspace, gradient.empty() ? 0 : key + 1);
    };
}

bool lacks(double value) {
    return !std::isfinite(value);
}

// Parameters with a constant density between two bounds, or of their logarithm.
std::vector<std::size_t> flat_dimensions(const Prior& prior) {
    std::vector<std::size_t> result;
    for (std::size_t d = 0; d < prior.dimension(); ++d) {
        const Distribution::Kind& kind = prior.parameters()[d].distribution.kind();
        if (std::holds_alternative<UniformDistribution>(kind) || std::holds_alternative<LogUniformDistribution>(kind))
            result.push_back(d);
    }
    return result;
}

}  // namespace

// What the networks learn from.
struct Inference::LearningSet {
    Array2 u;
    Array2 x;                       // columns as the networks see them
    std::size_t inside = 0;         // the region: the first rows; only these validate
    std::vector<std::size_t> rows;  // of all simulations
    std::vector<std::uint8_t> from_prior;
    std::vector<std::uint32_t> mixture;  // as Inference::mixture_of_row_; empty: no mixture was proposed from
    std::vector<std::size_t> described;  // likelihood: the features in x
    bool knows_missing = false;
    // every row that was looked at, and whether it lacks what the observation lacks; empty if all do
    Array2 all_u;
    std::vector<std::uint8_t> complete;
};

Inference::Inference(Prior prior, InferenceOptions options) : prior_(std::move(prior)), options_(std::move(options)) {
    check(options_);
}

void Inference::append(Simulations simulations, SimulatedFrom from, std::shared_ptr<const MixtureProposal> mixture) {
    if (simulations.theta.rows == 0) throw DataError("no simulations were given");
    require_inside(prior_, simulations.theta);
    mark_missing(simulations.x);
    if (count_missing(simulations.x).failed == simulations.x.rows) {
        throw DataError(fmt::format("all {} simulations failed: not one has a single feature", simulations.x.rows),
                        "check the model, the prior and the features");
    }
    const std::uint32_t next = simulations_.size() == 0 ? 0 : simulations_.round.back() + 1;
    simulations.round.assign(simulations.theta.rows, from == SimulatedFrom::prior ? 0 : std::max(1u, next));
    if (from == SimulatedFrom::proposal && options_.method == InferenceMethod::snpe &&
        options_.missing != MissingPolicy::mask && count_missing(simulations.x).incomplete > 0) {
        throw ConfigError("leaving out incomplete simulations of a proposal would bias the posterior",
                          "use the policy `mask`, or truncated proposals");
    }
    simulations_.append(simulations);
    if (from != SimulatedFrom::proposal) mixture.reset();
    if (mixture) mixtures_.push_back(mixture);
    mixture_of_row_.resize(simulations_.size(), mixture ? static_cast<std::uint32_t>(mixtures_.size()) : 0);
    const bool corrects = options_.method == InferenceMethod::snpe && options_.closed_form &&
                          options_.embedding.kind != nets::EmbeddingKind::torchscript &&
                          std::ranges::all_of(options_.density_estimators,
                                              [](nets::DensityKind kind) { return kind == nets::DensityKind::mdn; });
    atomic_ = atomic_ || (from == SimulatedFrom::proposal && !(mixture && corrects));
}

std::shared_ptr<const Estimator> Inference::estimator() const {
    if (!estimator_) throw ConfigError("there is no posterior before the first training");
    return estimator_;
}

Inference::LearningSet Inference::learning_set(const TrainingOptions& training, std::span<const double> observation,
                                               MissingCounts& missing) const {
    const bool discards = training.discard_prior_samples.value_or(options_.discard_prior_samples);
    const bool later_rounds = std::ranges::any_of(simulations_.round, [](std::uint32_t round) { return round > 0; });
    const Array2 u = prior_.to_normal(simulations_.theta);
    std::vector<std::size_t> rows, outside;
    const std::vector<std::uint8_t> inside = region_ ? region_(u) : std::vector<std::uint8_t>(u.rows, 1);
    for (std::size_t i = 0; i < simulations_.size(); ++i) {
        if (discards && later_rounds && simulations_.round[i] == 0) continue;
        (inside[i] != 0 ? rows : outside).push_back(i);
    }
    const std::size_t n_inside = rows.size();
    // A likelihood is the same wherever parameters are from.
    if (options_.method == InferenceMethod::snle) rows.insert(rows.end(), outside.begin(), outside.end());
    const Simulations used = simulations_.select(rows);
    missing = count_missing(used.x);

    const std::size_t features = used.x.columns;
    std::vector<std::uint8_t> observed(features, 1);
    if (!observation.empty()) {
        if (observation.size() != features) {
            throw DataError(fmt::format("the observation has {} values, but simulations have {} features",
                                        observation.size(), features));
        }
        for (std::size_t c = 0; c < features; ++c) observed[c] = lacks(observation[c]) ? 0 : 1;
    }
    const bool observed_all = std::ranges::all_of(observed, [](std::uint8_t o) { return o != 0; });
    if (options_.missing != MissingPolicy::mask && !observed_all)
        throw DataError("the observation lacks features", "use the policy `mask` for missing features");

    LearningSet set;
    const bool by_pattern = options_.missing != MissingPolicy::mask || options_.method == InferenceMethod::snle;
    std::vector<std::size_t> learned;
    set.complete.assign(used.size(), 1);
    for (std::size_t i = 0; i < used.size(); ++i) {
        for (std::size_t c = 0; c < features; ++c) {
            if ((observed[c] != 0) == lacks(used.x(i, c))) set.complete[i] = 0;
        }
        if (by_pattern && set.complete[i] == 0) continue;
        learned.push_back(i);
        set.rows.push_back(rows[i]);
        if (i < n_inside) ++set.inside;
    }
    missing.dropped = used.size() - learned.size();
    const Simulations kept = used.select(learned);
    if (kept.size() < 2) {
        throw DataError(
            fmt::format("only {} of {} simulations can be learned from", kept.size(), used.size()),
            "most lack features, or none has those of the observation; more simulations or other features are needed");
    }
    set.u = prior_.to_normal(kept.theta);
    for (const std::uint32_t round : kept.round) set.from_prior.push_back(round == 0 ? 1 : 0);
    if (!atomic_ && !mixtures_.empty()) {
        for (const std::size_t i : learned) set.mixture.push_back(mixture_of_row_[rows[i]]);
    }
    set.knows_missing = !by_pattern && missing.incomplete > 0;
    set.x = kept.x;
    if (options_.method == InferenceMethod::snle && !observed_all) {
        for (std::size_t c = 0; c < features; ++c) {
            if (observed[c] != 0) set.described.push_back(c);
        }
        if (set.described.empty()) throw DataError("the observation lacks every feature");
        set.x = Array2(kept.size(), set.described.size());
        for (std::size_t i = 0; i < kept.size(); ++i) {
            for (std::size_t k = 0; k < set.described.size(); ++k) set.x(i, k) = kept.x(i, set.described[k]);
        }
    }
    if (by_pattern && missing.dropped > 0) {
        set.all_u = prior_.to_normal(used.theta);
    } else {
        set.complete.clear();
    }
    return set;
}

void Inference::mark_validation(const TrainingOptions& training) {
    if (marked_fraction_ != training.validation_fraction) validates_.clear();
    marked_fraction_ = training.validation_fraction;
    const std::size_t marked = validates_.size();
    validates_.resize(simulations_.size(), 0);
    if (validates_.size() < marked + 2) return;
    const TrainingSplit added = split_samples(validates_.size() - marked, training.validation_fraction, training.seed);
    for (const std::uint32_t i : added.validation) validates_[marked + i] = 1;
}

TrainingSplit Inference::split(const LearningSet& set) const {
    if (set.inside < 2)
        throw DataError(fmt::format("{} complete simulations are too few to train a network", set.inside));
    TrainingSplit result;
    for (std::size_t i = 0; i < set.inside; ++i)
        (validates_[set.rows[i]] != 0 ? result.validation : result.training).push_back(static_cast<std::uint32_t>(i));
    // small sets may lack one or the other
    const auto give_one = [](std::vector<std::uint32_t>& from, std::vector<std::uint32_t>& to) {
        to.push_back(from.back());
        from.pop_back();
    };
    if (result.validation.empty()) give_one(result.training, result.validation);
    if (result.training.empty()) give_one(result.validation, result.training);
    for (std::size_t i = set.inside; i < set.u.rows; ++i) result.training.push_back(static_cast<std::uint32_t>(i));
    return result;
}

TrainingReport Inference::train(const TrainingOptions& training, const TrainingControl& control,
                                std::span<const double> observation) {
    check(training);
    const auto start = std::chrono::steady_clock::now();
    TrainingReport report;
    LearningSet set = learning_set(training, observation, report.missing);
    report.simulations = set.u.rows;
    if (!control.checkpoint.empty()) std::filesystem::create_directories(control.checkpoint);

    mark_validation(training);
    Task task{.options = &options_, .training = &training, .control = &control, .split = split(set)};
    for (const std::uint32_t i : task.split.validation) report.validation.push_back(set.rows[i]);
    const bool ratio = options_.method != InferenceMethod::snpe && options_.method != InferenceMethod::snle;
    const bool likelihood = options_.method == InferenceMethod::snle;
    const std::size_t kinds = ratio ? options_.classifiers.size() : options_.density_estimators.size();
    const std::size_t members = kinds * options_.ensemble;
    task.networks = members + (set.complete.empty() ? 0 : 1);

    const bool atomic = options_.method == InferenceMethod::snpe && atomic_;
    const bool contrastive = atomic_ && !likelihood;
    const bool anew = training.retrain_from_scratch.value_or(options_.retrain_from_scratch.value_or(!contrastive));
    const bool warm = !anew && estimator_ && estimator_->members.size() == members &&
                      estimator_->described == set.described && estimator_->knows_missing == set.knows_missing;
    // Coordinates and scales from the training split only.
    FeatureTransform transform;
    if (options_.transform_x && options_.z_score_x == nets::ZScore::independent) {
        const FeatureTransform measured = measure_transform(set.x, task.split.training);
        if (likelihood) add_spacing_noise(set.x, measure_spacing(set.x, task.split.training), training.seed);
        transform = warm ? estimator_->transform : measured.of_features(set.described, simulations_.x.columns);
        transform.apply(set.x, set.described);
    }
    const auto rows_of = [&](const Array2& array) {
        std::vector<double> rows;
        for (const std::uint32_t i : task.split.training)
            rows.insert(rows.end(), array.row(i).begin(), array.row(i).end());
        return rows;
    };
    const std::vector<double> u_rows = rows_of(set.u);
    const nets::Standardization u_scale = nets::measure(u_rows, set.u.columns, options_.z_score_theta);
    std::vector<double> x_rows = rows_of(set.x);
    for (std::size_t c = 0; c < set.x.columns; ++c) {
        // a feature that no simulation has gets the scale of a constant; the networks see that it is missing
        bool never = true;
        for (std::size_t k = c; k < x_rows.size(); k += set.x.columns) never = never && lacks(x_rows[k]);
        for (std::size_t k = c; never && k < x_rows.size(); k += set.x.columns) x_rows[k] = 0;
    }
    const nets::Standardization x_scale = nets::measure(x_rows, set.x.columns, options_.z_score_x);

    std::vector<double> log_prior;  // of u, for the atomic loss
    if (options_.method == InferenceMethod::snpe && atomic_) {
        for (std::size_t i = 0; i < set.u.rows; ++i) {
            double sum = 0;
            for (const double value : set.u.row(i)) sum += normal_log_density(value);
            log_prior.push_back(sum);
        }
    }
    const std::uint64_t loss_kind = static_cast<std::uint64_t>(options_.method) * 4 + (atomic_ ? 3004 : 0) +
                                    (options_.use_combined_loss ? 1 : 0) + (set.mixture.empty() ? 0 : 2000);

    Estimator estimator{.role = ratio        ? EstimatorRole::ratio
                                : likelihood ? EstimatorRole::likelihood
                                             : EstimatorRole::posterior,
                        .parameters = set.u.columns,
                        .features = simulations_.x.columns,
                        .members = {},
                        .described = set.described,
                        .knows_missing = set.knows_missing,
                        .transform = std::move(transform)};
    for (std::size_t k = 0; k < members; ++k) {
        if (warm) {
            estimator.members.push_back(estimator_->members[k]);
            continue;
        }
        const std::uint64_t seed = network_seed(training.seed, k);
        std::optional<TorchEmbedding> own;  // stands between the scales of x and the network
        if (options_.embedding.kind == nets::EmbeddingKind::torchscript)
            own.emplace(options_.embedding, set.x.columns, x_scale, set.knows_missing);
        const std::size_t seen = own ? own->outputs() : set.x.columns;
        const nets::Standardization seen_scale = own ? nets::Standardization{} : x_scale;
        const nets::Embedding embedding = own ? nets::Embedding{} : options_.embedding;
        const bool mask_missing = set.knows_missing && !own;
        if (ratio) {
            const nets::ClassifierKind kind = options_.classifiers[k % kinds];
            estimator.members.push_back({.kind = nets::name_of(kind),
                                         .network = nets::RatioEstimator({.kind = kind,
                                                                          .theta_dimensions = set.u.columns,
                                                                          .x_dimensions = seen,
                                                                          .options = options_.classifier,
                                                                          .theta_scale = u_scale,
                                                                          .x_scale = seen_scale,
                                                                          .embedding = embedding,
                                                                          .mask_missing = mask_missing},
                                                                         seed)});
        } else {
            const nets::DensityKind kind = options_.density_estimators[k % kinds];
            nets::DensitySpecification what{.kind = kind,
                                            .theta_dimensions = likelihood ? set.x.columns : set.u.columns,
                                            .x_dimensions = likelihood ? set.u.columns : seen,
                                            .options = options_.density,
                                            .theta_scale = likelihood ? x_scale : u_scale,
                                            .x_scale = likelihood ? u_scale : seen_scale,
                                            .mask_missing = mask_missing};
            if (!likelihood) what.embedding = embedding;
            if (!likelihood && kind == nets::DensityKind::made) {
                what.cut = flat_dimensions(prior_);
                what.theta_scale = nets::measure_inside({}, u_rows, set.u.columns, options_.z_score_theta, what.cut);
            }
            estimator.members.push_back({.kind = nets::name_of(kind), .network = nets::ConditionalDensity(what, seed)});
        }
        estimator.members.back().embedding = std::move(own);
    }

    // Posteriors that learned from proposals in closed form are judged where parameters are from the prior.
    std::vector<std::uint32_t> judging;
    for (const std::uint32_t i : task.split.validation) {
        const bool proposed = options_.method == InferenceMethod::snpe && !set.mixture.empty();
        if (!proposed || set.from_prior[i] != 0) judging.push_back(i);
    }
    std::vector<std::uint32_t> alternatives;
    if (atomic) {
        const std::size_t judged = std::min(judging.size(), most_judged);  // from all rounds
        for (std::size_t k = 0; k < judged; ++k) judging[k] = judging[k * judging.size() / judged];
        judging.resize(judged);
        draw_candidates(judging, std::min(judging.size() - 1, judging_contrasts), training.seed, judging_key,
                        alternatives);
    }
    std::vector<TrainingState> states(members);
    Judgement judgement;
    judgement.truth.resize(members);
    if (atomic) judgement.all.resize(members);
    const auto train_member = [&](std::size_t k) {
        std::visit(
            [&](auto& network) {
                std::optional<TorchEmbedding>& embedding = estimator.members[k].embedding;
                EmbeddedTraining trained(network.parameters(), embedding, set.x);
                const Array2 seen = embedding ? Array2(set.x.rows, embedding->outputs()) : set.x;
                nets::TrainingData data = likelihood ? network.prepare(set.x.values, set.u.values)
                                                     : network.prepare(set.u.values, seen.values);
                nets::Workspace workspace;
                std::vector<std::uint32_t> candidates;
                const auto batch_loss = [&](std::span<const std::uint32_t> samples, std::uint64_t key,
                                            std::span<float> gradient, bool neighbours) {
                    const std::size_t contrasts = contrasts_of(options_, atomic_, samples.size() - 1);
                    if (neighbours)
                        draw_neighbours(samples, set.u, contrasts, network_seed(training.seed, k), key, candidates);
                    else
                        draw_candidates(samples, contrasts, network_seed(training.seed, k), key, candidates);
                    nets::Minibatch batch{
                        .x = samples, .theta = candidates, .dropout_key = gradient.empty() ? 0 : key + 1};
                    trained.forward(batch);
                    nets::PairLoss pair_loss;
                    if (contrasts == 0) {
                        pair_loss = nets::likelihood_loss(batch);
                    } else if (options_.method == InferenceMethod::snre_a) {
                        pair_loss = binary_loss(samples.size());
                    } else if (options_.method == InferenceMethod::snre_c) {
                        pair_loss = contrastive_class_loss(samples.size(), (contrasts + 1) / 2, options_.gamma);
                    } else if (options_.method == InferenceMethod::snpe) {
                        pair_loss = nets::contrastive_loss(batch, log_prior, set.from_prior,
                                                           options_.use_combined_loss ? 1 : ballast);
                    } else {
                        pair_loss = nets::contrastive_loss(batch);
                    }
                    const double value =
                        network.accumulate(data, batch, pair_loss, trained.of_network(gradient), workspace);
                    trained.backward(gradient);
                    return value;
                };
                // Atoms are random ones and neighbours, in turn.
                BatchLoss loss = [&](std::span<const std::uint32_t> samples, std::uint64_t key,
                                     std::span<float> gradient) {
                    if (!atomic) return batch_loss(samples, key, gradient, false);
                    if (!gradient.empty()) return batch_loss(samples, key, gradient, std::popcount(key) % 2 == 1);
                    return (batch_loss(samples, key, {}, false) + batch_loss(samples, key, {}, true)) / 2;
                };
                constexpr bool density = std::is_same_v<std::decay_t<decltype(network)>, nets::ConditionalDensity>;
                if constexpr (density) {
                    if (!set.mixture.empty()) {
                        loss = closed_form_loss(network, data, set.mixture, mixtures_, workspace);
                    }
                }
                const std::span<float> parameters = trained.parameters();
                states[k] = train_one(parameters, loss, k,
                                      identity_of(network.save(), parameters, set.u, set.x, task, loss_kind), task);
                trained.finish(data);
                if constexpr (density) {
                    judgement.truth[k].resize(judging.size());
                    if (atomic) {
                        judgement.all[k].resize(judging.size());
                        const nets::Minibatch batch{.x = judging, .theta = alternatives};
                        const nets::PairLoss note = noting_loss(batch, log_prior, judgement.truth[k], judgement.all[k]);
                        (void)network.accumulate(data, batch, note, {}, workspace);
                    } else {
                        network.log_prob(data, judging, judgement.truth[k], workspace);
                    }
                }
            },
            estimator.members[k].network);
    };
    std::optional<nets::RatioEstimator> completeness;
    const auto train_completeness = [&] {
        completeness.emplace(
            nets::RatioSpecification{.kind = nets::ClassifierKind::mlp,
                                     .theta_dimensions = set.all_u.columns,
                                     .x_dimensions = 1,
                                     .theta_scale = nets::measure(set.all_u.values, set.all_u.columns)},
            network_seed(training.seed, members));
        const Array2 nothing(set.all_u.rows, 1);
        const nets::TrainingData data = completeness->prepare(set.all_u.values, nothing.values);
        nets::Workspace workspace;
        const BatchLoss loss = [&](std::span<const std::uint32_t> samples, std::uint64_t, std::span<float> gradient) {
            const nets::Minibatch batch{.x = samples, .theta = samples};
            return completeness->accumulate(data, batch, label_loss(samples, set.complete), gradient, workspace);
        };
        Task own{.options = &options_,
                 .training = &training,
                 .control = &control,
                 .split = split_samples(set.all_u.rows, training.validation_fraction, training.seed),
                 .networks = task.networks};
        Array2 labels(set.complete.size(), 1);
        for (std::size_t i = 0; i < set.complete.size(); ++i) labels(i, 0) = set.complete[i];
        train_one(completeness->parameters(), loss, members,
                  identity_of(completeness->save(), completeness->parameters(), set.all_u, labels, own, 1000), own);
    };
    tbb::parallel_for(std::size_t{0}, task.networks,
                      [&](std::size_t k) { k < members ? train_member(k) : train_completeness(); });

    // Who counts how much.
    if (!ratio) {
        const std::vector<double> weights = committee_weights(judgement);
        for (std::size_t k = 0; k < members; ++k) estimator.members[k].weight = weights[k];
    } else {
        std::vector<double> mean_loss(kinds, 0.0);
        for (std::size_t k = 0; k < members; ++k) mean_loss[k % kinds] += states[k].best_validation_loss;
        const auto best = static_cast<std::size_t>(std::ranges::min_element(mean_loss) - mean_loss.begin());
        for (std::size_t k = 0; k < members; ++k)
            estimator.members[k].weight = k % kinds == best ? 1 / static_cast<double>(options_.ensemble) : 0;
    }
    for (std::size_t k = 0; k < members; ++k) {
        TrainedNetwork& member = estimator.members[k];
        member.validation_loss = states[k].best_validation_loss;
        member.epochs = states[k].epoch;
        report.networks.push_back({.kind = member.kind,
                                   .weight = member.weight,
                                   .validation_loss = member.validation_loss,
                                   .epochs = member.epochs,
                                   .training_losses = std::move(states[k].training_loss),
                                   .validation_losses = std::move(states[k].validation_loss)});
    }
    estimator.completeness = std::move(completeness);
    estimator_ = std::make_shared<const Estimator>(std::move(estimator));
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

std::string TrainingReport::summary() const {
    std::string text = fmt::format("trained on {} simulations in {:.1f} s", simulations, seconds);
    if (const std::string counts = missing.summary(); !counts.empty()) text += "; " + counts;
    for (const NetworkReport& network : networks) {
        text += fmt::format("\n  {:<7} validation loss {:9.4f} after {} epochs, weight {:.2f}", network.kind,
                            network.validation_loss, network.epochs, network.weight);
    }
    return text;
}

InferenceMethod inference_method(std::string_view name) {
    std::string upper;
    for (const char c : name) upper += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (upper.starts_with("N")) upper = "S" + upper;
    if (upper == "SNPE" || upper == "SNPE_C") return InferenceMethod::snpe;
    if (upper == "SNLE" || upper == "SNLE_A") return InferenceMethod::snle;
    if (upper == "SNRE_A") return InferenceMethod::snre_a;
    if (upper == "SNRE" || upper == "SNRE_B") return InferenceMethod::snre_b;
    if (upper == "SNRE_C") return InferenceMethod::snre_c;
    throw ConfigError(fmt::format("unknown inference method `{}`", name),
                      did_you_mean(upper, {"SNPE", "SNLE", "SNRE", "SNRE_A", "SNRE_B", "SNRE_C", "AUTO"}));
}

std::string name_of(InferenceMethod method) {
    switch (method) {
        case InferenceMethod::snpe:
            return "SNPE";
        case InferenceMethod::snle:
            return "SNLE";
        case InferenceMethod::snre_a:
            return "SNRE_A";
        case InferenceMethod::snre_b:
            return "SNRE_B";
        case InferenceMethod::snre_c:
            return "SNRE_C";
    }
    return {};
}

}  // namespace spikesmith
