#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <ostream>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/data/spike_recording.hpp"
#include "spikesmith/metrics/feature_metric.hpp"
#include "spikesmith/report/text_table.hpp"

namespace spikesmith {
namespace {

// One recorded trace, or a spike train.
struct Trace {
    std::string label;
    std::vector<double> voltage;  // V; of a spike train its times, s
    std::vector<double> current;  // A; may be empty
    double dt = 0;
};

struct Recorded {
    std::string source;  // the file or the configuration
    bool spikes = false;
    std::vector<Trace> traces;
    FeaturesConfig config;
};

// ---- what to compute with ---------------------------------------------------------------------------------------------

// The section [features] that the overrides make, for a recording without configuration.
FeaturesConfig config_of_overrides(const std::vector<Override>& overrides) {
    TomlValue tree;
    for (const auto& [assignment, option] : overrides) {
        apply_override(tree, assignment, option);
        for (const TomlMember& member : tree.members) {
            if (member.key != "features") {
                throw ConfigError(
                    fmt::format("{}: a recording has only settings of `features`, not of `{}`", option, member.key),
                    "for example `--set features.threshold=-30`");
            }
        }
    }
    const TomlMember* features = tree.find("features");
    return read_features(features == nullptr ? TomlValue{} : features->value);
}

// What the section leaves open is as in the fit, if that compares features.
void complete(FeaturesConfig& features, const Config& config) {
    if (!config.fit) return;
    const auto* metric = dynamic_cast<const FeatureMetric*>(config.fit->metric.metric.get());
    for (const auto& [name, own] : config.fit->output_metrics) {
        if (metric == nullptr) metric = dynamic_cast<const FeatureMetric*>(own.metric.get());
    }
    if (metric == nullptr) return;
    if (!config.features) features.settings = metric->options().settings;
    if (features.stimuli.empty()) features.stimuli = metric->options().stimuli;
    if (features.stimulus_currents.empty()) features.stimulus_currents = metric->options().stimulus_currents;
    if (features.features.empty()) {
        for (const ComparedFeature& feature : metric->options().features) {
            features.features.push_back({feature.name, {}});
        }
    }
}

std::vector<double> copied(std::span<const double> values) {
    return {values.begin(), values.end()};
}

double dt_of(const Series& series, std::size_t trace) {
    return series.trace_dt.empty() ? series.dt : series.trace_dt[trace];
}

// The current under which a trace was recorded: the one input that is a current and has the same samples.
std::vector<double> current_of(const Dataset& data, const Series& output, std::size_t trace) {
    const Series* current = nullptr;
    for (const Series& input : data.inputs) {
        if (!(input.dimension == dimensions::ampere)) continue;
        if (current != nullptr) return {};
        current = &input;
    }
    if (current == nullptr || trace >= current->values.rows) return {};
    const std::size_t n = output.samples(trace);
    if (dt_of(*current, trace) != dt_of(output, trace) || current->samples(trace) < n) return {};
    return copied(current->values.row(trace).first(n));
}

Recorded of_configuration(const FeaturesRequest& request) {
    if (request.dt || request.spikes || !request.key.empty() || !request.unit.empty() || !request.columns.empty()) {
        throw ConfigError("--dt, --unit, --key, --columns and --spikes are for recordings",
                          "a configuration says all that in [data]");
    }
    const Problem problem = load_problem(read_config(request.file, request.overrides));
    Recorded recorded{request.file, false, {}, problem.config.features.value_or(FeaturesConfig{})};
    complete(recorded.config, problem.config);
    std::vector<const Series*> voltages;
    for (const Series& output : problem.data.outputs) {
        if (output.dimension == dimensions::volt) voltages.push_back(&output);
    }
    for (const Series* output : voltages) {
        for (std::size_t r = 0; r < output->values.rows; ++r) {
            const std::string number = fmt::format("{}", r + 1);
            recorded.traces.push_back({voltages.size() == 1 ? number : fmt::format("{} {}", output->name, number),
                                       copied(output->values.row(r).first(output->samples(r))),
                                       current_of(problem.data, *output, r), dt_of(*output, r)});
        }
    }
    if (recorded.traces.empty() && problem.data.spikes) {
        recorded.spikes = true;
        for (const auto& train : *problem.data.spikes) {
            recorded.traces.push_back({fmt::format("{}", recorded.traces.size() + 1), train, {}, 0});
        }
    }
    if (recorded.traces.empty()) {
        throw ConfigError(fmt::format("`{}` has no recording of a membrane potential, and no spikes", request.file),
                          "features are of outputs in volt: name one in [data.outputs]");
    }
    return recorded;
}

Recorded of_recording(const FeaturesRequest& request) {
    Recorded recorded{request.file, request.spikes, {}, config_of_overrides(request.overrides)};
    if (request.spikes) {
        for (auto& train : load_spikes({.path = request.file, .key = request.key, .unit = request.unit})) {
            recorded.traces.push_back({fmt::format("{}", recorded.traces.size() + 1), std::move(train), {}, 0});
        }
        return recorded;
    }
    RecordingSource source;
    source.path = request.file;
    source.key = request.key;
    source.unit = request.unit;
    source.columns = request.columns;
    const Recording recording = load_recording(source);
    if (!recording.dimension) {
        throw DataError(fmt::format("`{}` does not say the unit of its numbers", recording.source),
                        "for example `--unit mV`");
    }
    require_dimension(recording, dimensions::volt, "features");
    std::optional<double> dt = recording.dt;
    if (request.dt) {
        const Quantity given = parse_quantity(*request.dt, "--dt");
        if (!(given.dimension == dimensions::second) || !(given.value > 0) || !std::isfinite(given.value)) {
            throw ConfigError(fmt::format("--dt is a positive time, not `{}`", *request.dt),
                              "for example `--dt \"0.1 ms\"`");
        }
        dt = given.value;
    }
    if (!dt) {
        throw DataError(fmt::format("`{}` does not say the time between its samples", recording.source),
                        "for example `--dt \"0.1 ms\"`");
    }
    for (std::size_t r = 0; r < recording.values.rows; ++r) {
        const bool named = r < recording.names.size() && !recording.names[r].empty();
        recorded.traces.push_back(
            {named ? recording.names[r] : fmt::format("{}", r + 1), copied(recording.values.row(r)), {}, *dt});
    }
    return recorded;
}

// ---- computing --------------------------------------------------------------------------------------------------------

std::vector<std::size_t> chosen_features(const Recorded& recorded, const FeatureTable& table) {
    std::vector<std::size_t> chosen;
    for (const ConfigName& name : recorded.config.features) chosen.push_back(table.index(name.name));
    if (!chosen.empty()) return chosen;
    for (std::size_t k = 0; k < table.size(); ++k) {
        const FeatureDefinition& definition = table[k];
        const bool whole_trace =
            definition.name == "voltage" || definition.name == "time" || definition.name == "current";
        if (definition.listed && !whole_trace) chosen.push_back(k);
    }
    return chosen;
}

// For each trace: `n` values, one for all or one each.
template <class T>
const T& of_trace(const std::vector<T>& values, std::size_t trace, std::size_t n_traces, const char* what) {
    if (values.size() == 1) return values[0];
    if (values.size() != n_traces) {
        throw ConfigError(fmt::format("there are {} {} for {} traces", values.size(), what, n_traces),
                          "give one for all, or one for each trace");
    }
    return values[trace];
}

// The features of all traces, by trace, then in the order chosen.
struct Found {
    std::vector<double> values;
    std::string missing;  // the reason; empty if there are values
};
std::vector<std::vector<Found>> compute(const Recorded& recorded, const std::vector<std::size_t>& chosen,
                                        const FeatureTable& table) {
    const FeaturesConfig& config = recorded.config;
    if (config.stimuli.empty()) {
        throw ConfigError("when the stimulus starts and ends is not known",
                          "for example `--stimulus \"100 ms, 600 ms\"`, or `stimuli = [[\"100 ms\", \"600 ms\"]]` in "
                          "[features]");
    }
    const std::size_t n = recorded.traces.size();
    TraceFeatures features(config.settings, table);
    std::vector<std::vector<Found>> result;
    for (std::size_t r = 0; r < n; ++r) {
        const Trace& trace = recorded.traces[r];
        const StimulusWindow& stimulus = of_trace(config.stimuli, r, n, "stimuli");
        if (recorded.spikes) {
            features.load(FeatureSpikes{.times = trace.voltage, .stimulus = stimulus});
        } else {
            const double current = config.stimulus_currents.empty()
                                       ? std::numeric_limits<double>::quiet_NaN()
                                       : of_trace(config.stimulus_currents, r, n, "stimulus currents");
            features.load(FeatureTrace{.voltage = trace.voltage,
                                       .dt = trace.dt,
                                       .stimulus = stimulus,
                                       .current = trace.current,
                                       .stimulus_current = current});
        }
        result.emplace_back();
        for (const std::size_t index : chosen) {
            const FeatureValue& value = features.get(index);
            result.back().push_back({copied(value.values), value.sentence()});
        }
    }
    return result;
}

// ---- printing ---------------------------------------------------------------------------------------------------------

nlohmann::ordered_json json_of(const FeatureSettings& settings) {
    nlohmann::ordered_json json;
    for (const FeatureSetting& setting : feature_settings()) {
        std::visit([&](auto member) { json[std::string(setting.name)] = settings.*member; }, setting.member);
    }
    const auto word = [](BaseMode mode) { return mode == BaseMode::mean ? "mean" : "median"; };
    json["voltage_base_mode"] = word(settings.voltage_base_mode);
    json["current_base_mode"] = word(settings.current_base_mode);
    return json;
}

// A value that is not finite has no place in JSON: null.
nlohmann::ordered_json json_of(const std::vector<double>& values) {
    auto json = nlohmann::ordered_json::array();
    for (const double value : values) {
        if (std::isfinite(value)) {
            json.push_back(value);
        } else {
            json.push_back(nullptr);
        }
    }
    return json;
}

nlohmann::ordered_json json_of(const Recorded& recorded, const std::vector<std::size_t>& chosen,
                               const FeatureTable& table, const std::vector<std::vector<Found>>& found) {
    const FeaturesConfig& config = recorded.config;
    nlohmann::ordered_json json;
    json["command"] = "features";
    json["source"] = recorded.source;
    json["mode"] = name_of(config.settings.mode);
    json["settings"] = json_of(config.settings);
    auto& traces = json["traces"] = nlohmann::ordered_json::array();
    for (std::size_t r = 0; r < found.size(); ++r) {
        nlohmann::ordered_json trace;
        trace["trace"] = recorded.traces[r].label;
        const StimulusWindow& stimulus = of_trace(config.stimuli, r, found.size(), "stimuli");
        trace["stimulus"] = {stimulus.start, stimulus.end};  // seconds
        auto& features = trace["features"] = nlohmann::ordered_json::object();
        for (std::size_t f = 0; f < chosen.size(); ++f) {
            auto& feature = features[table[chosen[f]].name];
            feature["unit"] = table[chosen[f]].unit;
            if (found[r][f].missing.empty()) {
                feature["values"] = json_of(found[r][f].values);
            } else {
                feature["values"] = nullptr;
                feature["missing"] = found[r][f].missing;
            }
        }
        traces.push_back(std::move(trace));
    }
    return json;
}

// One value, or the mean of several and their number.
std::string cell(const Found& found) {
    if (!found.missing.empty()) return "-";
    if (found.values.size() == 1) return fmt::format("{:.6g}", found.values[0]);
    double sum = 0;
    double n = 0;
    for (const double value : found.values) {
        if (!std::isfinite(value)) continue;
        sum += value;
        n += 1;
    }
    return fmt::format("{:.6g} ({})", sum / n, found.values.size());
}

// "1-3, 7"
std::string ranges_of(const std::vector<std::size_t>& numbers) {
    std::vector<std::string> parts;
    for (std::size_t k = 0; k < numbers.size();) {
        std::size_t last = k;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
        parts.push_back(last == k ? fmt::format("{}", numbers[k]) : fmt::format("{}-{}", numbers[k], numbers[last]));
        k = last + 1;
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string table_of(const Recorded& recorded, const std::vector<std::size_t>& chosen, const FeatureTable& table,
                     const std::vector<std::vector<Found>>& found) {
    const FeatureSettings& settings = recorded.config.settings;
    const std::string changed = description(settings);
    std::string text = fmt::format("{}: {} {}, mode {}\n", recorded.source, found.size(),
                                   recorded.spikes ? (found.size() == 1 ? "spike train" : "spike trains")
                                                   : (found.size() == 1 ? "trace" : "traces"),
                                   name_of(settings.mode));
    const std::string shown =
        settings.mode == FeatureMode::native ? changed.substr(std::string(", mode native").size()) : changed;
    if (!shown.empty()) text += fmt::format("settings: {}\n", shown.substr(2));
    constexpr std::size_t most_columns = 8;
    bool means = false;
    for (std::size_t first = 0; first < found.size(); first += most_columns) {
        const std::size_t last = std::min(first + most_columns, found.size());
        std::vector<TableColumn> columns{{"feature", Align::left}, {"unit", Align::left}};
        for (std::size_t r = first; r < last; ++r) columns.push_back({recorded.traces[r].label, Align::right});
        std::vector<std::vector<std::string>> rows;
        for (std::size_t f = 0; f < chosen.size(); ++f) {
            std::vector<std::string> row{table[chosen[f]].name, table[chosen[f]].unit};
            for (std::size_t r = first; r < last; ++r) {
                row.push_back(cell(found[r][f]));
                means = means || found[r][f].values.size() > 1;
            }
            rows.push_back(std::move(row));
        }
        text += "\n" + text_table(columns, rows);
    }
    if (means) text += "\nOf several values: their mean (and number); --json prints all.\n";

    // Reasons, with the features and traces that they are for.
    std::map<std::string, std::vector<std::pair<std::string, std::vector<std::size_t>>>> reasons;
    for (std::size_t f = 0; f < chosen.size(); ++f) {
        for (std::size_t r = 0; r < found.size(); ++r) {
            if (found[r][f].missing.empty()) continue;
            auto& list = reasons[found[r][f].missing];
            if (list.empty() || list.back().first != table[chosen[f]].name) list.push_back({table[chosen[f]].name, {}});
            list.back().second.push_back(r + 1);
        }
    }
    if (!reasons.empty()) text += "\nMissing (-)\n";
    for (const auto& [reason, features] : reasons) {
        std::vector<std::string> names;
        for (const auto& [name, traces] : features) {
            names.push_back(traces.size() == found.size() ? name : fmt::format("{} [{}]", name, ranges_of(traces)));
        }
        text += fmt::format("  {}: {}\n", reason, fmt::join(names, ", "));
    }
    return text;
}

int list_features(const FeaturesRequest& request, const ProgramStreams& streams) {
    const FeaturesConfig config = config_of_overrides(request.overrides);
    const FeatureTable& table = standard_features(config.settings.mode);
    auto json = nlohmann::ordered_json::array();
    std::string text;
    for (const FeatureDefinition& definition : table.definitions()) {
        if (!definition.listed) continue;
        if (request.json) {
            json.push_back({{"name", definition.name},
                            {"unit", definition.unit},
                            {"single", definition.single},
                            {"needs", definition.needs},
                            {"definition", definition.definition}});
        } else {
            text += fmt::format("{} [{}{}]\n    {}\n", definition.name, definition.unit,
                                definition.single ? "" : ", several values", definition.definition);
        }
    }
    if (request.json)
        text = nlohmann::ordered_json{{"mode", name_of(config.settings.mode)}, {"features", json}}.dump(2) + "\n";
    streams.out << text;
    return exit_code::success;
}

}  // namespace

int features_command(const FeaturesRequest& request, const ProgramStreams& streams) {
    if (request.list) return list_features(request, streams);
    if (request.file.empty()) {
        throw ConfigError("no file is named", "see `spikesmith features --help`");
    }
    const bool configuration = request.file.ends_with(".toml");
    const Recorded recorded = configuration ? of_configuration(request) : of_recording(request);
    const FeatureTable& table = standard_features(recorded.config.settings.mode);
    const auto chosen = chosen_features(recorded, table);
    const auto found = compute(recorded, chosen, table);
    streams.out << (request.json ? json_of(recorded, chosen, table, found).dump(2) + "\n"
                                 : table_of(recorded, chosen, table, found));
    return exit_code::success;
}

}  // namespace spikesmith
