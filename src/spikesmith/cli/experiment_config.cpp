#include "spikesmith/cli/experiment_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/cli/feature_config.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

// What a wave is described by; times are durations, `required` ones come first.
struct WaveKeys {
    std::string_view kind;
    std::vector<std::string_view> required, optional;
    std::string_view example;
};
const std::vector<WaveKeys>& wave_table() {
    static const std::vector<WaveKeys> table{
        {"constant", {"value"}, {}, "{wave = \"constant\", value = 5}"},
        {"step", {"to", "start"}, {"from", "end"}, "{wave = \"step\", to = 5, start = \"100 ms\", end = \"600 ms\"}"},
        {"ramp", {"from", "to"}, {}, "{wave = \"ramp\", from = 0, to = 10}"},
        {"staircase", {"from", "to", "plateaus"}, {}, "{wave = \"staircase\", from = 0, to = 10, plateaus = 5}"},
        {"sine",
         {"amplitude", "frequency"},
         {"offset", "phase"},
         "{wave = \"sine\", amplitude = 5, frequency = \"10 Hz\"}"},
        {"chirp",
         {"amplitude", "first_frequency", "last_frequency"},
         {"offset"},
         "{wave = \"chirp\", amplitude = 5, first_frequency = \"1 Hz\", last_frequency = \"50 Hz\"}"},
        {"zap",
         {"amplitude", "first_frequency", "last_frequency"},
         {"offset"},
         "{wave = \"zap\", amplitude = 5, first_frequency = \"1 Hz\", last_frequency = \"50 Hz\"}"},
        {"pulses",
         {"height", "width", "period"},
         {"base", "start", "count"},
         "{wave = \"pulses\", height = 5, width = \"2 ms\", period = \"20 ms\"}"},
        {"noise",
         {"deviation"},
         {"mean", "correlation", "seed"},
         "{wave = \"noise\", mean = 5, deviation = 2, correlation = \"5 ms\", seed = 1}"},
        {"array",
         {},
         {"values", "interval", "file", "key", "columns", "unit", "header", "delimiter", "index", "index_unit"},
         "{wave = \"array\", file = \"current.csv\"}"},
    };
    return table;
}

bool is_time(std::string_view key) {
    constexpr std::array times{"start", "end", "width", "period", "correlation", "interval"};
    return std::ranges::find(times, key) != times.end();
}
bool is_frequency(std::string_view key) {
    return key == "frequency" || key == "first_frequency" || key == "last_frequency";
}

ConfigQuantity read_frequency(const TomlValue& value, std::string_view key) {
    ConfigQuantity result = read_quantity(value, key);
    if (!(result.quantity.dimension == Dimension{} / dimensions::second))
        fail_at(value.place, fmt::format("`{}` is a frequency and needs its unit", key), "write it like \"10 Hz\"");
    if (result.quantity.value < 0) fail_at(value.place, fmt::format("`{}` must not be negative", key));
    return result;
}

void read_array(const Section& section, const std::filesystem::path& folder, WaveConfig& wave) {
    const auto* values = section.find("values");
    const auto* file = section.find("file");
    if ((values == nullptr) == (file == nullptr))
        fail_at(wave.place, "an array has either `values` or a `file`",
                "for example `{wave = \"array\", file = \"current.csv\"}`");
    if (values != nullptr) {
        if (values->kind != Kind::array || values->elements.empty())
            wrong_type("values", "an array of quantities", *values);
        for (const TomlValue& element : values->elements) wave.values.push_back(read_quantity(element, "values"));
        return;
    }
    if (file->kind != Kind::string || file->text.empty() || file->text.find('\0') != std::string::npos)
        fail_at(file->place, "`file` is not a path");
    wave.file = ConfigPath{(folder / file->text).lexically_normal(), file->place};
    wave.source.key = section.text_or("key", "");
    wave.source.unit = section.text_or("unit", "");
    wave.source.index = section.text_or("index", "auto");
    wave.source.index_unit = section.text_or("index_unit", "");
    if (const auto* columns = section.find("columns")) {
        for (const ConfigName& name : section.names("columns", "columns = [\"I\"]"))
            wave.source.columns.push_back(name.name);
        if (wave.source.columns.size() != 1)
            fail_at(columns->place, "a wave is one column", "for example `columns = [\"I\"]`");
    }
    if (const auto header = section.boolean("header")) wave.source.header = *header ? Header::present : Header::absent;
    if (const auto* delimiter = section.string("delimiter", "delimiter = \";\"")) {
        if (delimiter->text.size() != 1) fail_at(delimiter->place, "`delimiter` must be one character");
        wave.source.delimiter = delimiter->text.front();
    }
}

WaveConfig read_wave(const TomlMember& member, const std::string& path, const std::filesystem::path& folder) {
    WaveConfig wave;
    wave.driven = {member.key, member.place};
    wave.place = member.value.place;
    if (member.value.kind != Kind::table) {
        wave.kind = "constant";
        wave.quantities.emplace_back("value", read_quantity(member.value, member.key));
        return wave;
    }
    const auto* kind = member.value.find("wave");
    std::vector<std::string> kinds;
    for (const WaveKeys& keys : wave_table()) kinds.emplace_back(keys.kind);
    const std::string all = fmt::format("waves are {}", fmt::join(kinds, ", "));
    if (kind == nullptr) fail_at(wave.place, fmt::format("what drives `{}` has no `wave`", member.key), all);
    if (kind->value.kind != Kind::string) wrong_type("wave", "a string", kind->value, all);
    wave.kind = kind->value.text;
    const auto found = std::ranges::find(wave_table(), std::string_view(wave.kind), &WaveKeys::kind);
    if (found == wave_table().end()) {
        const std::string hint = did_you_mean(wave.kind, kinds);
        fail_at(kind->value.place, fmt::format("there is no wave `{}`", wave.kind), hint.empty() ? all : hint);
    }
    std::vector<std::string_view> known{"wave"};
    known.insert(known.end(), found->required.begin(), found->required.end());
    known.insert(known.end(), found->optional.begin(), found->optional.end());
    const Section section(member.value, path + "." + member.key, known);
    for (const auto key : found->required)
        (void)section.required(key, fmt::format("{} = {}", member.key, found->example));
    for (const auto key : known) {
        const auto* value = section.find(key);
        if (value == nullptr || key == "wave") continue;
        if (key == "plateaus" || key == "count") {
            wave.count = section.integer(key, key == "plateaus" ? 2 : 0, 1'000'000).value_or(0);
        } else if (key == "seed") {
            wave.seed = static_cast<std::uint64_t>(
                section.integer(key, 0, std::numeric_limits<std::int64_t>::max()).value_or(0));
        } else if (is_time(key)) {
            wave.quantities.emplace_back(
                key, read_duration(*value, key, key == "start" || key == "correlation" || key == "end"));
        } else if (is_frequency(key)) {
            wave.quantities.emplace_back(key, read_frequency(*value, key));
        } else if (wave.kind != "array") {
            wave.quantities.emplace_back(key, read_quantity(*value, key));
        }
    }
    if (wave.kind == "array") read_array(section, folder, wave);
    return wave;
}

std::vector<WaveConfig> read_waves(const TomlValue* table, const std::string& path,
                                   const std::filesystem::path& folder) {
    std::vector<WaveConfig> waves;
    if (table == nullptr) return waves;
    for (const TomlMember& member : table->members) waves.push_back(read_wave(member, path, folder));
    return waves;
}

PhaseConfig read_phase(const TomlValue& table, std::size_t number, const std::filesystem::path& folder) {
    const Section section(
        table, "experiment.phase",
        {"name", "duration", "set", "drive", "clamp", "clamp_currents", "record", "reset", "reset_parameters"});
    PhaseConfig phase;
    phase.place = table.place;
    phase.name = section.text_or("name", fmt::format("phase {}", number));
    phase.duration = read_duration(section.required("duration", "duration = \"500 ms\""), "duration", false);
    if (const auto* set = section.table("set")) {
        for (const TomlMember& member : set->members)
            phase.set.emplace_back(ConfigName{member.key, member.place}, read_quantity(member.value, member.key));
    }
    phase.drive = read_waves(section.table("drive"), "experiment.phase.drive", folder);
    phase.clamp = read_waves(section.table("clamp"), "experiment.phase.clamp", folder);
    for (const WaveConfig& clamped : phase.clamp) {
        for (const WaveConfig& driven : phase.drive) {
            if (driven.driven.name == clamped.driven.name)
                fail_at(clamped.driven.place,
                        fmt::format("`{}` is driven and clamped in the same phase", clamped.driven.name),
                        "parameters and inputs are driven, variables are clamped");
        }
    }
    if (const auto* currents = section.table("clamp_currents")) {
        for (const TomlMember& member : currents->members) {
            if (member.value.kind != Kind::string)
                wrong_type(member.key, "the name of a current", member.value,
                           "for example `clamp_currents = {v = \"I\"}`");
            phase.clamp_currents.emplace_back(ConfigName{member.key, member.place},
                                              ConfigName{member.value.text, member.value.place});
        }
    }
    phase.record = section.boolean("record").value_or(true);
    phase.reset = section.boolean("reset").value_or(true);
    phase.reset_parameters = section.boolean("reset_parameters").value_or(true);
    return phase;
}

// ---- the fit ---------------------------------------------------------------------------------------------------------

struct LossKeys {
    std::string_view type;
    std::string_view precision;  // its key, if it has one
    bool variable = false;
};
constexpr std::array loss_table{LossKeys{"rmse", "", true},    LossKeys{"gamma", "delta"},
                                LossKeys{"van_rossum", "tau"}, LossKeys{"victor_purpura", "cost"},
                                LossKeys{"spike_count", ""},   LossKeys{"features", "", true},
                                LossKeys{"efel", "", true},    LossKeys{"spike_features", ""}};

void read_features(const Section& section, ExperimentLossConfig& loss) {
    const std::string_view example =
        loss.type == "features" ? "features = {spike_count = 1, voltage_base = 2}" : "features = [\"spike_count\"]";
    const auto* features = section.find("features");
    if (features == nullptr) {
        if (loss.type == "features") (void)section.required("features", example);
        return;
    }
    if (features->kind == Kind::table && loss.type == "features") {
        for (const TomlMember& member : features->members) {
            const bool number = member.value.kind == Kind::integer || member.value.kind == Kind::real;
            if (!number || !(member.value.real > 0))
                fail_at(member.value.place, fmt::format("the scale of `{}` must be a positive number", member.key),
                        "the difference that counts 1, in the unit of the feature");
            loss.features.emplace_back(ConfigName{member.key, member.place}, member.value.real);
        }
        if (loss.features.empty()) fail_at(features->place, "`features` is empty");
        return;
    }
    for (const ConfigName& name : section.names("features", example)) loss.features.emplace_back(name, 1.0);
}

ExperimentLossConfig read_loss(const TomlValue& value) {
    ExperimentLossConfig loss;
    loss.place = value.place;
    std::vector<std::string> types;
    for (const LossKeys& keys : loss_table) types.emplace_back(keys.type);
    const std::string all = fmt::format("losses are {}", fmt::join(types, ", "));
    const auto* type = value.find("type");
    if (type == nullptr)
        fail_at(value.place, "a loss needs `type`", "for example `{type = \"rmse\", variable = \"v\"}`");
    if (type->value.kind != Kind::string) wrong_type("type", "a string", type->value, all);
    loss.type = type->value.text;
    const auto found = std::ranges::find(loss_table, std::string_view(loss.type), &LossKeys::type);
    if (found == loss_table.end()) {
        const std::string hint = did_you_mean(loss.type, types);
        fail_at(type->value.place, fmt::format("there is no loss `{}`", loss.type), hint.empty() ? all : hint);
    }
    std::vector<std::string_view> known{"type", "weight", "phases"};
    if (found->variable) known.emplace_back("variable");
    if (!found->precision.empty()) known.push_back(found->precision);
    const bool voltage = loss.type == "features" || loss.type == "efel";
    if (voltage || loss.type == "spike_features") known.emplace_back("features");
    if (voltage) known.insert(known.end(), {"volts_per_unit", "stimuli"});
    if (loss.type == "features") known.emplace_back("missing");
    const Section section(value, "fit.loss", known);
    if (found->variable) {
        const TomlValue& variable = section.required("variable", "variable = \"v\"");
        (void)section.string("variable", "variable = \"v\"");
        loss.variable = {variable.text, variable.place};
    }
    loss.weight = section.positive("weight").value_or(1);
    loss.phases = section.names("phases", "phases = [\"step\"]");
    if (!found->precision.empty()) {
        const auto* given = section.find(found->precision);
        if (given == nullptr && loss.type != "gamma")
            (void)section.required(found->precision,
                                   loss.type == "van_rossum" ? "tau = \"10 ms\"" : "cost = \"200 Hz\"");
        if (given != nullptr)
            loss.precision = loss.type == "victor_purpura" ? read_frequency(*given, found->precision)
                                                           : read_duration(*given, found->precision, false);
        if (loss.precision && !(loss.precision->quantity.value > 0))
            fail_at(loss.precision->place, fmt::format("`{}` must be positive", found->precision));
    }
    if (voltage || loss.type == "spike_features") read_features(section, loss);
    if (const auto* stimuli = section.find("stimuli")) {
        loss.stimuli = read_stimuli(*stimuli);
        loss.stimuli_place = stimuli->place;
    }
    loss.missing = section.positive("missing").value_or(loss.missing);
    loss.volts_per_unit = section.positive("volts_per_unit");
    return loss;
}

std::vector<ExperimentLossConfig> read_losses(const Section& section) {
    const TomlValue& value = section.required("loss", "loss = [{type = \"rmse\", variable = \"v\"}]");
    std::vector<ExperimentLossConfig> losses;
    if (value.kind == Kind::table) {
        losses.push_back(read_loss(value));
        return losses;
    }
    if (value.kind != Kind::array || value.elements.empty())
        wrong_type("loss", "a table or an array of tables", value, "for example `{type = \"rmse\", variable = \"v\"}`");
    for (const TomlValue& element : value.elements) {
        if (element.kind != Kind::table) wrong_type("loss", "an array of tables", element);
        losses.push_back(read_loss(element));
    }
    return losses;
}

// [low, high], a number, an expression, or a table that says which.
VariableConfig read_variable(const TomlMember& member) {
    VariableConfig variable;
    variable.name = {member.key, member.place};
    const std::string example = fmt::format("for example `{} = [0, 10]`", member.key);
    const auto two = [&](const TomlValue& bounds) {
        if (bounds.kind != Kind::array || bounds.elements.size() != 2)
            wrong_type(member.key, "two bounds", bounds, example);
        std::pair pair(read_quantity(bounds.elements[0], member.key), read_quantity(bounds.elements[1], member.key));
        if (pair.first.quantity.value == pair.second.quantity.value)
            fail_at(bounds.place, fmt::format("the bounds of `{}` are equal", member.key),
                    fmt::format("for a constant write `{} = {{fixed = ...}}`", member.key));
        return pair;
    };
    const auto read_bounds = [&](const TomlValue& bounds) { variable.bounds.emplace(two(bounds)); };
    const TomlValue& value = member.value;
    if (value.kind == Kind::array) {
        read_bounds(value);
    } else if (value.kind == Kind::integer || value.kind == Kind::real) {
        variable.value = read_quantity(value, member.key);
    } else if (value.kind == Kind::string) {
        variable.expression = value;
    } else if (value.kind == Kind::table) {
        const Section section(value, "fit.parameters." + member.key,
                              {"bounds", "scale", "integer", "guess", "fixed", "tied"});
        const auto* bounds = section.find("bounds");
        const auto* fixed = section.find("fixed");
        const auto* tied = section.string("tied", "tied = \"2*a\"");
        const int given = (bounds != nullptr) + (fixed != nullptr) + (tied != nullptr);
        if (given != 1)
            fail_at(value.place, fmt::format("`{}` needs exactly one of `bounds`, `fixed` and `tied`", member.key),
                    example);
        variable.logarithmic = section.choice("scale", {"linear", "log"}, 0) == 1;
        variable.integer = section.boolean("integer").value_or(false);
        if (bounds == nullptr) {
            for (const char* key : {"scale", "integer", "guess"}) {
                if (section.find(key) != nullptr)
                    fail_at(section.find(key)->place,
                            fmt::format("`{}` belongs to bounds, and `{}` has none", key, member.key));
            }
        } else {
            read_bounds(*bounds);
        }
        if (const auto* guess = section.find("guess")) variable.guess.emplace(two(*guess));
        if (fixed != nullptr) variable.value = read_quantity(*fixed, member.key);
        if (tied != nullptr) variable.expression = *tied;
        if (variable.logarithmic) {
            const auto& [low, high] = *variable.bounds;
            if (!(low.quantity.value > 0) || !(high.quantity.value > 0))
                fail_at(bounds->place, fmt::format("a logarithmic scale needs positive bounds of `{}`", member.key));
        }
    } else {
        wrong_type(member.key, "two bounds, a number or an expression", value, example);
    }
    return variable;
}

}  // namespace

ExperimentConfig read_experiment(const TomlValue& table, const std::filesystem::path& folder) {
    const Section section(table, "experiment", {"record", "recording_interval", "phase"});
    ExperimentConfig experiment;
    experiment.place = table.place;
    experiment.record = section.names("record", "record = [\"v\", \"spike\"]");
    experiment.recording_interval = section.duration("recording_interval", false);
    const TomlValue& phases = section.required("phase", "[[experiment.phase]] with duration = \"500 ms\"");
    if (phases.kind != Kind::array || phases.elements.empty())
        wrong_type("phase", "an array of tables", phases, "every phase begins with `[[experiment.phase]]`");
    for (const TomlValue& phase : phases.elements) {
        if (phase.kind != Kind::table) wrong_type("phase", "an array of tables", phase);
        experiment.phases.push_back(read_phase(phase, experiment.phases.size() + 1, folder));
        for (std::size_t k = 0; k + 1 < experiment.phases.size(); ++k) {
            if (experiment.phases[k].name == experiment.phases.back().name)
                fail_at(phase.place, fmt::format("two phases are called `{}`", experiment.phases.back().name));
        }
    }
    if (std::ranges::none_of(experiment.phases, &PhaseConfig::record))
        fail_at(table.place, "no phase is recorded", "`record = false` is for phases before the recorded ones");
    return experiment;
}

ExperimentFitConfig read_experiment_fit(const TomlValue& table) {
    const Section section(
        table, "fit",
        {"parameters", "loss", "n_evaluations", "polish_evaluations", "population", "repetitions", "target_repetitions",
         "noise", "allow_outside_bounds", "stop_at_loss", "checkpoint_interval", "optimizer"});
    ExperimentFitConfig fit;
    fit.place = table.place;
    (void)section.required("parameters", "parameters = {a = [0, 10]}");
    const auto* parameters = section.table("parameters");
    fit.parameters_place = parameters->place;
    for (const TomlMember& member : parameters->members) fit.variables.push_back(read_variable(member));
    if (std::ranges::none_of(fit.variables, [](const VariableConfig& v) { return v.bounds.has_value(); }))
        fail_at(parameters->place, "no parameter is free",
                "give at least one of [fit.parameters] bounds: `a = [0, 10]`");
    fit.losses = read_losses(section);
    const auto whole = [&](std::string_view key, std::int64_t least, std::size_t otherwise) {
        const auto given = section.integer(key, least, 1'000'000'000);
        return given ? static_cast<std::size_t>(*given) : otherwise;
    };
    fit.n_evaluations = whole("n_evaluations", 1, fit.n_evaluations);
    if (const auto* polish = section.find("polish_evaluations")) {
        fit.polish_evaluations = whole("polish_evaluations", 0, 0);
        fit.polish_place = polish->place;
        if (fit.polish_evaluations > 0 && fit.polish_evaluations >= fit.n_evaluations)
            fail_at(polish->place,
                    fmt::format("{} evaluations for polishing leave none of {} for the search before",
                                fit.polish_evaluations, fit.n_evaluations),
                    "they are part of `n_evaluations`");
    }
    fit.population = whole("population", 0, 0);
    fit.repetitions = whole("repetitions", 1, 1);
    fit.target_repetitions = whole("target_repetitions", 1, 1);
    fit.common_noise = section.choice("noise", {"independent", "common"}, 0) == 1;
    fit.allow_outside_bounds = section.boolean("allow_outside_bounds").value_or(false);
    if (const auto* stop = section.find("stop_at_loss")) {
        if (stop->kind != Kind::integer && stop->kind != Kind::real) wrong_type("stop_at_loss", "a number", *stop);
        fit.stop_at_loss = stop->real;
    }
    if (const auto interval = section.duration("checkpoint_interval", true))
        fit.checkpoint_seconds = interval->quantity.value;
    if (const auto* optimizer = section.table("optimizer")) {
        for (const TomlMember& member : optimizer->members) {
            if (member.key == "method") {
                if (member.value.kind != Kind::string)
                    wrong_type("method", "a string", member.value, "for example `method = \"cma\"`");
                fit.method = ConfigName{member.value.text, member.value.place};
            } else if (member.value.kind == Kind::table || member.value.kind == Kind::array ||
                       member.value.kind == Kind::time) {
                wrong_type(member.key, "a number, a string, true or false", member.value);
            } else {
                fit.options.emplace_back(ConfigName{member.key, member.place}, member.value);
            }
        }
    }
    return fit;
}

ModelConfig read_target(const TomlValue& table, const std::filesystem::path& folder, const std::string& name,
                        const ConfigQuantity& dt) {
    const Section section(table, "target", {"model"});
    (void)section.required("model", "[target.model] with the keys of [model]");
    ModelConfig target = read_model_config(*section.table("model"), "target.model", folder, name, dt);
    if (std::abs(target.dt.quantity.value - dt.quantity.value) > 1e-9 * dt.quantity.value)
        fail_at(target.dt.place, "both models run with the same time step", "leave `dt` out of [target.model]");
    return target;
}

}  // namespace spikesmith
