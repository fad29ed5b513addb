#include "spikesmith/infer/feature_simulator.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

bool has_gaps(std::span<const double> values) {
    return std::ranges::any_of(values, [](double v) { return !std::isfinite(v); });
}

InferencerOptions checked(InferencerOptions options) {
    if (open_parameters(options.model).empty())
        throw ConfigError("the model has no parameters without value", "there is nothing to infer");
    if (options.threads < 0) throw ConfigError(fmt::format("threads must not be negative, but is {}", options.threads));
    return options;
}

}  // namespace

FeatureSimulator::FeatureSimulator(InferencerOptions options)
    : options_(checked(std::move(options))),
      data_(check_trace_data(options_.model, options_.recordings)),
      parameters_(open_parameters(options_.model)),
      ensemble_(make_ensemble(names_of(data_.outputs))) {
    if (options_.features.empty()) {
        for (const RecordedOutput& output : data_.outputs) options_.features.push_back(raw_trace(output.name));
        if (data_.spikes) {
            throw ConfigError("spike trains have no automatic features",
                              "give features of `spikes`, such as their number");
        }
    }
    place_groups();
    observe();
}

Ensemble FeatureSimulator::make_ensemble(std::vector<std::string> outputs) const {
    IntegrationOptions integration{.method = options_.method, .dt = data_.dt, .outputs = std::move(outputs)};
    integration.parameters = names_of(parameters_);
    integration.absolute_error = options_.absolute_error;
    integration.relative_error = options_.relative_error;
    integration.max_adaptive_steps = options_.max_adaptive_steps;
    EnsembleData ensemble_data{.n_traces = data_.n_traces,
                               .n_steps = data_.n_steps,
                               .inputs = data_.inputs,
                               .targets = data_.targets,
                               .weights = {},
                               .trace_steps = data_.trace_steps};
    return {integrate(options_.model, integration),
            std::move(ensemble_data),
            {.threads = options_.threads, .kernel = options_.kernel, .seed = options_.seed}};
}

std::size_t FeatureSimulator::PlacedGroup::values(std::size_t trace) const {
    return group.compute ? group.names.size() : (samples[trace] + group.decimation - 1) / group.decimation;
}

void FeatureSimulator::PlacedGroup::fill(const SummaryInput& input, std::span<double> x) const {
    const std::span<double> own = x.subspan(first[input.trace], values(input.trace));
    if (group.compute) {
        group.compute(input, own);
    } else {
        for (std::size_t k = 0; k < own.size(); ++k) own[k] = input.values[k * group.decimation];
    }
}

void FeatureSimulator::PlacedGroup::fill_block(std::span<const SummaryInput> inputs, std::span<const std::size_t> rows,
                                               Array2& x) const {
    if (!group.compute_block) {
        for (std::size_t i = 0; i < inputs.size(); ++i) fill(inputs[i], x.row(rows[i]));
        return;
    }
    if (inputs.empty()) return;
    Array2 values(inputs.size(), group.names.size(), not_a_number);
    group.compute_block(inputs, values);
    for (std::size_t i = 0; i < inputs.size(); ++i)
        std::ranges::copy(values.row(i), x.row(rows[i]).begin() + static_cast<std::ptrdiff_t>(first[inputs[i].trace]));
}

void FeatureSimulator::place_groups() {
    for (const SummaryGroup& group : options_.features) {
        PlacedGroup placed{.group = group};
        if (placed.of_spikes()) {
            if (!data_.spikes) throw ConfigError("there are features of spikes, but no spikes are recorded");
            if (!group.compute)
                throw ConfigError("spike trains have no raw trace", "give features of `spikes`, such as their number");
            placed.samples.assign(data_.n_traces, 0);
        } else {
            const auto output = std::ranges::find(data_.outputs, group.output, &RecordedOutput::name);
            if (output == data_.outputs.end()) {
                throw ConfigError(fmt::format("there are features of `{}`, which is not recorded", group.output),
                                  did_you_mean(group.output, names_of(data_.outputs)));
            }
            placed.output = static_cast<std::size_t>(output - data_.outputs.begin());
            for (const RecordedTrace& trace : output->traces) placed.samples.push_back(trace.target.size());
        }
        for (std::size_t r = 0; r < data_.n_traces; ++r) {
            placed.first.push_back(feature_names_.size());
            for (std::size_t k = 0; k < placed.values(r); ++k) {
                const std::string what =
                    group.compute ? "." + group.names[k] : fmt::format("({})", k * group.decimation);
                feature_names_.push_back(fmt::format("{}[{}]{}", group.output, r, what));
            }
        }
        groups_.push_back(std::move(placed));
    }
}

SummaryInput FeatureSimulator::input_of(const PlacedGroup& group, std::size_t trace) const {
    return {.values = {},
            .dt = group.of_spikes() ? data_.dt : data_.outputs[group.output].traces[trace].dt,
            .duration = data_.duration(trace),
            .trace = trace};
}

void FeatureSimulator::observe() {
    observation_.assign(feature_names_.size(), not_a_number);
    for (const PlacedGroup& group : groups_) {
        for (std::size_t r = 0; r < data_.n_traces; ++r) {
            SummaryInput input = input_of(group, r);
            if (group.of_spikes()) {
                input.values = (*data_.spikes)[r];
            } else {
                input.values = data_.outputs[group.output].traces[r].target;
                if (has_gaps(input.values)) {
                    throw DataError(fmt::format("trace {} of `{}` has gaps, of which no features can be computed",
                                                r + 1, group.group.output));
                }
            }
            group.fill(input, observation_);
        }
    }
}

void FeatureSimulator::summarize(const BlockView& block, Array2& x) const {
    std::vector<double> whole(block.n_steps);
    for (const PlacedGroup& group : groups_) {
        const SummaryInput empty = input_of(group, block.trace);
        std::vector<std::size_t> simulations;  // that did not fail
        std::vector<std::size_t> sizes;
        std::vector<double> values;  // of all
        for (std::size_t s = 0; s < block.n_samples; ++s) {
            const std::size_t before = values.size();
            if (group.of_spikes()) {
                for (const std::int32_t step : block.spikes(s)) values.push_back(step * data_.dt);
            } else {
                block.copy_output(group.output, s, whole);
                values.resize(before + group.samples[block.trace]);
                const std::span<double> picked = std::span(values).subspan(before);
                pick(whole, data_.outputs[group.output].traces[block.trace].stride, picked);
                if (has_gaps(picked)) {
                    values.resize(before);
                    continue;
                }
            }
            simulations.push_back(block.first_sample + s);
            sizes.push_back(values.size() - before);
        }
        std::vector<SummaryInput> inputs(simulations.size(), empty);
        std::span<const double> rest = values;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            inputs[i].values = rest.first(sizes[i]);
            rest = rest.subspan(sizes[i]);
        }
        group.fill_block(inputs, simulations, x);
    }
}

Array2 FeatureSimulator::features(const Array2& theta, const std::vector<std::string>& names, std::uint64_t first) {
    if (theta.columns != names.size())
        throw DataError(fmt::format("theta has {} columns, but there are {} parameters", theta.columns, names.size()));
    Array2 x(theta.rows, feature_names_.size(), not_a_number);
    const bool spikes = std::ranges::any_of(groups_, &PlacedGroup::of_spikes);
    const bool traces = std::ranges::any_of(groups_, [](const PlacedGroup& group) { return !group.of_spikes(); });
    const SimulationControl& control = options_.simulations;
    std::atomic<std::size_t> done = 0;
    const auto observe_block = [&](const BlockView& block) {
        summarize(block, x);
        if (control.progress) control.progress(done += block.n_samples, theta.rows * data_.n_traces);
    };
    const RunResult run = ensemble_.run(program_parameters(theta, names), {.first_evaluation = first,
                                                                           .outputs = traces,
                                                                           .spikes = spikes,
                                                                           .observer = observe_block,
                                                                           .cancelled = control.cancelled});
    for (std::size_t i = 0; i < theta.rows; ++i) {
        for (std::size_t r = 0; r < data_.n_traces; ++r) {
            if (run.diverged[i * data_.n_traces + r] != 0) std::ranges::fill(x.row(i), not_a_number);
        }
    }
    return x;
}

PredictiveTraces FeatureSimulator::traces(const Array2& theta, const std::vector<std::string>& names,
                                          std::vector<std::string> outputs, std::uint64_t first) const {
    if (outputs.empty()) outputs = names_of(data_.outputs);
    Ensemble ensemble = make_ensemble(outputs);
    const bool spikes = options_.model.threshold.has_value();
    const EnsembleRecord recorded = record(ensemble, program_parameters(theta, names),
                                           {.first_evaluation = first, .outputs = !outputs.empty(), .spikes = spikes});
    std::vector<Dimension> dimensions;
    for (std::size_t k = 0; k < outputs.size(); ++k) dimensions.push_back(ensemble.program().outputs[k].dimension);
    PredictiveTraces result{.dt = data_.dt,
                            .theta = theta,
                            .trace_steps = data_.trace_steps,
                            .outputs = summarize_traces(recorded, outputs, dimensions, data_.n_traces)};
    for (std::size_t i = 0; i < theta.rows && spikes; ++i) {
        result.spikes.emplace_back();
        for (std::size_t r = 0; r < data_.n_traces; ++r) result.spikes.back().push_back(recorded.spike_times(i, r));
    }
    return result;
}

Array2 FeatureSimulator::program_parameters(const Array2& theta, const std::vector<std::string>& names) const {
    Array2 result(theta.rows, parameters_.size());
    for (std::size_t j = 0; j < parameters_.size(); ++j) {
        const auto column = static_cast<std::size_t>(std::ranges::find(names, parameters_[j].name) - names.begin());
        for (std::size_t i = 0; i < theta.rows; ++i) result(i, j) = theta(i, column);
    }
    return result;
}

}  // namespace spikesmith
