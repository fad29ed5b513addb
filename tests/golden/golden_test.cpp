// Reference simulations of tests/data/golden, from model text to traces: every case there is a test here.
//
// Neuron r of a case has parameter set r and input row r, so a case runs as samples x traces and its neurons are the diagonal.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "spikesmith/core/array.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/simulate/ensemble.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {
namespace {

using nlohmann::json;
const std::filesystem::path directory = std::filesystem::path(SPIKESMITH_TEST_DATA) / "golden";

json read_json(const std::filesystem::path& path) {
    return json::parse(std::ifstream(path));
}

std::vector<std::string> golden_cases() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".json" && read_json(entry.path()).contains("model"))
            names.push_back(entry.path().stem());
    }
    std::ranges::sort(names);
    return names;
}

// A plain file beside the case, or the array of that name in the archive of its family.
Array2 golden_array(const std::string& file) {
    if (std::filesystem::exists(directory / file)) return to_array2(read_npy(directory / file), file);
    const json duplicates = read_json(directory / "duplicates.json");
    const std::string stored = duplicates.value(file, file);
    const std::string family = stored.substr(0, stored.find('_'));
    return to_array2(read_npz(directory / (family + ".npz")).array(stored.substr(0, stored.rfind(".npy"))), file);
}

std::string with_unit(double value, const std::string& unit) {
    return fmt::format("{:.17g}*{}", value, unit);
}

// The files give constants in SI numbers; these are their units.
std::string unit_of_constant(const std::string& name) {
    static const std::map<std::string, std::string> units = {
        {"C", "farad"},  {"Cm", "farad"}, {"gL", "siemens"},  {"EL", "volt"},   {"El", "volt"},     {"EK", "volt"},
        {"ENa", "volt"}, {"VT", "volt"},  {"DeltaT", "volt"}, {"Vcut", "volt"}, {"taue", "second"}, {"taui", "second"},
    };
    const auto found = units.find(name);
    if (found == units.end())
        throw std::runtime_error("golden_test.cpp does not know the unit of the constant " + name);
    return found->second;
}

std::string unit_of_state(const std::string& equations, const std::string& name) {
    std::smatch match;
    if (!std::regex_search(equations, match, std::regex("d" + name + "/dt[^:]*:\\s*(\\w+)"))) {
        throw std::runtime_error("no equation of " + name);
    }
    return match[1];
}

double element(const json& value, std::size_t neuron) {
    return value.is_array() ? value.at(neuron).get<double>() : value.get<double>();
}

struct GoldenCase {
    json file;
    std::size_t n_neurons = 0;
    std::size_t n_steps = 0;
    Model model;
    Array2 parameters;  // in the order of model.parameters
    EnsembleData data;

    [[nodiscard]] std::size_t trace_of(std::size_t neuron) const { return data.n_traces == 1 ? 0 : neuron; }
    [[nodiscard]] UpdateProgram program() const {
        std::vector<std::string> outputs;
        for (const auto& [name, array] : file.at("files").items()) outputs.push_back(name);
        return integrate(model, {.method = file.at("method"), .dt = file.at("dt"), .outputs = outputs});
    }
};

// The input that the case describes in words: its name in the equations, its array and sampling interval. In the equations the
// line `I = input_var(t, i % n_traces) : amp`, if there is one, becomes the declaration `I : amp`.
void read_input(const json& file, BrianModelText& text, EnsembleData& data) {
    const std::regex input_line("(\\w+) = input_var\\([^:]*: *(\\w+)");
    std::smatch match;
    if (std::regex_search(text.equations.text, match, input_line)) {
        text.inputs = {match[1]};
        text.equations.text = std::regex_replace(text.equations.text, input_line, "$1 : $2");
    } else {
        text.inputs = {"I"};
        text.input_dimensions["I"] = dimensions::ampere;  // named in the equations, declared nowhere
    }
    const std::string description = file.at("input");
    double period = file.at("dt");
    if (std::regex_search(description, match, std::regex("period ([0-9.]+) ms"))) period = std::stod(match[1]) * 1e-3;
    if (!std::regex_search(description, match, std::regex("\\w+\\.npy"))) throw std::runtime_error("no input array");
    data.inputs[text.inputs.front()] = {period, golden_array(match[0])};
}

GoldenCase load(const std::string& name) {
    GoldenCase golden;
    golden.file = read_json(directory / (name + ".json"));
    const json& file = golden.file;
    golden.n_neurons = file.at("shape").at(0);
    golden.n_steps = file.at("shape").at(1);
    golden.data.n_traces = file.contains("input") ? golden.n_neurons : 1;
    golden.data.n_steps = golden.n_steps;

    BrianModelText text;
    text.equations = {name, file.at("model")};
    if (file.contains("input")) read_input(file, text, golden.data);
    const json constants = file.value("constants", json::object());
    for (const auto& [constant, value] : constants.items()) {
        text.constants.emplace_back(constant, with_unit(value, unit_of_constant(constant)));
    }
    std::map<std::string, json> parameters = file.at("parameters");
    for (const auto& [variable, value] : file.at("init").items()) {
        if (value.is_string()) {
            text.initial_values.emplace_back(variable, value);
        } else {  // a parameter, so that it may differ between neurons
            const std::string start = variable + "_start";
            text.equations.text +=
                fmt::format("\n{} : {} (constant)", start, unit_of_state(text.equations.text, variable));
            text.initial_values.emplace_back(variable, start);
            parameters[start] = value;
        }
    }
    if (file.contains("threshold")) text.threshold = file["threshold"];
    if (file.contains("reset") && file["reset"].is_string()) text.reset = file["reset"];
    if (file.contains("refractory") && file["refractory"].is_string() && file["refractory"] != "False") {
        text.refractory = file["refractory"];
    }
    golden.model = parse_brian(text);

    golden.parameters = Array2(golden.n_neurons, golden.model.parameters.size());
    for (std::size_t p = 0; p < golden.model.parameters.size(); ++p) {
        const json& value = parameters.at(golden.model.parameters[p].name);
        for (std::size_t r = 0; r < golden.n_neurons; ++r) golden.parameters(r, p) = element(value, r);
    }
    return golden;
}

// 1e-9 V; for dimensionless variables 1e-9 absolute or relative; for others 1e-9 of the largest value.
double tolerance(const Dimension& dimension, double reference, double largest) {
    if (dimension == dimensions::volt) return 1e-9;
    if (dimension.dimensionless()) return 1e-9 * std::max(1.0, std::fabs(reference));
    return 1e-9 * largest;
}

double largest_magnitude(std::span<const double> values) {
    double largest = 0;
    for (const double value : values) largest = std::max(largest, std::fabs(value));
    return largest;
}

std::vector<std::int32_t> reference_spikes(const GoldenCase& golden, std::size_t neuron) {
    std::vector<std::int32_t> steps;
    for (const double time : golden.file.at("spike_times_s").at(neuron)) {
        steps.push_back(static_cast<std::int32_t>(std::lround(time / golden.file.at("dt").get<double>())));
    }
    return steps;
}

// The upstroke of a quadratic model blows up in finite time, and with it every rounding error: the reference tool's own two
// code generators differ by up to 0.16 in v (`cython_max_abs_diff`). So the spike steps are the measure, the last 2 ms before
// a spike are left out, and elsewhere rounding may have grown by 2.5 at each spike, which exceeds 1e-9 after 15 of them.
struct BlowUp {
    bool happens = false;
    double dt = 0;

    explicit BlowUp(const GoldenCase& golden)
        : happens(golden.file.at("name").get<std::string>().starts_with("izhikevich")), dt(golden.file.at("dt")) {}

    [[nodiscard]] bool excludes(std::size_t step, const std::vector<std::int32_t>& spikes) const {
        const auto next = std::ranges::lower_bound(spikes, static_cast<std::int32_t>(step));
        return happens && next != spikes.end() && (*next - static_cast<std::int32_t>(step)) * dt < 2e-3;
    }
    // Of a value of size `reference` at `step`.
    [[nodiscard]] double amplified_rounding(std::size_t step, const std::vector<std::int32_t>& spikes,
                                            double reference) const {
        if (!happens) return 0;
        const auto spikes_before = std::ranges::lower_bound(spikes, static_cast<std::int32_t>(step)) - spikes.begin();
        return 1e-15 * std::pow(2.5, spikes_before) * std::max(1.0, std::fabs(reference));
    }
};

std::string test_name(const testing::TestParamInfo<std::string>& test) {
    return std::regex_replace(test.param, std::regex("\\W"), "_");
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, IsReproduced) {
    const GoldenCase golden = load(GetParam());
    const BlowUp blow_up(golden);
    const bool has_spikes = golden.file.contains("spike_times_s");
    Ensemble ensemble(golden.program(), golden.data);
    const EnsembleRecord recording =
        record(ensemble, golden.parameters, {.outputs = true, .spikes = has_spikes, .final_states = true});
    EXPECT_EQ(recording.result.non_finite, 0U);

    std::vector<std::vector<std::int32_t>> spikes(golden.n_neurons);
    for (std::size_t r = 0; has_spikes && r < golden.n_neurons; ++r) {
        spikes[r] = reference_spikes(golden, r);
        EXPECT_EQ(recording.spike_steps.at(r * golden.data.n_traces + golden.trace_of(r)), spikes[r])
            << "spikes of neuron " << r;
    }

    std::map<std::string, double> largest_values;
    for (const auto& [variable, array_file] : golden.file.at("files").items()) {
        const Array2 reference = golden_array(array_file);
        ASSERT_EQ(reference.rows, golden.n_neurons);
        ASSERT_EQ(reference.columns, golden.n_steps);
        const Dimension dimension = golden.model.find(variable).value().dimension;
        const double largest = largest_values[variable] = largest_magnitude(reference.values);
        double worst = 0;
        for (std::size_t r = 0; r < golden.n_neurons; ++r) {
            const auto trace = recording.trace(variable, r, golden.trace_of(r));
            for (std::size_t k = 0; k < golden.n_steps; ++k) {
                if (blow_up.excludes(k, spikes[r])) continue;
                const double error = std::fabs(trace[k] - reference(r, k));
                const double allowed = std::max(tolerance(dimension, reference(r, k), largest),
                                                blow_up.amplified_rounding(k, spikes[r], reference(r, k)));
                ASSERT_LE(error, allowed) << variable << " of neuron " << r << " at step " << k;
                worst = std::max(worst, error);
            }
        }
        RecordProperty("max_error_" + variable, fmt::format("{:.2g}", worst));
    }

    if (!golden.file.contains("final_state_after_last_step")) return;
    for (const auto& [variable, values] : golden.file["final_state_after_last_step"].items()) {
        const auto state = ensemble.program().find_state(variable);
        ASSERT_TRUE(state) << variable;
        for (std::size_t r = 0; r < golden.n_neurons; ++r) {
            if (blow_up.excludes(golden.n_steps, spikes[r])) continue;
            const double reference = values.at(r);
            const double simulated =
                recording.result.final_states.at(static_cast<std::size_t>(*state))(r, golden.trace_of(r));
            const double largest = std::max(largest_values[variable], std::fabs(reference));
            const double allowed =
                std::max(tolerance(golden.model.find(variable).value().dimension, reference, largest),
                         blow_up.amplified_rounding(golden.n_steps, spikes[r], reference));
            EXPECT_NEAR(simulated, reference, allowed) << "final " << variable << " of neuron " << r;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Simulations, Golden, testing::ValuesIn(golden_cases()), test_name);

std::vector<std::string> cases_with_error() {
    std::vector<std::string> names = golden_cases();
    std::erase_if(names, [](const std::string& name) {
        return !read_json(directory / (name + ".json")).contains("mse_vs_target_V2");
    });
    return names;
}

class GoldenError : public testing::TestWithParam<std::string> {};

TEST_P(GoldenError, OfTheRecordingIsReproducedOnline) {
    GoldenCase golden = load(GetParam());
    Array2 target = golden_array("hh_target_v_millivolt.npy");
    for (double& value : target.values) value *= 1e-3;
    ASSERT_EQ(target.rows, golden.data.n_traces);
    ASSERT_EQ(target.columns, golden.n_steps);
    const double dt = golden.file.at("dt");
    golden.data.targets["v"] = {dt, target};
    golden.data.weights["v"] = {dt, Array2(1, golden.n_steps, 1.0 / static_cast<double>(golden.n_steps))};
    UpdateProgram program = golden.program();
    add_online_error(program, {.output = "v"});
    const RunResult result = Ensemble(program, golden.data).run(golden.parameters);
    double mean = 0;
    for (std::size_t r = 0; r < golden.n_neurons; ++r) {
        const double error = result.online_errors.at(0)(r, golden.trace_of(r));
        const double reference = golden.file.at("mse_vs_target_per_trace_V2").at(r);
        EXPECT_NEAR(error, reference, 1e-9 * reference);
        mean += error / static_cast<double>(golden.n_neurons);
    }
    const double reference = golden.file.at("mse_vs_target_V2");
    EXPECT_NEAR(mean, reference, 1e-9 * reference);
}

INSTANTIATE_TEST_SUITE_P(Recordings, GoldenError, testing::ValuesIn(cases_with_error()), test_name);

TEST(GoldenData, IsThere) {
    EXPECT_GE(golden_cases().size(), 48U);
    EXPECT_GE(cases_with_error().size(), 7U);
}

}  // namespace
}  // namespace spikesmith
