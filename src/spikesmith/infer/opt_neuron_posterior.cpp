#include "spikesmith/infer/opt_neuron_posterior.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

constexpr std::size_t block = 64;                            // simulations whose records are held at once
constexpr std::uint64_t predictive_simulations = 1U << 30U;  // numbers of noise beyond those of training

Prior prior_of(const OptNeuron& neuron, const std::vector<ParameterPrior>& given) {
    const std::vector<ParameterRange>& ranges = neuron.variables().space().ranges();
    std::vector<ParameterPrior> result;
    for (const ParameterRange& range : ranges) {
        if (range.integer)
            throw ConfigError(fmt::format("`{}` is a whole number, of which there is no density", range.name),
                              "fix it, or fit it with another method");
        const auto found = std::ranges::find(given, range.name, &ParameterPrior::name);
        if (found != given.end()) {
            result.push_back(*found);
        } else if (!given.empty()) {
            throw ConfigError(fmt::format("the variable `{}` has no prior", range.name),
                              "give one for every fitted variable, or none at all");
        } else {
            const auto known = neuron.options().model.find(range.name);
            const Dimension dimension = known ? known->dimension : Dimension{};
            result.push_back({range.name, dimension,
                              range.scale == Scale::linear
                                  ? Distribution(UniformDistribution{range.low, range.high})
                                  : Distribution(LogUniformDistribution{range.low, range.high})});
        }
    }
    for (const ParameterPrior& prior : given) {
        if (std::ranges::find(ranges, prior.name, &ParameterRange::name) == ranges.end())
            throw ConfigError(fmt::format("there is a prior of `{}`, which is not fitted", prior.name),
                              did_you_mean(prior.name, names_of(ranges)));
    }
    return Prior(std::move(result));
}

// Simulates and summarises.
class Summarizer {
  public:
    Summarizer(OptNeuron& neuron, const OptNeuronPosteriorOptions& options)
        : neuron_(&neuron),
          options_(&options),
          summary_(options.summary ? options.summary : RecordSummary(summary_of_record)),
          target_(summary_(neuron.target())) {
        if (target_.empty())
            throw ConfigError("the summary of the target has no numbers", "record something, or give a summary");
        names_ = summary_names(neuron.target());
        if (options.summary || names_.size() != target_.size()) {
            names_.clear();
            for (std::size_t k = 0; k < target_.size(); ++k) names_.push_back(fmt::format("summary {}", k));
        }
    }

    // All numbers of rows of theta; row i has the noise of simulation first + i.
    [[nodiscard]] Array2 all(const Array2& theta, std::uint64_t first) {
        Array2 result(theta.rows, target_.size());
        for (std::size_t row = 0; row < theta.rows; row += block) {
            const std::size_t n = std::min(block, theta.rows - row);
            Array2 part(n, theta.columns);
            for (std::size_t r = 0; r < n; ++r) std::ranges::copy(theta.row(row + r), part.row(r).begin());
            std::vector<std::string> failures;
            const SimulationRecord record = neuron_->record(part, first + row, options_->control.cancelled, &failures);
            summarize(record, row, result);
            for (std::size_t r = 0; r < n; ++r) {
                if (failures[r].empty()) continue;
                std::ranges::fill(result.row(row + r), std::numeric_limits<double>::quiet_NaN());
                ++failures_[failures[r]];
            }
            simulated_ += n;
            if (options_->progress) options_->progress(simulated_);
        }
        return result;
    }

    // Leaves out what is the same, or missing, in all rows.
    void choose(const Array2& x, std::vector<std::string>& warnings) {
        std::vector<std::size_t> sound;  // rows of simulations that did not fail
        for (std::size_t row = 0; row < x.rows; ++row) {
            if (!std::ranges::all_of(x.row(row), [](double value) { return std::isnan(value); })) sound.push_back(row);
        }
        if (sound.empty()) throw DataError("every simulation of the prior failed", failures());
        for (std::size_t column = 0; column < x.columns; ++column) {
            const double first = x(sound.front(), column);
            const bool varies = std::ranges::any_of(sound, [&](std::size_t row) {
                const double value = x(row, column);
                return std::isnan(value) != std::isnan(first) || (!std::isnan(value) && value != first);
            });
            if (varies) {
                kept_.push_back(column);
                continue;
            }
            if (first != target_[column] && !(std::isnan(first) && std::isnan(target_[column]))) {
                warnings.push_back(fmt::format("{} is {:g} in all simulations of the prior, but {:g} in the target",
                                               names_[column], first, target_[column]));
            }
        }
        if (kept_.empty())
            throw DataError("all simulations give the same record", "do the fitted variables act on what is recorded?");
    }

    [[nodiscard]] Array2 kept(const Array2& x) const {
        Array2 result(x.rows, kept_.size());
        for (std::size_t row = 0; row < x.rows; ++row) {
            for (std::size_t k = 0; k < kept_.size(); ++k) result(row, k) = x(row, kept_[k]);
        }
        return result;
    }

    // How many simulations failed, and why; empty if none did.
    [[nodiscard]] std::string failures() const {
        std::vector<std::string> causes;
        for (const auto& [cause, count] : failures_) causes.push_back(fmt::format("in {} of them {}", count, cause));
        return causes.empty() ? std::string{}
                              : fmt::format("of {} simulations, {}", simulated_, fmt::join(causes, ", "));
    }

    [[nodiscard]] std::vector<double> observation() const {
        std::vector<double> result;
        for (const std::size_t column : kept_) result.push_back(target_[column]);
        return result;
    }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const std::size_t column : kept_) result.push_back(names_[column]);
        return result;
    }

  private:
    void summarize(const SimulationRecord& record, std::size_t first_row, Array2& result) const {
        const auto one = [&](std::size_t c) {
            const std::vector<double> numbers = summary_(record.candidate(c));
            if (numbers.size() != target_.size()) {
                throw ConfigError(fmt::format("the summary of a candidate has {} numbers, that of the target {}",
                                              numbers.size(), target_.size()),
                                  "both must have recorded the same, in as many chunks");
            }
            std::ranges::copy(numbers, result.row(first_row + c).begin());
        };
        if (neuron_->options().serial_loss) {
            for (std::size_t c = 0; c < record.n_candidates; ++c) one(c);
            return;
        }
        oneapi::tbb::task_arena arena;
        if (neuron_->options().threads > 0) arena.initialize(neuron_->options().threads);
        arena.execute([&] { oneapi::tbb::parallel_for(std::size_t{0}, record.n_candidates, one); });
    }

    OptNeuron* neuron_;
    const OptNeuronPosteriorOptions* options_;
    RecordSummary summary_;
    std::vector<double> target_;
    std::vector<std::string> names_;
    std::vector<std::size_t> kept_;
    std::size_t simulated_ = 0;
    std::map<std::string, std::size_t> failures_;  // by cause
};

struct Learned {
    std::shared_ptr<const Estimator> estimator;
    std::vector<TrainingReport> reports;
    std::string method;
};

Learned learn(const Prior& prior, Summarizer& summarizer, const Array2& theta, const Array2& x,
              const SequentialOptions& options, bool automatic) {
    const std::vector<double> observation = summarizer.observation();
    if (automatic) {
        AutomaticResult chosen = infer_automatically(
            prior, {theta, summarizer.kept(x), {}}, observation,
            {.inference = options.inference, .training = options.training, .control = options.control});
        Learned learned{.estimator = chosen.estimator, .reports = {}, .method = name_of(chosen.method)};
        for (AutomaticResult::Candidate& candidate : chosen.candidates) {
            if (candidate.method == chosen.method) learned.reports.push_back(std::move(candidate.report));
        }
        return learned;
    }
    // The first round has been simulated already.
    const Simulator simulator = [&](const Array2& rows, std::uint64_t first) {
        return first == 0 && rows.values == theta.values ? summarizer.kept(x)
                                                         : summarizer.kept(summarizer.all(rows, first));
    };
    SequentialResult result = infer_sequentially(prior, simulator, observation, options);
    return {.estimator = std::move(result.estimator),
            .reports = std::move(result.reports),
            .method = name_of(options.inference.method)};
}

}  // namespace

OptNeuronPosterior infer_opt_neuron(OptNeuron& neuron, const OptNeuronPosteriorOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    if (neuron.target().chunks.empty())
        throw ConfigError("a posterior needs a target that is recorded", "give a target model or a target record");
    if (neuron.options().noise == NoiseStreams::common) {
        throw ConfigError("a posterior needs independent noise: with common noise all simulations have the same chance",
                          "leave the noise independent");
    }
    if (options.n_samples == 0) throw ConfigError("n_samples must be at least 1");
    if (options.automatic && options.n_rounds != 1)
        throw ConfigError("the automatic choice is for one round", "choose a method");
    const Prior prior = prior_of(neuron, options.prior);
    const std::uint64_t seed = neuron.options().seed;
    SequentialOptions sequential{.rounds = options.n_rounds,
                                 .simulations_per_round = options.n_simulations,
                                 .inference = options.inference,
                                 .training = options.training,
                                 .posterior = options.posterior,
                                 .seed = seed,
                                 .control = options.control};
    sequential.inference.seed = seed;
    sequential.training.seed += seed;

    std::vector<std::string> warnings;
    Summarizer summarizer(neuron, options);
    const Array2 theta =
        propose(prior, nullptr, nullptr, sequential.proposal, sequential.inference.method, options.n_simulations, seed)
            .theta;
    const Array2 x = summarizer.all(theta, 0);
    summarizer.choose(x, warnings);
    Learned learned = learn(prior, summarizer, theta, x, sequential, options.automatic);

    Posterior posterior(prior, learned.estimator, summarizer.observation(), options.posterior);
    Array2 samples = posterior.sample(options.n_samples, seed, {.cancelled = options.control.cancelled});
    Modes modes = posterior.map({.seed = seed}, {.cancelled = options.control.cancelled});
    if (modes.modes.empty()) throw NumericalError("the posterior has no mode that a search could find");
    OptNeuronPosterior result{.fit = neuron.result_at(modes.modes.front().theta),
                              .posterior = posterior,
                              .samples = std::move(samples),
                              .modes = std::move(modes),
                              .observation = summarizer.observation(),
                              .summary_names = summarizer.names(),
                              .reports = std::move(learned.reports),
                              .predictions = {}};
    if (options.assessed_draws > 0) {
        const Array2 draws =
            posterior.sample(options.assessed_draws, seed + 1, {.cancelled = options.control.cancelled});
        result.predictions = check_predictions(summarizer.kept(summarizer.all(draws, predictive_simulations)),
                                               result.observation, result.summary_names);
    }
    result.fit.method = "sbi";
    result.fit.optimizer =
        fmt::format("{}, {} simulations in {} {}", learned.method, options.n_simulations * options.n_rounds,
                    options.n_rounds, options.n_rounds == 1 ? "round" : "rounds");
    if (const std::string failures = summarizer.failures(); !failures.empty()) warnings.push_back(failures);
    result.fit.warnings.insert(result.fit.warnings.end(), warnings.begin(), warnings.end());
    result.fit.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

std::string OptNeuronPosterior::summary() const {
    std::string text = fmt::format("Mode of the posterior: loss {:.6g}\n", fit.loss);
    for (std::size_t j = 0; j < fit.best.size(); ++j) {
        std::vector<double> values;
        for (std::size_t row = 0; row < samples.rows; ++row) values.push_back(samples(row, j));
        std::ranges::sort(values);
        const auto quantile = [&](double share) {
            return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
        };
        text += fmt::format("{} = {:.6g}, 95 % within {:.6g} and {:.6g}\n", fit.best[j].first, fit.best[j].second,
                            quantile(0.025), quantile(0.975));
    }
    if (modes.modes.size() > 1) text += fmt::format("{} modes\n", modes.modes.size());
    if (predictions) text += predictions->summary() + "\n";
    return text;
}

}  // namespace spikesmith
