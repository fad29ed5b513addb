#include "spikesmith/cli/config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/core/version.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;
constexpr std::uintmax_t largest_file = 64U << 20U;  // a configuration is text written by a person

std::vector<std::string> read_columns(const TomlValue& columns) {
    const auto example = "for example `columns = [\"v1\", \"v2\"]`; numbers count from 1";
    if (columns.kind != Kind::array || columns.elements.empty())
        wrong_type("columns", "an array of names or numbers", columns, example);
    std::vector<std::string> result;
    for (const auto& element : columns.elements) {
        if (element.kind == Kind::integer && element.integer >= 1) {
            result.push_back(fmt::format("{}", element.integer));
        } else if (element.kind == Kind::string) {
            result.push_back(element.text);
        } else {
            fail_at(element.place, "a column is a name or a number from 1", example);
        }
    }
    return result;
}

// One path or an array of paths.
std::vector<ConfigPath> read_paths(const TomlValue& value, const std::filesystem::path& folder) {
    std::vector<ConfigPath> paths;
    if (value.kind != Kind::array) {
        paths.push_back(read_path(value, "file", folder));
        return paths;
    }
    if (value.elements.empty()) fail_at(value.place, "`file` names no file");
    for (const auto& element : value.elements) paths.push_back(read_path(element, "file", folder));
    return paths;
}

std::string read_unit_text(const Section& section, std::string_view key, const Dimension& dimension) {
    const auto* unit = section.string(key, fmt::format("{} = \"ms\"", key));
    if (unit == nullptr) return {};
    const NamedText named{"unit", unit};
    Unit parsed;
    with_positions_in({&named, 1}, [&] { parsed = parse_recorded_unit(unit->text, named.name); });
    if (!(parsed.dimension == dimension))
        fail_at(unit->place, fmt::format("`{}` must be a unit of time, not of {}", key, parsed.dimension.name()));
    return unit->text;
}

SeriesConfig read_series(const TomlMember& member, const std::string& path, const std::filesystem::path& folder) {
    SeriesConfig series;
    series.name = {member.key, member.place};
    if (member.value.kind == Kind::string || member.value.kind == Kind::array) {  // the short form: only files
        series.files = read_paths(member.value, folder);
        return series;
    }
    if (member.value.kind != Kind::table) {
        wrong_type(member.key, "a table or the path of a file", member.value,
                   fmt::format("for example `{} = {{file = \"current.npy\", unit = \"nA\"}}`", member.key));
    }
    const Section section(
        member.value, path + "." + member.key,
        {"file", "key", "columns", "unit", "orientation", "dt", "index", "index_unit", "header", "delimiter"});
    series.files = read_paths(section.required("file", "file = \"current.npy\""), folder);
    RecordingSource& source = series.source;
    source.key = section.text_or("key", "");
    if (const auto* columns = section.find("columns")) source.columns = read_columns(*columns);
    if (const auto* unit = section.string("unit", "unit = \"mV\"")) {
        const NamedText named{"unit", unit};
        with_positions_in({&named, 1}, [&] { series.unit = parse_recorded_unit(unit->text, named.name); });
        series.unit_place = unit->place;
        source.unit = unit->text;
    }
    constexpr std::array orientations{Orientation::automatic, Orientation::rows, Orientation::columns};
    source.orientation = orientations[section.choice("orientation", {"automatic", "rows", "columns"}, 0)];
    if (const auto* column = section.find("index")) {
        if (column->kind == Kind::integer && column->integer >= 1) {
            source.index = fmt::format("{}", column->integer);
        } else if (column->kind == Kind::string && !column->text.empty()) {
            source.index = column->text;
        } else {
            wrong_type("index", "the name of a column or its number from 1", *column,
                       "\"none\" if there is no such column");
        }
    }
    source.index_unit = read_unit_text(section, "index_unit", dimensions::second);
    if (const auto header = section.boolean("header")) source.header = *header ? Header::present : Header::absent;
    if (const auto* delimiter = section.string("delimiter", "delimiter = \";\"")) {
        if (delimiter->text.size() != 1)
            fail_at(delimiter->place, "`delimiter` must be one character", "one of \",\", \";\", \"\\t\", \" \"");
        source.delimiter = delimiter->text.front();
    }
    series.dt = section.duration("dt", false);
    return series;
}

std::vector<SeriesConfig> read_all_series(const Section& data, std::string_view key,
                                          const std::filesystem::path& folder) {
    std::vector<SeriesConfig> result;
    if (const auto* table = data.table(key)) {
        for (const auto& member : table->members)
            result.push_back(read_series(member, fmt::format("data.{}", key), folder));
    }
    return result;
}

SpikesConfig read_spikes(const TomlMember& member, const std::filesystem::path& folder) {
    SpikesConfig spikes{.files = {}, .key = {}, .unit = {}, .place = member.place};
    if (member.value.kind == Kind::string || member.value.kind == Kind::array) {
        spikes.files = read_paths(member.value, folder);
        return spikes;
    }
    if (member.value.kind != Kind::table) {
        wrong_type("spikes", "a table or the path of a file", member.value,
                   "for example `spikes = {file = \"spikes.csv\", unit = \"ms\"}`");
    }
    const Section section(member.value, "data.spikes", {"file", "key", "unit"});
    spikes.files = read_paths(section.required("file", "file = \"spikes.csv\""), folder);
    spikes.key = section.text_or("key", "");
    spikes.unit = read_unit_text(section, "unit", dimensions::second);
    return spikes;
}

DataConfig read_data(const TomlValue& table, const std::filesystem::path& folder) {
    const Section section(table, "data", {"dt", "inputs", "outputs", "spikes"});
    DataConfig data;
    data.dt = section.duration("dt", false);
    data.inputs = read_all_series(section, "inputs", folder);
    data.outputs = read_all_series(section, "outputs", folder);
    if (const auto* spikes = table.find("spikes")) data.spikes = read_spikes(*spikes, folder);
    return data;
}

ParameterConfig read_parameter(const TomlMember& member) {
    const std::string example = fmt::format("for example `{} = [\"1 nS\", \"100 nS\"]`", member.key);
    ParameterConfig parameter;
    parameter.name = {member.key, member.place};
    const TomlValue* bounds = &member.value;
    if (member.value.kind == Kind::table) {
        const Section section(member.value, "fit.parameters." + member.key,
                              {"bounds", "scale", "integer", "fixed", "tied"});
        bounds = section.find("bounds");
        parameter.scale = section.choice("scale", {"linear", "log"}, 0) == 0 ? Scale::linear : Scale::logarithmic;
        parameter.integer = section.boolean("integer").value_or(false);
        if (const auto* tied = section.string("tied", "tied = \"0.3*g_na\"")) {
            if (bounds != nullptr || section.find("fixed") != nullptr || section.find("scale") != nullptr ||
                section.find("integer") != nullptr)
                fail_at(tied->place,
                        fmt::format("`{}` is tied to others, so nothing else can be said of it", member.key),
                        "give `tied`, or `fixed`, or `bounds`");
            parameter.tied = *tied;
            return parameter;
        }
        if (const auto* fixed = section.find("fixed")) {
            if (bounds != nullptr || section.find("scale") != nullptr)
                fail_at(fixed->place, fmt::format("`{}` is both fixed and free", member.key),
                        "give `fixed`, or `bounds` with `scale`");
            parameter.fixed = read_quantity(*fixed, "fixed");
            return parameter;
        }
        if (bounds == nullptr)
            fail_at(member.place,
                    fmt::format("parameter `{}` has no `bounds`, and is not `fixed` or `tied`", member.key), example);
    } else if (member.value.kind == Kind::string || member.value.kind == Kind::integer ||
               member.value.kind == Kind::real) {
        fail_at(member.value.place, fmt::format("parameter `{}` needs two bounds", member.key),
                example + fmt::format(", or `{} = {{fixed = ...}}`", member.key));
    }
    if (bounds->kind != Kind::array) wrong_type("bounds", "an array of two quantities", *bounds, example);
    if (bounds->elements.size() != 2) {
        fail_at(bounds->place,
                fmt::format("parameter `{}` needs two bounds, not {}", member.key, bounds->elements.size()), example);
    }
    parameter.low = read_quantity(bounds->elements[0], "bounds");
    parameter.high = read_quantity(bounds->elements[1], "bounds");
    Quantity& low = parameter.low.quantity;
    Quantity& high = parameter.high.quantity;
    if (low.value == 0 && low.dimension.dimensionless()) low.dimension = high.dimension;  // zero has any unit
    if (high.value == 0 && high.dimension.dimensionless()) high.dimension = low.dimension;
    if (!(low.dimension == high.dimension)) {
        fail_at(parameter.high.place, fmt::format("the bounds of `{}` differ in dimension: {} and {}", member.key,
                                                  low.dimension.name(), high.dimension.name()));
    }
    if (!(low.value < high.value)) {
        fail_at(bounds->place, fmt::format("the lower bound of `{}` is not below the upper one", member.key),
                "write the smaller one first");
    }
    if (parameter.scale == Scale::logarithmic && !(low.value > 0)) {
        fail_at(parameter.low.place, fmt::format("a logarithmic scale needs positive bounds, but `{}` starts at {}",
                                                 member.key, format_quantity(low)));
    }
    return parameter;
}

// [fit.metric] and below: the metric of all traces, and those of single outputs; an array of tables for several metrics of one.
void read_metrics(const Section& fit_section, FitConfig& fit) {
    const auto* table = fit_section.table("metric");
    TomlValue empty;
    empty.place = fit.place;
    fit.metric = read_metric(table == nullptr ? empty : *table, "fit.metric", nullptr, false);
    if (table == nullptr) return;
    const auto* outputs = table->find("outputs");
    if (outputs == nullptr) return;
    if (outputs->value.kind != Kind::table)
        wrong_type("outputs", "a table", outputs->value, "one table for each output: `[fit.metric.outputs.v]`");
    for (const auto& member : outputs->value.members) {
        const std::vector<TomlValue> single{member.value};
        const auto& tables = member.value.kind == Kind::array ? member.value.elements : single;
        for (const TomlValue& own : tables) {
            if (own.kind != Kind::table) wrong_type(member.key, "a table", own);
            fit.output_metrics.emplace_back(
                ConfigName{member.key, member.place},
                read_metric(own, "fit.metric.outputs." + member.key, &fit.metric, member.key == "spikes"));
        }
    }
}

FitConfig read_fit(const TomlValue& table) {
    const Section section(table, "fit",
                          {"outputs", "n_samples", "n_rounds", "penalty", "duration", "trace_weights",
                           "checkpoint_interval", "polish", "parameters", "optimizer", "metric"});
    FitConfig fit;
    fit.place = table.place;
    fit.outputs = section.names("outputs", "outputs = [\"v\"]");
    fit.n_samples = static_cast<int>(section.integer("n_samples", 1, 10'000'000).value_or(fit.n_samples));
    fit.n_rounds = static_cast<int>(section.integer("n_rounds", 1, 10'000'000).value_or(fit.n_rounds));
    if (const auto* penalty = section.string("penalty", "penalty = \"cost\""))
        fit.penalty = ConfigName{penalty->text, penalty->place};
    fit.duration = section.duration("duration", false);
    if (const auto interval = section.duration("checkpoint_interval", true))
        fit.checkpoint_seconds = interval->quantity.value;
    fit.polish = static_cast<int>(section.integer("polish", 0, 10'000'000).value_or(0));
    if (const auto* weights = section.find("trace_weights")) {
        if (weights->kind != Kind::array) wrong_type("trace_weights", "an array of numbers, one per trace", *weights);
        fit.trace_weights_place = weights->place;
        for (const auto& element : weights->elements) {
            if (element.kind != Kind::integer && element.kind != Kind::real)
                wrong_type("trace_weights", "an array of numbers", element);
            fit.trace_weights.push_back(element.real);
        }
    }
    (void)section.required("parameters", "parameters = {g = [\"1 nS\", \"100 nS\"]}");
    const auto* parameters = section.table("parameters");
    for (const auto& member : parameters->members) fit.parameters.push_back(read_parameter(member));
    if (std::all_of(fit.parameters.begin(), fit.parameters.end(), [](const auto& p) { return p.fixed || p.tied; })) {
        fail_at(parameters->place, "no parameter is free",
                "give at least one of [fit.parameters] bounds: `g = [\"1 nS\", \"100 nS\"]`");
    }
    if (const auto* optimizer = section.table("optimizer")) {
        for (const auto& member : optimizer->members) {
            if (member.key == "method") {
                if (member.value.kind != Kind::string)
                    wrong_type("method", "a string", member.value, "for example `method = \"differential_evolution\"`");
                fit.optimizer.method = ConfigName{member.value.text, member.value.place};
            } else if (member.value.kind == Kind::table || member.value.kind == Kind::array ||
                       member.value.kind == Kind::time) {
                wrong_type(member.key, "a number, a string, true or false", member.value);
            } else {
                fit.optimizer.options.push_back({{member.key, member.place}, member.value});
            }
        }
    }
    read_metrics(section, fit);
    return fit;
}

// Quantities by name: `start = {gl = "10 nS"}`.
std::vector<std::pair<ConfigName, ConfigQuantity>> read_quantities(const TomlValue* table) {
    std::vector<std::pair<ConfigName, ConfigQuantity>> result;
    if (table == nullptr) return result;
    for (const auto& member : table->members)
        result.emplace_back(ConfigName{member.key, member.place}, read_quantity(member.value, member.key));
    return result;
}

SimulateConfig read_simulate(const TomlValue& table) {
    const Section section(table, "simulate", {"parameters", "outputs", "duration", "csv"});
    SimulateConfig simulate;
    simulate.parameters = read_quantities(section.table("parameters"));
    simulate.outputs = section.names("outputs", "outputs = [\"v\"]");
    simulate.duration = section.duration("duration", false);
    simulate.csv = section.boolean("csv").value_or(false);
    return simulate;
}

RefineConfig read_refine(const TomlValue& table) {
    const Section section(table, "refine",
                          {"start", "n_starts", "method", "derivatives", "max_iterations", "hops", "confidence"});
    RefineConfig refine;
    refine.start = read_quantities(section.table("start"));
    refine.n_starts = static_cast<int>(section.integer("n_starts", 1, 100'000).value_or(1));
    if (const auto* method = section.string("method", "method = \"least_squares\""))
        refine.method = ConfigName{method->text, method->place};
    if (const auto* derivatives = section.string("derivatives", "derivatives = \"differences\""))
        refine.derivatives = ConfigName{derivatives->text, derivatives->place};
    refine.max_iterations =
        static_cast<int>(section.integer("max_iterations", 1, 1'000'000).value_or(refine.max_iterations));
    refine.hops = static_cast<int>(section.integer("hops", 0, 1'000'000).value_or(0));
    if (const auto confidence = section.positive("confidence")) {
        refine.confidence = *confidence;
        if (!(refine.confidence < 1))
            fail_at(section.find("confidence")->place, "`confidence` must be below 1", "for example 0.95");
    }
    return refine;
}

LandscapeConfig read_landscape(const TomlValue& table) {
    const Section section(table, "landscape", {"parameters", "points", "ranges"});
    LandscapeConfig landscape;
    landscape.parameters = section.names("parameters", "parameters = [\"g_na\", \"g_kd\"]");
    landscape.points = static_cast<int>(section.integer("points", 2, 2000).value_or(landscape.points));
    if (const auto* ranges = section.table("ranges")) {
        for (const auto& member : ranges->members) {
            if (member.value.kind != Kind::array || member.value.elements.size() != 2)
                wrong_type(member.key, "an array of two quantities", member.value,
                           fmt::format("for example `{} = [\"1 nS\", \"100 nS\"]`", member.key));
            landscape.ranges.emplace_back(ConfigName{member.key, member.place},
                                          std::pair{read_quantity(member.value.elements[0], member.key),
                                                    read_quantity(member.value.elements[1], member.key)});
        }
    }
    return landscape;
}

RunConfig read_run(const TomlValue& table) {
    const Section section(table, "run", {"seed", "threads", "width", "precision", "folder"});
    RunConfig run;
    run.seed =
        static_cast<std::uint64_t>(section.integer("seed", 0, std::numeric_limits<std::int64_t>::max()).value_or(0));
    run.threads = static_cast<int>(section.integer("threads", 0, 4096).value_or(0));
    run.width = static_cast<int>(section.integer("width", 0, 8).value_or(0));
    if (const auto* width = section.find("width");
        width != nullptr && run.width != 0 && (run.width & (run.width - 1)) != 0) {
        fail_at(width->place, fmt::format("`width` is {}, but must be 1, 2, 4 or 8", run.width),
                "0 takes the widest vectors of this machine");
    }
    run.precision = section.choice("precision", {"double", "single"}, 0) == 0 ? Precision::double_precision
                                                                              : Precision::single_precision;
    if (const auto* folder = section.string("folder", "folder = \"runs/first\"")) {
        if (folder->text.empty() || folder->text.find('\0') != std::string::npos)
            fail_at(folder->place, "`folder` is not a path");
        run.folder = folder->text;
    }
    return run;
}

Config read_tree(TomlValue tree, const std::filesystem::path& file, std::string name) {
    const Section section(tree, "",
                          {"model", "data", "experiment", "target", "fit", "simulate", "features", "refine",
                           "landscape", "infer", "run"});
    const std::filesystem::path folder = file.parent_path();
    Config config;
    config.file = file;
    config.name = std::move(name);
    if (section.find("model") == nullptr)
        fail_at(tree.place, "the file has no section [model]", "it begins with `[model]` and `equations = ...`");
    config.model = read_model_config(*section.table("model"), "model", folder, config.name);
    if (const auto* data = section.table("data")) config.data = read_data(*data, folder);
    if (const auto* experiment = section.table("experiment")) {
        config.experiment = read_experiment(*experiment, folder);
        if (!config.data.inputs.empty())
            fail_at(config.data.inputs.front().name.place, "an experiment has its stimuli in its phases",
                    "for example `drive = {I = {wave = \"array\", file = \"current.csv\"}}` in [[experiment.phase]]");
        if (const auto* fit = section.table("fit")) config.experiment_fit = read_experiment_fit(*fit);
    } else if (const auto* fit = section.table("fit")) {
        config.fit = read_fit(*fit);
    }
    if (const auto* target = section.table("target")) {
        if (!config.experiment)
            fail_at(target->place, "[target] is what an experiment reproduces, but there is no [experiment]",
                    "recordings to fit belong to [data.outputs]");
        config.target = read_target(*target, folder, config.model.name + ", target", config.model.dt);
    }
    if (const auto* simulate = section.table("simulate")) config.simulate = read_simulate(*simulate);
    if (const auto* features = section.table("features")) config.features = read_features(*features);
    if (const auto* refine = section.table("refine")) config.refine = read_refine(*refine);
    if (const auto* landscape = section.table("landscape")) config.landscape = read_landscape(*landscape);
    if (const auto* infer = section.table("infer")) config.infer = read_infer(*infer, folder);
    if (const auto* run = section.table("run")) config.run = read_run(*run);
    config.tree = std::move(tree);
    return config;
}

Config read_source(SourceText text, const std::filesystem::path& file, std::string name,
                   const std::vector<Override>& overrides) {
    TomlValue tree = parse_toml(std::make_shared<const SourceText>(std::move(text)));
    for (const auto& [assignment, option] : overrides) apply_override(tree, assignment, option);
    return read_tree(std::move(tree), file, std::move(name));
}

void make_relative(TomlValue& value, const std::filesystem::path& from, const std::filesystem::path& to) {
    for (TomlValue& element : value.elements) make_relative(element, from, to);
    if (value.kind != Kind::string) return;
    const std::filesystem::path written = value.text;
    if (written.is_absolute()) return;
    std::error_code error;
    const auto target = std::filesystem::absolute(from / written, error).lexically_normal();
    const auto base = std::filesystem::absolute(to, error).lexically_normal();
    const auto relative = target.lexically_relative(base);
    value.text = relative.empty() ? target.string() : relative.generic_string();
}

// Files of waves in the phases of an experiment.
void make_waves_relative(TomlValue& experiment, const std::filesystem::path& from, const std::filesystem::path& to) {
    TomlMember* phases = experiment.find("phase");
    if (phases == nullptr) return;
    for (TomlValue& phase : phases->value.elements) {
        for (const auto* key : {"drive", "clamp"}) {
            TomlMember* waves = phase.find(key);
            if (waves == nullptr) continue;
            for (TomlMember& wave : waves->value.members) {
                if (auto* file = wave.value.find("file")) make_relative(file->value, from, to);
            }
        }
    }
}

}  // namespace

Config read_config(const std::filesystem::path& file, const std::vector<Override>& overrides) {
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (!std::filesystem::exists(status))
        throw ConfigError(fmt::format("there is no configuration file `{}`", file.string()));
    if (std::filesystem::is_directory(status)) {
        const bool has_config = std::filesystem::exists(file / "config.toml", error);
        throw ConfigError(
            fmt::format("`{}` is a folder", file.string()),
            has_config ? fmt::format("did you mean `{}`?", (file / "config.toml").string()) : "name a TOML file");
    }
    if (std::filesystem::is_regular_file(status) && std::filesystem::file_size(file, error) > largest_file) {
        throw ConfigError(fmt::format("`{}` is too large for a configuration", file.string()),
                          "data belong in files of their own, named in [data]");
    }
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    if (!stream) throw ConfigError(fmt::format("cannot read `{}`", file.string()));
    std::string name = file.stem().string();
    // A file called config.toml is named by its folder.
    if (name == "config") {
        const auto folder = std::filesystem::absolute(file, error).lexically_normal().parent_path().filename().string();
        if (!folder.empty()) name = folder;
    }
    return read_source({file.string(), std::move(content).str()}, file, std::move(name), overrides);
}

Config read_config_text(const SourceText& text, const std::vector<Override>& overrides) {
    return read_source(text, {}, text.name, overrides);
}

std::string config_as_run(const Config& config, const std::filesystem::path& folder) {
    TomlValue tree = config.tree;
    const auto from = config.file.parent_path();
    if (auto* model = tree.find("model")) {
        if (auto* file = model->value.find("file")) make_relative(file->value, from, folder);
    }
    if (auto* target = tree.find("target")) {
        if (auto* model = target->value.find("model")) {
            if (auto* file = model->value.find("file")) make_relative(file->value, from, folder);
        }
    }
    if (auto* experiment = tree.find("experiment")) make_waves_relative(experiment->value, from, folder);
    if (auto* data = tree.find("data")) {
        for (const auto* key : {"inputs", "outputs"}) {
            auto* series = data->value.find(key);
            if (series == nullptr) continue;
            for (auto& member : series->value.members) {
                TomlMember* file = member.value.kind == Kind::table ? member.value.find("file") : &member;
                if (file != nullptr) make_relative(file->value, from, folder);
            }
        }
        if (auto* spikes = data->value.find("spikes")) {
            TomlMember* file = spikes->value.kind == Kind::table ? spikes->value.find("file") : spikes;
            if (file != nullptr) make_relative(file->value, from, folder);
        }
    }
    if (auto* infer = tree.find("infer")) {
        TomlMember* embedding = infer->value.find("embedding");
        TomlMember* file = embedding != nullptr ? embedding->value.find("file") : nullptr;
        if (file != nullptr) make_relative(file->value, from, folder);
    }
    if (auto* run = tree.find("run")) {
        std::erase_if(run->value.members, [](const auto& member) { return member.key == "folder"; });
    }
    return fmt::format("# As it was run by spikesmith {}: overrides applied, paths relative to this folder.\n\n{}",
                       version, to_toml(tree));
}

}  // namespace spikesmith
