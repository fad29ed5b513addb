#include "spikesmith/cli/infer_problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/cli/model_text.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// SI; the name and the dimension are checked.
double value_of(const Problem& problem, const ConfigName& name, const ConfigQuantity& quantity) {
    return parameter_values(problem, {{name, quantity}}).at(name.name);
}

const PriorConfig* stated_prior(const InferConfig& infer, const std::string& name) {
    const auto found =
        std::ranges::find(infer.parameters, name, [](const PriorConfig& prior) { return prior.name.name; });
    return found == infer.parameters.end() ? nullptr : &*found;
}

// The model in which fixed and tied parameters have values.
Model closed_model(const Problem& problem, const InferConfig& infer) {
    const ModelLanguage language = problem.config.model.language;
    std::vector<std::string> open;
    for (const PriorConfig& prior : infer.parameters) {
        if (prior.kind != PriorConfig::Kind::fixed) open.push_back(prior.name.name);
    }
    if (problem.config.fit) {
        for (const ParameterConfig& parameter : problem.config.fit->parameters) {
            if (!parameter.fixed && !parameter.tied && stated_prior(infer, parameter.name.name) == nullptr)
                open.push_back(parameter.name.name);
        }
    }
    Model model = with_open_parameters(problem.model, language, open);
    const auto close = [&](const std::string& name, Expression value) {
        const auto present = std::ranges::find(model.initial_values, name, &InitialValue::name);
        if (present != model.initial_values.end()) {
            present->value = std::move(value);  // where it is, for others depend on it
        } else {
            model.initial_values.push_back({name, std::move(value)});
        }
    };
    for (const PriorConfig& prior : infer.parameters) {
        if (prior.kind == PriorConfig::Kind::fixed) close(prior.name.name, value_of(problem, prior.name, prior.fixed));
    }
    if (!problem.config.fit) return model;
    for (const ParameterConfig& parameter : problem.config.fit->parameters) {
        const std::string& name = parameter.name.name;
        if (stated_prior(infer, name) != nullptr) continue;
        if (parameter.fixed) close(name, value_of(problem, parameter.name, *parameter.fixed));
        if (parameter.tied) close(name, problem.ties.at(name));
    }
    return model;
}

ParameterPrior make_prior(const Problem& problem, const PriorConfig& prior, const Dimension& dimension) {
    using enum PriorConfig::Kind;
    const std::string& name = prior.name.name;
    const auto quantity = [&](const ConfigQuantity& given) {
        return Quantity{value_of(problem, prior.name, given), dimension};
    };
    // One after the other, so that the first wrong one is shown.
    const bool bounded = prior.kind == uniform || prior.kind == log_uniform || prior.kind == truncated_normal;
    Quantity low, high, mean, deviation;
    if (bounded) {
        low = quantity(prior.low);
        high = quantity(prior.high);
    }
    if (prior.kind == normal || prior.kind == truncated_normal || prior.kind == log_normal) mean = quantity(prior.mean);
    if (prior.kind == normal || prior.kind == truncated_normal) deviation = quantity(prior.deviation);
    return located(prior.name.place, [&] {
        switch (prior.kind) {
            case log_uniform:
                return log_uniform_prior(name, low, high);
            case normal:
                return normal_prior(name, mean, deviation);
            case truncated_normal:
                return truncated_normal_prior(name, mean, deviation, low, high);
            case log_normal:
                return log_normal_prior(name, mean, prior.log_deviation);
            case uniform:
            case fixed:
                break;
        }
        return uniform_prior(name, low, high);
    });
}

// The bounds of [fit.parameters] as a prior.
PriorConfig prior_of(const ParameterConfig& parameter) {
    if (parameter.integer)
        fail_at(parameter.name.place,
                fmt::format("`{}` is a whole number, of which no posterior is inferred", parameter.name.name),
                fmt::format("fix it: `[infer.parameters]` with `{} = {{fixed = ...}}`", parameter.name.name));
    PriorConfig prior;
    prior.name = parameter.name;
    prior.kind = parameter.scale == Scale::logarithmic ? PriorConfig::Kind::log_uniform : PriorConfig::Kind::uniform;
    prior.low = parameter.low;
    prior.high = parameter.high;
    return prior;
}

// ---- features -------------------------------------------------------------------------------------------------------

// The window of a trace: one for all, or one each.
const StimulusWindow& window_of(const std::vector<StimulusWindow>& stimuli, std::size_t trace) {
    return stimuli.size() == 1 ? stimuli.front() : stimuli[trace];
}

SummaryGroup named_features(const SummaryConfig& config, bool spikes) {
    const FeatureTable& table = standard_features(config.settings.mode);
    SummaryGroup group{.output = config.output.name};
    std::vector<std::size_t> indices;
    for (const ConfigName& name : config.features) {
        group.names.push_back(name.name);
        indices.push_back(table.index(name.name));
    }
    group.compute = [indices, &table, settings = config.settings, stimuli = config.stimuli, spikes](
                        const SummaryInput& input, std::span<double> values) {
        TraceFeatures features(settings, table);
        const StimulusWindow& stimulus = window_of(stimuli, input.trace);
        spikes ? features.load(FeatureSpikes{.times = input.values, .stimulus = stimulus})
               : features.load(FeatureTrace{.voltage = input.values, .dt = input.dt, .stimulus = stimulus});
        for (std::size_t k = 0; k < indices.size(); ++k) {
            const FeatureValue& value = features.get(indices[k]);
            values[k] = value.present() && !value.values.empty() ? value.mean() : not_a_number;
        }
    };
    return group;
}

double statistic(std::string_view name, std::span<const double> values) {
    if (values.empty()) return not_a_number;
    if (name == "min") return *std::ranges::min_element(values);
    if (name == "max") return *std::ranges::max_element(values);
    const double n = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    if (name == "mean") return mean;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / n);
}

// Of the trace within its stimulus window, without windows of the whole trace.
SummaryGroup named_statistics(const SummaryConfig& config) {
    SummaryGroup group{.output = config.output.name};
    for (const ConfigName& name : config.statistics) group.names.push_back(name.name);
    group.compute = [names = group.names, stimuli = config.stimuli](const SummaryInput& input,
                                                                    std::span<double> values) {
        std::span<const double> part = input.values;
        if (!stimuli.empty()) {
            const StimulusWindow& window = window_of(stimuli, input.trace);
            const auto sample = [&](double time) {
                return std::min(static_cast<std::size_t>(std::lround(time / input.dt)), input.values.size());
            };
            part = part.subspan(sample(window.start), sample(window.end) - sample(window.start));
        }
        for (std::size_t k = 0; k < names.size(); ++k) values[k] = statistic(names[k], part);
    };
    return group;
}

// Which outputs there are, and what can be said of them.
void check_summary(const SummaryConfig& summary, const Recordings& recordings, std::size_t n_traces,
                   const Model& model) {
    const std::string& name = summary.output.name;
    if (name == spikes_output) {
        if (!recordings.spikes)
            fail_at(summary.output.place, "there are features of spikes, but no spikes are recorded",
                    "name them in [data]: `spikes = \"spikes.csv\"`");
        if (!summary.statistics.empty())
            fail_at(summary.statistics.front().place, "spike trains have no statistics of a trace",
                    "give features: `list = [\"spike_count\"]`");
        if (summary.decimation)
            fail_at(summary.output.place, "spike trains have no trace", "give features: `list = [\"spike_count\"]`");
    } else {
        std::vector<std::string> names;
        for (const auto& [output, series] : recordings.outputs) names.push_back(output);
        if (std::ranges::find(names, name) == names.end()) {
            if (recordings.spikes) names.emplace_back(spikes_output);
            std::string hint = did_you_mean(name, names);
            if (hint.empty()) hint = fmt::format("recorded: {}", fmt::join(names, ", "));
            fail_at(summary.output.place, fmt::format("there are features of `{}`, which is not recorded", name),
                    std::move(hint));
        }
        const Dimension dimension = model.find(name)->dimension;
        if (!summary.features.empty() && !(dimension == dimensions::volt)) {
            fail_at(summary.features.front().place,
                    fmt::format("features by name are of voltages, but `{}` is {}", name,
                                dimension.dimensionless() ? "a plain number" : "in " + dimension.name()),
                    "for example `statistics = [\"mean\", \"std\"]`");
        }
    }
    if (summary.stimuli.size() > 1 && summary.stimuli.size() != n_traces)
        fail_at(summary.stimuli_place,
                fmt::format("there are {} stimuli for {} traces", summary.stimuli.size(), n_traces),
                "give one for all, or one for each trace");
}

std::vector<SummaryGroup> make_features(const Problem& problem, const InferConfig& infer,
                                        const Recordings& recordings) {
    std::size_t n_traces = problem.data.n_traces();
    if (n_traces == 0 && recordings.spikes) n_traces = recordings.spikes->size();
    std::vector<SummaryGroup> groups;
    for (const SummaryConfig& summary : infer.features) {
        check_summary(summary, recordings, n_traces, problem.model);
        if (!summary.features.empty()) groups.push_back(named_features(summary, summary.output.name == spikes_output));
        if (!summary.statistics.empty()) groups.push_back(named_statistics(summary));
        if (summary.decimation) groups.push_back(raw_trace(summary.output.name, *summary.decimation));
    }
    if (groups.empty() && recordings.spikes) {
        fail_at(
            infer.place, "spike trains have no automatic features",
            "give some: `[infer.features.spikes]` with `list = [\"spike_count\"]`, or name `outputs` without spikes");
    }
    return groups;
}

}  // namespace

const InferConfig& infer_section(const Config& config) {
    if (config.experiment)
        fail_at(config.experiment->place, "an inference needs stimuli and recordings in [data], not an experiment",
                "`spikesmith fit` learns its posterior with `optimizer = {method = \"sbi\"}` in [fit]");
    if (config.infer) return *config.infer;
    fail_at(config.tree.place, "the file has no section [infer]",
            "an inference needs at least [infer] and priors in [infer.parameters]: `g = [\"1 nS\", \"100 nS\"]`");
}

Inferencer make_inferencer(Problem& problem, const std::atomic<bool>* cancelled) {
    const InferConfig& infer = infer_section(problem.config);
    const ModelConfig& model = problem.config.model;
    InferencerOptions options;
    options.model = closed_model(problem, infer);
    options.recordings = recordings_of(problem, "an inference", infer.outputs, infer.place);
    options.features = make_features(problem, infer, options.recordings);
    options.method = model.method;
    options.threads = problem.config.run.threads;
    options.kernel = kernel_options(problem.config.run);
    options.seed = problem.config.run.seed;
    options.simulations.cancelled = cancelled;
    options.absolute_error = model.absolute_error;
    options.relative_error = model.relative_error;
    options.max_adaptive_steps = model.max_steps;
    const auto rethrow = []() -> Inferencer { throw; };
    try {
        Inferencer inferencer(std::move(options));
        add_warnings(problem, inferencer.data().warnings);
        return inferencer;
    } catch (const DataError&) {
        return located(infer.place, rethrow);
    } catch (const Error&) {
        return located(model.method.empty() ? infer.place : model.method_place, rethrow);
    }
}

std::vector<ParameterPrior> make_priors(const Problem& problem) {
    const InferConfig& infer = infer_section(problem.config);
    for (const PriorConfig& prior : infer.parameters) {  // names that the model does not have
        if (prior.kind != PriorConfig::Kind::fixed)
            (void)value_of(problem, prior.name, {{0, Dimension{}}, prior.name.place});
    }
    std::vector<ParameterPrior> priors;
    std::vector<std::string> missing;
    for (const Parameter& parameter : open_parameters(closed_model(problem, infer))) {
        if (const PriorConfig* stated = stated_prior(infer, parameter.name)) {
            priors.push_back(make_prior(problem, *stated, parameter.dimension));
            continue;
        }
        const ParameterConfig* fitted = nullptr;
        if (problem.config.fit) {
            const auto& list = problem.config.fit->parameters;
            const auto found =
                std::ranges::find(list, parameter.name, [](const ParameterConfig& p) { return p.name.name; });
            if (found != list.end()) fitted = &*found;
        }
        if (fitted == nullptr) {
            missing.push_back(parameter.name);
        } else {
            priors.push_back(make_prior(problem, prior_of(*fitted), parameter.dimension));
        }
    }
    if (!missing.empty()) {
        fail_at(infer.place,
                fmt::format("there is no prior of the parameter{} {}", missing.size() > 1 ? "s" : "",
                            fmt::join(missing, ", ")),
                fmt::format("for example `{} = [\"1 nS\", \"100 nS\"]` in [infer.parameters]", missing.front()));
    }
    if (priors.empty())
        fail_at(infer.place, "no parameter is free", "give at least one a prior: `g = [\"1 nS\", \"100 nS\"]`");
    return priors;
}

InferOptions infer_options(const InferConfig& infer) {
    return {.n_samples = infer.n_samples,
            .inference = infer.inference,
            .automatic = infer.automatic,
            .training = infer.training,
            .posterior = infer.posterior,
            .proposal = infer.proposal,
            .truncation = infer.truncation};
}

}  // namespace spikesmith
