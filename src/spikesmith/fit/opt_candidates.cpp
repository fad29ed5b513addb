#include "spikesmith/fit/opt_candidates.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

constexpr double worth_waking = 1e-4;  // seconds

constexpr const char* infinite_sum = "the sum of the losses is NaN or infinite";

// Of a candidate whose states are all numbers: why its loss is none.
std::string failure_of(const std::vector<double>& parts, double total) {
    for (std::size_t k = 0; k < parts.size(); ++k) {
        if (std::isfinite(parts[k])) continue;
        return parts.size() == 1 ? "the loss is NaN or infinite"
                                 : fmt::format("part {} of the loss is NaN or infinite", k + 1);
    }
    return std::isfinite(total) ? "" : infinite_sum;
}

bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
    return std::ranges::equal(a, b, [](double x, double y) { return same(x, y); });
}

std::string difference_of_values(const SimulationRecord& a, const RecordedChunk& x, const RecordedChunk& y) {
    for (std::size_t v = 0; v < x.values.size(); ++v) {
        for (std::size_t candidate = 0; candidate < x.values[v].rows; ++candidate) {
            for (std::size_t s = 0; s < x.values[v].columns; ++s) {
                if (same(x.values[v](candidate, s), y.values[v](candidate, s))) continue;
                return fmt::format("sample {} of `{}` is {} and {}", s, a.variables[v], x.values[v](candidate, s),
                                   y.values[v](candidate, s));
            }
        }
    }
    return x.spike_steps == y.spike_steps ? std::string{} : std::string("the spikes differ");
}

// Candidates of `more` after those of `record`. Both have run the same experiment.
void append_candidates(SimulationRecord& record, const SimulationRecord& more) {
    record.n_candidates += more.n_candidates;
    if (record.chunks.size() != more.chunks.size())
        throw ConfigError("the experiment records more chunks of some candidates than of others",
                          "recording and resets must not depend on the candidates");
    for (std::size_t k = 0; k < record.chunks.size(); ++k) {
        RecordedChunk& chunk = record.chunks[k];
        const RecordedChunk& next = more.chunks[k];
        for (std::size_t v = 0; v < chunk.values.size(); ++v) {
            if (chunk.values[v].columns != next.values[v].columns)
                throw ConfigError("the experiment records more samples of some candidates than of others",
                                  "recording and resets must not depend on the candidates");
            chunk.values[v].rows += next.values[v].rows;
            chunk.values[v].values.insert(chunk.values[v].values.end(), next.values[v].values.begin(),
                                          next.values[v].values.end());
        }
        chunk.spike_steps.insert(chunk.spike_steps.end(), next.spike_steps.begin(), next.spike_steps.end());
        for (auto& [name, values] : chunk.parameters) {
            if (const auto found = next.parameters.find(name); found != next.parameters.end())
                values.insert(values.end(), found->second.begin(), found->second.end());
        }
    }
}

// The first n candidates.
void keep_first(SimulationRecord& record, std::size_t n) {
    if (record.n_candidates <= n) return;
    const std::size_t lanes = record.n_candidates;
    record.n_candidates = n;
    for (RecordedChunk& chunk : record.chunks) {
        for (Array2& values : chunk.values) {
            values.rows = n;
            values.values.resize(n * values.columns);
        }
        if (chunk.spike_steps.size() > n) chunk.spike_steps.resize(n);
        for (auto& [name, values] : chunk.parameters) {
            if (values.size() == lanes) values.resize(n);
        }
    }
}

}  // namespace

std::string cause_of(const Divergence& divergence) {
    return fmt::format("the state `{}` became NaN or infinite in chunk {}", divergence.state, divergence.chunk + 1);
}

std::string difference_of(const SimulationRecord& a, const SimulationRecord& b, bool data) {
    if (a.chunks.size() != b.chunks.size())
        return fmt::format("there are {} and {} chunks", a.chunks.size(), b.chunks.size());
    for (std::size_t k = 0; k < a.chunks.size(); ++k) {
        const RecordedChunk& x = a.chunks[k];
        const RecordedChunk& y = b.chunks[k];
        const bool periods = x.start_step == y.start_step && x.end_step == y.end_step &&
                             std::ranges::equal(x.periods, y.periods, [](const auto& p, const auto& q) {
                                 return p.first_step == q.first_step && p.n_samples == q.n_samples;
                             });
        if (!periods) return fmt::format("chunk {} has other times", k);
        const std::string difference = difference_of_values(a, x, y);
        if (!difference.empty()) return fmt::format("in chunk {}, {}", k, difference);
    }
    if (data && !std::ranges::equal(a.data, b.data, [](const auto& x, const auto& y) {
            return x.first == y.first && same(x.second, y.second);
        })) {
        return "the data differ";
    }
    return {};
}

SimulationOptions simulation_options(const OptNeuronOptions& options, std::size_t candidates,
                                     const std::atomic<bool>* cancelled) {
    SimulationOptions result;
    result.n_candidates = candidates;
    result.dt = options.time_step;
    result.method = options.method;
    result.record = options.record;
    result.recording_interval = options.recording_interval;
    result.seed = options.seed;
    result.threads = options.threads;
    result.kernel = options.kernel;
    result.cancelled = cancelled;
    return result;
}

double OptCandidates::compile_seconds() const {
    double seconds = compiled_seconds_;
    for (const auto& [size, simulation] : simulations_) seconds += simulation.compile_seconds();
    return seconds;
}

Simulation& OptCandidates::simulation(std::size_t candidates, const std::atomic<bool>* cancelled) {
    if (cancelled != cancelled_) {
        compiled_seconds_ = compile_seconds();
        simulations_.clear();
        cancelled_ = cancelled;
    }
    const auto known = simulations_.find(candidates);
    if (known != simulations_.end()) return known->second;
    return simulations_
        .emplace(candidates, Simulation(options_->model, simulation_options(*options_, candidates, cancelled)))
        .first->second;
}

OptCandidates::Block OptCandidates::run_block(const Array2& fitted, std::size_t first_row, std::size_t n,
                                              std::size_t lanes, std::uint64_t first, std::uint64_t repetition,
                                              const std::atomic<bool>* cancelled) {
    if (cancelled != nullptr && cancelled->load()) throw Interrupted("the fit was stopped");
    Block block;
    block.failures.resize(n);
    Array2 values(variables_->size(), lanes);
    std::size_t sound = n;  // a candidate whose expressions all have values
    for (std::size_t c = 0; c < n; ++c) {
        const std::vector<double> all = variables_->complete(fitted.row(first_row + c));
        for (std::size_t j = 0; j < all.size(); ++j) {
            values(j, c) = all[j];
            if (!std::isfinite(all[j]) && block.failures[c].empty())
                block.failures[c] = fmt::format("the value of `{}` is NaN or infinite", variables_->given()[j].name);
        }
        if (block.failures[c].empty() && sound == n) sound = c;
    }
    // Lanes without a candidate, or with one that cannot be simulated, take another.
    for (std::size_t j = 0; j < values.rows && sound < n; ++j) {
        for (std::size_t c = 0; c < lanes; ++c) {
            if (c >= n || !block.failures[c].empty()) values(j, c) = values(j, sound);
        }
    }
    Simulation& candidates = simulation(lanes, cancelled);
    candidates.restart(first, repetition, options_->noise);
    for (std::size_t j = 0; j < values.rows && sound < n; ++j) {
        const std::string& name = variables_->given()[j].name;
        if (candidates.has(name)) candidates.set(name, values.row(j));
    }
    candidates.store();
    block.record = options_->experiment(candidates);
    if (block.record.n_candidates != lanes) {
        throw ConfigError(fmt::format("the experiment gave a record of {} candidates, but {} were simulated",
                                      block.record.n_candidates, lanes),
                          "it must end with `return simulation.results();`");
    }
    for (std::size_t c = 0; c < n; ++c) {
        const std::optional<Divergence>& divergence = candidates.divergences()[c];
        if (divergence && block.failures[c].empty()) block.failures[c] = cause_of(*divergence);
    }
    keep_first(block.record, n);
    return block;
}

SimulationRecord OptCandidates::record(const Array2& fitted, std::uint64_t first, std::uint64_t repetition,
                                       const std::atomic<bool>* cancelled, std::vector<std::string>* failures) {
    if (failures != nullptr) failures->clear();
    if (fitted.rows == 0) throw ConfigError("there are no candidates to simulate");
    const std::size_t lanes = std::min(block_, fitted.rows);
    SimulationRecord result;
    for (std::size_t row = 0; row < fitted.rows; row += lanes) {
        Block block =
            run_block(fitted, row, std::min(lanes, fitted.rows - row), lanes, first + row, repetition, cancelled);
        if (failures != nullptr) std::ranges::move(block.failures, std::back_inserter(*failures));
        if (row == 0) {
            result = std::move(block.record);
        } else {
            append_candidates(result, block.record);
        }
    }
    return result;
}

std::vector<std::vector<double>> OptCandidates::losses(const SimulationRecord& record, std::size_t n,
                                                       const SimulationRecord& target,
                                                       const std::atomic<bool>* cancelled) const {
    std::vector<std::vector<double>> result(n);
    const auto one = [&](std::size_t c) {
        if (cancelled != nullptr && cancelled->load()) throw Interrupted("the fit was stopped");
        result[c] = options_->loss(record.candidate(c), target);
    };
    // The first tells how long one takes: other threads are not worth waking up for little.
    const auto start = std::chrono::steady_clock::now();
    one(0);
    const std::chrono::duration<double> rest = static_cast<double>(n - 1) * (std::chrono::steady_clock::now() - start);
    if (options_->serial_loss || rest.count() < worth_waking) {
        for (std::size_t c = 1; c < n; ++c) one(c);
    } else {
        oneapi::tbb::task_arena arena;
        if (options_->threads > 0) arena.initialize(options_->threads);
        arena.execute([&] { oneapi::tbb::parallel_for(std::size_t{1}, n, one); });
    }
    for (const std::vector<double>& parts : result) {
        if (parts.empty()) throw ConfigError("the loss gave no value", "it must give at least one number");
        if (n_parts_ != 0 && parts.size() != n_parts_) {
            throw ConfigError(fmt::format("the loss gave {} values, before it gave {}", parts.size(), n_parts_),
                              "it must give the same number for every candidate");
        }
    }
    return result;
}

double OptCandidates::total(const std::vector<double>& parts) const {
    double sum = 0;
    for (std::size_t k = 0; k < parts.size(); ++k)
        sum += (options_->loss_weights.empty() ? 1 : options_->loss_weights[k]) * parts[k];
    return std::isfinite(sum) ? sum : not_a_number;
}

OptCandidates::Evaluated OptCandidates::evaluate(const Array2& fitted, std::uint64_t first,
                                                 const SimulationRecord& target, const std::atomic<bool>* cancelled,
                                                 std::uint64_t first_repetition) {
    const std::size_t repetitions = std::max<std::size_t>(1, options_->repetitions);
    const auto count = static_cast<double>(repetitions);
    const std::size_t lanes = fitted.rows == 1 ? 1 : block_;  // one size for the last, smaller batch too
    Evaluated result{.evaluations = std::vector<OptEvaluation>(fitted.rows),
                     .failures = std::vector<std::string>(fitted.rows)};
    for (std::size_t row = 0; row < fitted.rows; row += lanes) {
        const std::size_t n = std::min(lanes, fitted.rows - row);
        Array2 totals(n, repetitions);
        for (std::size_t repetition = 0; repetition < repetitions; ++repetition) {
            const Block block = run_block(fitted, row, n, lanes, first + row, first_repetition + repetition, cancelled);
            const auto parts = losses(block.record, n, target, cancelled);
            for (std::size_t c = 0; c < n; ++c) {
                OptEvaluation& evaluation = result.evaluations[row + c];
                const bool sound = block.failures[c].empty();
                evaluation.parts.resize(parts[c].size(), 0);
                for (std::size_t k = 0; k < parts[c].size(); ++k)
                    evaluation.parts[k] += sound ? parts[c][k] / count : not_a_number;
                totals(c, repetition) = sound ? total(parts[c]) : not_a_number;
                std::string& failure = result.failures[row + c];
                if (failure.empty()) failure = sound ? failure_of(parts[c], totals(c, repetition)) : block.failures[c];
            }
        }
        for (std::size_t c = 0; c < n; ++c) {
            OptEvaluation& evaluation = result.evaluations[row + c];
            const auto values = fitted.row(row + c);
            evaluation.variables.assign(values.begin(), values.end());
            double sum = 0;
            for (const double value : totals.row(c)) sum += value;
            evaluation.loss = sum / count;
            if (!std::isfinite(evaluation.loss) && result.failures[row + c].empty())
                result.failures[row + c] = infinite_sum;
            if (repetitions == 1) continue;
            double squares = 0;
            for (const double value : totals.row(c)) squares += (value - evaluation.loss) * (value - evaluation.loss);
            evaluation.loss_deviation = std::sqrt(squares / (count - 1));
        }
    }
    return result;
}

}  // namespace spikesmith
