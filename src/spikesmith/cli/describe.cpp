#include "spikesmith/cli/describe.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/lang/neuron_library.hpp"
#include "spikesmith/optimize/methods.hpp"
#include "spikesmith/report/text_table.hpp"

namespace spikesmith {
namespace {

std::string unit_of(const Dimension& dimension) {
    return dimension.dimensionless() ? "1" : dimension.name();
}

std::string type_and_unit(const Dimension& dimension, ValueType type) {
    switch (type) {
        case ValueType::boolean:
            return "boolean";
        case ValueType::integer:
            return "integer";
        case ValueType::real:
            return unit_of(dimension);
    }
    return {};
}

// On one line.
std::string flat(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!blank) {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
}

std::string flags(std::initializer_list<std::pair<bool, const char*>> items) {
    std::string out;
    for (const auto& [on, name] : items) {
        if (on) out += (out.empty() ? "(" : ", ") + std::string(name);
    }
    return out.empty() ? out : out + ")";
}

struct Extent {
    double low = 0, high = 0;
};
Extent extent(const Array2& values) {
    Extent result;
    bool first = true;
    for (const double value : values.values) {
        if (std::isnan(value)) continue;  // gaps, and what is behind the end of shorter traces
        result = first ? Extent{value, value} : Extent{std::min(result.low, value), std::max(result.high, value)};
        first = false;
    }
    return result;
}

// "100 ms", or "40 ms to 1 s" if traces differ.
std::string range_of(std::vector<double> values) {
    std::ranges::sort(values);
    const std::string low = format_quantity({values.front(), dimensions::second});
    const std::string high = format_quantity({values.back(), dimensions::second});
    return low == high ? low : low + " to " + high;
}

// Of the traces of a series.
struct Sampling {
    std::vector<double> samples, intervals, durations;
};
Sampling sampling_of(const Series& series) {
    Sampling result;
    for (std::size_t r = 0; r < series.values.rows; ++r) {
        const double dt = series.trace_dt.empty() ? series.dt : series.trace_dt[r];
        const auto samples = static_cast<double>(series.samples(r));
        result.samples.push_back(samples);
        result.intervals.push_back(dt);
        result.durations.push_back(samples * dt);
    }
    return result;
}

std::string written(const std::optional<TomlValue>& value) {
    return value ? flat(value->text) : std::string{};
}

std::string_view method_name(Update::Method method) {
    switch (method) {
        case Update::Method::assignment:
            return "assignment";
        case Update::Method::explicit_euler:
            return "explicit";
        case Update::Method::midpoint:
            return "midpoint";
        case Update::Method::rk4:
            return "rk4";
        case Update::Method::exponential:
            return "exponential";
        case Update::Method::semi_implicit:
            return "semiimplicit";
        case Update::Method::implicit:
            return "implicit";
    }
    return {};
}

// What a variable or parameter starts with.
std::string initial_text(const Model& model, const std::string& name) {
    const auto found = std::ranges::find(model.initial_values, name, &InitialValue::name);
    return found == model.initial_values.end() ? "0" : to_string(found->value);
}

// Equations in their order, each with its method; all parameters have values.
std::string describe_annarchy_model(const Model& model, const ModelConfig& config) {
    std::string out = fmt::format("Model: {}\n\nEquations\n", model.name);
    for (std::size_t at = 0; at < model.text.size();) {
        const std::size_t end = std::min(model.text.find('\n', at), model.text.size());
        const std::string line = flat(model.text.substr(at, end - at));
        if (!line.empty() && line != " ") out += fmt::format("  {}\n", line.starts_with(' ') ? line.substr(1) : line);
        at = end + 1;
    }
    std::vector<std::vector<std::string>> rows;
    for (const Update& update : model.updates) {
        const State& state = model.states[update.state];
        rows.push_back({state.name, std::string(method_name(update.method)), "= " + initial_text(model, state.name),
                        flags({{state.unless_refractory, "unless refractory"}})});
    }
    out += fmt::format("\nVariables, in the order of their updates (times in ms)\n{}",
                       text_table({{"variable"}, {"method"}, {"at the start"}, {""}}, rows));
    rows.clear();
    for (const Parameter& parameter : model.parameters)
        rows.push_back({parameter.name, "= " + initial_text(model, parameter.name),
                        flags({{parameter.constant, "constant"}, {parameter.shared, "population"}})});
    if (!rows.empty()) out += fmt::format("\nParameters\n{}", text_table({{"name"}, {"value"}, {""}}, rows));
    rows.clear();
    for (const Input& input : model.inputs) rows.push_back({input.name});
    if (!rows.empty()) out += fmt::format("\nInputs\n{}", text_table({{"name"}}, rows));
    if (!model.threshold) return out;
    out += "\nSpikes\n";
    std::string spike = written(config.threshold), reset = written(config.reset);
    std::string refractory = written(config.refractory);
    if (config.neuron) {
        const AnnarchyNeuronText& text = find_library_neuron(config.neuron->name).text;
        spike = text.spike.value_or("");
        reset = flat(text.reset);
        refractory = text.refractory;
    }
    for (const auto& [title, text] : {std::pair{"spike", spike}, {"reset", reset}, {"refractory", refractory}}) {
        if (!text.empty()) out += fmt::format("  {:<10}  {}\n", title, text);
    }
    return out;
}

}  // namespace

std::string describe_model(const Model& model, const ModelConfig& config) {
    if (config.language == ModelLanguage::annarchy) return describe_annarchy_model(model, config);
    std::string out = fmt::format("Model: {}\n", model.name);
    const auto section = [&](const char* title, const std::vector<TableColumn>& columns,
                             const std::vector<std::vector<std::string>>& rows) {
        if (rows.empty()) return;
        out += fmt::format("\n{}\n{}", title, text_table(columns, rows));
    };
    std::vector<std::vector<std::string>> rows;
    for (const auto& s : model.states)
        rows.push_back({fmt::format("d{}/dt", s.name), "= " + flat(s.text), unit_of(s.dimension),
                        flags({{s.unless_refractory, "unless refractory"}})});
    section("State variables", {{"derivative"}, {""}, {"unit of the variable"}, {""}}, rows);
    rows.clear();
    for (const auto& s : model.subexpressions)
        rows.push_back({s.name, "= " + flat(s.text), type_and_unit(s.dimension, s.type),
                        flags({{s.constant_over_dt, "constant over dt"}, {s.shared, "shared"}})});
    section("Subexpressions", {{"name"}, {""}, {"unit"}, {""}}, rows);
    rows.clear();
    for (const auto& p : model.parameters)
        rows.push_back(
            {p.name, type_and_unit(p.dimension, p.type), flags({{p.constant, "constant"}, {p.shared, "shared"}})});
    section("Parameters", {{"name"}, {"unit"}, {""}}, rows);
    rows.clear();
    for (const auto& input : model.inputs) rows.push_back({input.name, unit_of(input.dimension)});
    section("Inputs", {{"name"}, {"unit"}}, rows);
    rows.clear();
    for (const auto& [name, value] : config.constants) rows.push_back({name, "= " + flat(value.text)});
    section("Constants", {{"name"}, {""}}, rows);
    rows.clear();
    for (const auto& [name, value] : config.initial_values) rows.push_back({name, "= " + flat(value.text)});
    for (const auto& s : model.states) {
        const bool given = std::any_of(config.initial_values.begin(), config.initial_values.end(),
                                       [&](const auto& v) { return v.first == s.name; });
        if (!given) rows.push_back({s.name, "= 0"});
    }
    section("Initial values", {{"name"}, {""}}, rows);
    if (config.threshold || config.reset || config.refractory) {
        out += "\nSpikes\n";
        if (config.threshold) out += fmt::format("  threshold   {}\n", written(config.threshold));
        if (config.reset) out += fmt::format("  reset       {}\n", written(config.reset));
        if (config.refractory) {
            out += fmt::format("  refractory  {}{}\n", written(config.refractory),
                               model.refractory.kind == Refractory::Kind::condition ? " (while this is true)" : "");
        }
    }
    if (!model.noise.empty()) out += fmt::format("\nNoise: {}\n", fmt::join(model.noise, ", "));
    return out;
}

std::string describe_data(const Problem& problem) {
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const Series& series, const char* role) {
        const Extent range = extent(series.values);
        const Sampling sampling = sampling_of(series);
        const auto [fewest, most] = std::ranges::minmax(sampling.samples);
        const std::string samples = fewest == most ? fmt::format("{}", most) : fmt::format("{} to {}", fewest, most);
        rows.push_back({role, series.name, fmt::format("{} x {}", series.values.rows, samples),
                        range_of(sampling.intervals), range_of(sampling.durations),
                        format_quantity({range.low, series.dimension}), format_quantity({range.high, series.dimension}),
                        series.source});
    };
    for (const auto& series : problem.data.inputs) add(series, "input");
    for (const auto& series : problem.data.outputs) add(series, "output");
    if (problem.data.spikes) {
        std::size_t n_spikes = 0;
        for (const auto& train : *problem.data.spikes) n_spikes += train.size();
        rows.push_back({"spikes", fmt::format("{} in all", n_spikes), fmt::format("{}", problem.data.spikes->size()),
                        "", "", "", "", problem.config.data.spikes->files.front().path.string()});
    }
    if (rows.empty()) return {};
    return "\nData\n" + text_table({{""},
                                    {"variable"},
                                    {"traces x samples"},
                                    {"interval", Align::right},
                                    {"duration", Align::right},
                                    {"lowest", Align::right},
                                    {"highest", Align::right},
                                    {"from"}},
                                   rows);
}

std::string describe_fit(const Problem& problem) {
    if (!problem.config.fit) return {};
    const FitConfig& fit = *problem.config.fit;
    std::string out = fmt::format("\nFit: {} rounds of {} parameter sets, {}\n", fit.n_rounds, fit.n_samples,
                                  fit.optimizer.method ? fit.optimizer.method->name : std::string(standard_optimizer));
    std::vector<std::vector<std::string>> rows;
    for (const auto& p : fit.parameters) {
        if (p.fixed) {
            rows.push_back({p.name.name, "= " + format_quantity(p.fixed->quantity)});
        } else if (p.tied) {
            rows.push_back({p.name.name, "= " + flat(p.tied->text)});
        } else {
            rows.push_back({p.name.name, format_quantity(p.low.quantity) + " to " + format_quantity(p.high.quantity),
                            std::string(scale_name(p.scale)) + (p.integer ? ", whole" : "")});
        }
    }
    return out + text_table({{"parameter"}, {"bounds"}, {"scale"}}, rows);
}

nlohmann::ordered_json describe_json(const Problem& problem, const UpdateProgram& program) {
    using Json = nlohmann::ordered_json;
    const Model& model = problem.model;
    const ModelConfig& config = problem.config.model;
    Json json;
    json["name"] = model.name;
    auto& states = json["states"] = Json::array();
    for (const auto& s : model.states) {
        const auto initial = std::find_if(config.initial_values.begin(), config.initial_values.end(),
                                          [&](const auto& v) { return v.first == s.name; });
        if (config.language == ModelLanguage::annarchy) {
            const auto update =
                std::ranges::find(model.updates, static_cast<std::size_t>(&s - model.states.data()), &Update::state);
            states.push_back({{"name", s.name},
                              {"unit", "1"},
                              {"right_side", flat(s.text)},
                              {"method", update == model.updates.end() ? "" : method_name(update->method)},
                              {"unless_refractory", s.unless_refractory},
                              {"initial_value", initial_text(model, s.name)}});
            continue;
        }
        states.push_back(
            {{"name", s.name},
             {"unit", unit_of(s.dimension)},
             {"derivative", flat(s.text)},
             {"unless_refractory", s.unless_refractory},
             {"initial_value", initial == config.initial_values.end() ? "0" : flat(initial->second.text)}});
    }
    auto& subexpressions = json["subexpressions"] = Json::array();
    for (const auto& s : model.subexpressions)
        subexpressions.push_back(
            {{"name", s.name}, {"unit", type_and_unit(s.dimension, s.type)}, {"value", flat(s.text)}});
    auto& parameters = json["parameters"] = Json::array();
    for (const auto& p : model.parameters)
        parameters.push_back({{"name", p.name}, {"unit", type_and_unit(p.dimension, p.type)}});
    if (config.language == ModelLanguage::annarchy) {
        for (std::size_t k = 0; k < model.parameters.size(); ++k)
            parameters[k]["value"] = initial_text(model, model.parameters[k].name);
    }
    auto& inputs = json["inputs"] = Json::array();
    for (const auto& input : model.inputs) inputs.push_back({{"name", input.name}, {"unit", unit_of(input.dimension)}});
    auto& constants = json["constants"] = Json::object();
    for (const auto& [name, value] : config.constants) constants[name] = value.text;
    if (config.threshold) json["threshold"] = written(config.threshold);
    if (config.reset) json["reset"] = written(config.reset);
    if (config.refractory) json["refractory"] = written(config.refractory);
    json["method"] = program.method;
    json["notes"] = program.notes;
    json["dt"] = program.dt;
    auto& data = json["data"] = Json::array();
    const auto add = [&](const Series& series, const char* role) {
        data.push_back({{"role", role},
                        {"name", series.name},
                        {"n_traces", series.values.rows},
                        {"n_samples", series.values.columns},
                        {"dt", series.dt},
                        {"unit", unit_of(series.dimension)},
                        {"source", series.source}});
    };
    for (const auto& series : problem.data.inputs) add(series, "input");
    for (const auto& series : problem.data.outputs) add(series, "output");
    json["warnings"] = problem.warnings;
    json["program"] = to_string(program);
    return json;
}

}  // namespace spikesmith
