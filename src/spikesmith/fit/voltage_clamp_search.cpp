#include "spikesmith/fit/voltage_clamp_search.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/methods.hpp"
#include "spikesmith/simulate/experiment_model.hpp"
#include "spikesmith/simulate/simulation.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {
namespace {

constexpr std::uint64_t effect_purpose = 0x566f6c74;  // "Volt"
constexpr const char* start_name = "@start_voltage";
constexpr const char* step_name = "@step_voltage";
constexpr const char* holding_name = "holding";
constexpr const char* instantaneous_name = "instantaneous";

using Options = VoltageClampSearchOptions;

void check(const Options& options) {
    const auto need_voltage = [&](const Model& model, const char* which) {
        const auto found = model.find(options.voltage);
        if (found && found->kind == Model::Variable::Kind::state) return;
        std::vector<std::string> states;
        for (const State& state : model.states) states.push_back(state.name);
        throw ConfigError(fmt::format("the {} model has no state `{}`", which, options.voltage),
                          fmt::format("its states are {}", fmt::join(states, ", ")));
    };
    need_voltage(options.detailed, "detailed");
    need_voltage(options.simple, "simple");
    if (!(options.lowest_voltage < options.highest_voltage) ||
        !std::isfinite(options.highest_voltage - options.lowest_voltage)) {
        throw ConfigError(fmt::format("voltages from {} to {}", options.lowest_voltage, options.highest_voltage),
                          "the lowest must be below the highest");
    }
    if (options.start_voltages < 2 || options.step_voltages < 2)
        throw ConfigError("fewer than 2 voltages in a row", "give at least 2 start and 2 step voltages");
    if (!(options.hold > 0) || !(options.settle >= 0) || !std::isfinite(options.hold + options.settle))
        throw ConfigError(fmt::format("holding for {} s after settling for {} s", options.hold, options.settle),
                          "give positive times");
    if (options.population == 0 || options.max_evaluations < options.population)
        throw ConfigError(
            fmt::format("{} evaluations of a population of {}", options.max_evaluations, options.population));
    for (const ParameterRange& range : options.parameters) {
        const auto found = options.simple.find(range.name);
        if (found && (found->kind == Model::Variable::Kind::parameter || found->kind == Model::Variable::Kind::input))
            continue;
        throw ConfigError(fmt::format("`{}` is not a parameter of the simple model", range.name),
                          did_you_mean(range.name, options.simple.parameter_names()));
    }
}

std::vector<double> row_of_voltages(const Options& options, std::size_t n) {
    std::vector<double> out;
    for (std::size_t k = 0; k < n; ++k)
        out.push_back(std::lerp(options.lowest_voltage, options.highest_voltage,
                                static_cast<double>(k) / static_cast<double>(n - 1)));
    return out;
}

// ---- the detailed neuron ----

double resting_voltage(const Options& options) {
    Simulation s(options.detailed, {.dt = options.time_step, .threads = 1});
    s.run(options.settle);
    return s.get(options.voltage)[0];
}

void measure(const Options& options, VoltageClampSearchResult& result) {
    const std::size_t m = options.start_voltages, n = options.step_voltages;
    const std::string current = options.voltage + "_clamp_current";
    Simulation s(options.detailed, {.n_candidates = m * n,
                                    .dt = options.time_step,
                                    .record = {current},
                                    .sample_time = SampleTime::before_step,  // the other variables have not moved yet
                                    .threads = options.threads});
    RunDrive held{.hold = {options.voltage}};
    if (!options.detailed_current.empty()) held.clamp_currents[options.voltage] = options.detailed_current;
    std::vector<double> start(m * n), step(m * n);
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            start[i * n + j] = result.start_voltages[i];
            step[i * n + j] = result.step_voltages[j];
        }
    }
    const auto record_one_step = [&] {
        s.start_recording();
        s.run(options.time_step, held);
        s.pause_recording();
    };
    s.set(options.voltage, start);
    s.run(options.hold, held);
    s.set(options.voltage, step);
    record_one_step();
    s.run(options.hold, held);
    record_one_step();
    const SimulationRecord record = s.results();
    result.detailed_instantaneous = Array2(m, n);
    for (std::size_t c = 0; c < m * n; ++c) {
        const auto currents = record.trace(current, 0, c);
        if (!std::isfinite(currents[0]) || !std::isfinite(currents[1])) {
            throw NumericalError(fmt::format("the clamp current of the detailed model at {} is not finite", step[c]),
                                 "take a smaller time step, or other voltages");
        }
        result.detailed_instantaneous.values[c] = currents[0];
        if (c < n) result.detailed_holding.push_back(currents[1]);
    }
}

// ---- the simple neuron ----

// x with A x = b. Entries that are always 0 are no pivots; others are taken as they come.
std::vector<Expression> solved(std::vector<std::vector<Expression>> a, std::vector<Expression> b) {
    const std::size_t n = b.size();
    for (std::size_t column = 0; column < n; ++column) {
        std::size_t pivot = column;
        while (pivot < n && a[pivot][column].is_number(0)) ++pivot;
        if (pivot == n) throw ModelError("the simple model has no state at rest: its equations do not determine it");
        std::swap(a[pivot], a[column]);
        std::swap(b[pivot], b[column]);
        for (std::size_t row = 0; row < n; ++row) {
            if (row == column || a[row][column].is_number(0)) continue;
            const Expression factor = a[row][column] / a[column][column];
            for (std::size_t k = column; k < n; ++k) a[row][k] = a[row][k] - factor * a[column][k];
            a[row][column] = Expression(0.0);
            b[row] = b[row] - factor * b[column];
        }
    }
    for (std::size_t k = 0; k < n; ++k) b[k] = b[k] / a[k][k];
    return b;
}

// The clamp currents of the simple neuron as subexpressions of a model whose parameters are those of the neuron and the two voltages.
Model current_model(const Options& options) {
    const Model model = with_inputs_as_parameters(options.simple);
    std::vector<std::string> inputs;
    for (const Input& input : options.simple.inputs) inputs.push_back(input.name);
    const Substitution assigned = assigned_values(model);

    std::vector<std::string> names;
    std::vector<Expression> derivatives;
    for (const State& state : model.states) {
        if (state.name == options.voltage || assigned.contains(state.name)) continue;
        names.push_back(state.name);
        derivatives.push_back(substitute(model.inlined(state.derivative), assigned));
    }
    for (const Update& update : model.updates) {
        const std::string& name = model.states[update.state].name;
        if (update.method != Update::Method::assignment || assigned.contains(name)) continue;
        throw ModelError(
            fmt::format("the simple model has no state at rest that follows from its equations: `{}` uses its "
                        "old value or has bounds",
                        name));
    }
    const auto system = affine_in(derivatives, names);
    if (!system) {
        throw ModelError(
            "the state at rest of the simple model cannot be computed",
            fmt::format("the derivatives of {} must be linear in these variables", fmt::join(names, ", ")));
    }
    std::vector<Expression> right;
    for (const Expression& offset : system->offset) right.push_back(-offset);
    const std::vector<Expression> rest = solved(system->matrix, right);

    Substitution to_start{{options.voltage, Expression::symbol(start_name)}};
    Substitution at_rest = to_start, stepped{{options.voltage, Expression::symbol(step_name)}};
    for (std::size_t k = 0; k < names.size(); ++k) {
        const Expression value = substitute(rest[k], to_start);
        at_rest.insert_or_assign(names[k], value);
        stepped.insert_or_assign(names[k], value);
    }
    const Expression current =
        substitute(model.inlined(clamp_current(model, options.voltage, options.simple_current, inputs)), assigned);

    Model out;
    out.states.push_back({.name = "@nothing", .dimension = {}, .derivative = {}, .text = {}});
    const Expression holding = substitute(current, at_rest), instantaneous = substitute(current, stepped);
    for (const auto& [name, value] : {std::pair(holding_name, holding), std::pair(instantaneous_name, instantaneous)}) {
        if (has_random(value) || depends_on(value, "t"))
            throw ModelError("the clamp current of the simple model depends on time or on random numbers");
        out.subexpressions.push_back({.name = name, .dimension = {}, .value = value, .text = {}});
    }
    for (const Parameter& parameter : model.parameters) {
        if (depends_on(holding, parameter.name) || depends_on(instantaneous, parameter.name))
            out.parameters.push_back(parameter);
    }
    for (const char* voltage : {start_name, step_name}) out.parameters.push_back({.name = voltage, .dimension = {}});
    for (const InitialValue& initial : model.initial_values) {
        if (out.find(initial.name)) out.initial_values.push_back(initial);
    }
    return out;
}

// Currents of many parameter sets at all voltages, as one simulation of one step.
class SimpleCurrents {
  public:
    SimpleCurrents(const Options& options, const Model& model, const VoltageClampSearchResult& measured,
                   std::vector<std::string> names, std::size_t population)
        : measured_(measured),
          names_(std::move(names)),
          lanes_(measured.start_voltages.size() * measured.step_voltages.size() + measured.step_voltages.size()),
          simulation_(model, {.n_candidates = lanes_ * population,
                              .dt = 1,
                              .method = "euler",
                              .record = {holding_name, instantaneous_name},
                              .sample_time = SampleTime::before_step,
                              .threads = options.threads}) {
        if (!options.rest_parameter.empty() && simulation_.has(options.rest_parameter))
            simulation_.set(options.rest_parameter, measured.resting_voltage);
        std::vector<double> start, step;
        for (std::size_t p = 0; p < population; ++p) {
            for (const double v : measured.start_voltages) {
                start.insert(start.end(), measured.step_voltages.size(), v);
                step.insert(step.end(), measured.step_voltages.begin(), measured.step_voltages.end());
            }
            start.insert(start.end(), measured.step_voltages.begin(), measured.step_voltages.end());
            step.insert(step.end(), measured.step_voltages.begin(), measured.step_voltages.end());
        }
        simulation_.set(start_name, start);
        simulation_.set(step_name, step);
    }

    // Root mean square differences of rows of values, at most a population of them.
    std::vector<double> errors(const Array2& values) {
        const SimulationRecord record = run(values);
        std::vector<double> out;
        for (std::size_t r = 0; r < values.rows; ++r) {
            double sum = 0;
            for (std::size_t l = 0; l < lanes_; ++l) {
                const double difference = current(record, r, l) - measured(l);
                sum += difference * difference;
            }
            out.push_back(std::sqrt(sum / static_cast<double>(lanes_)));
        }
        return out;
    }

    // A row for each row of values: instantaneous currents, then holding ones.
    Array2 currents(const Array2& values) {
        const SimulationRecord record = run(values);
        Array2 out(values.rows, lanes_);
        for (std::size_t r = 0; r < values.rows; ++r) {
            for (std::size_t l = 0; l < lanes_; ++l) out(r, l) = current(record, r, l);
        }
        return out;
    }

  private:
    SimulationRecord run(const Array2& values) {
        for (std::size_t p = 0; p < names_.size(); ++p) {
            std::vector<double> lanes(simulation_.size());
            for (std::size_t c = 0; c < lanes.size(); ++c) lanes[c] = values(std::min(c / lanes_, values.rows - 1), p);
            simulation_.set(names_[p], lanes);
        }
        simulation_.start_recording();
        simulation_.run(1);
        SimulationRecord record = simulation_.results();
        simulation_.reset({.parameters = false});
        return record;
    }
    [[nodiscard]] std::size_t instantaneous() const { return lanes_ - measured_.step_voltages.size(); }
    [[nodiscard]] double current(const SimulationRecord& record, std::size_t row, std::size_t lane) const {
        return record.trace(lane < instantaneous() ? instantaneous_name : holding_name, 0, row * lanes_ + lane)[0];
    }
    [[nodiscard]] double measured(std::size_t lane) const {
        return lane < instantaneous() ? measured_.detailed_instantaneous.values[lane]
                                      : measured_.detailed_holding[lane - instantaneous()];
    }

    const VoltageClampSearchResult& measured_;
    std::vector<std::string> names_;
    std::size_t lanes_;  // per parameter set
    Simulation simulation_;
};

// Which of the ranges change any current, at random points: a parameter may stand in the equations and cancel.
std::vector<bool> has_effect(const Options& options, const Model& model, const VoltageClampSearchResult& voltages,
                             const std::vector<ParameterRange>& ranges) {
    std::vector<std::string> names;
    for (const ParameterRange& range : ranges) names.push_back(range.name);
    const ParameterSpace space(ranges);
    SimpleCurrents simple(options, model, voltages, names, ranges.size() + 1);
    std::vector<bool> effect(ranges.size(), false);
    math::RandomStream random(options.seed, effect_purpose);
    for (int attempt = 0; attempt < 3; ++attempt) {
        Array2 values(ranges.size() + 1, ranges.size());
        for (std::size_t p = 0; p < ranges.size(); ++p) {
            const double one = space.to_value(p, random.next_uniform()),
                         other = space.to_value(p, random.next_uniform());
            for (std::size_t r = 0; r < values.rows; ++r) values(r, p) = r == p + 1 ? other : one;
        }
        const Array2 currents = simple.currents(values);
        double size = 0;
        for (const double current : currents.values) {
            if (std::isfinite(current)) size = std::max(size, std::fabs(current));
        }
        for (std::size_t p = 0; p < ranges.size(); ++p) {
            for (std::size_t l = 0; l < currents.columns; ++l)
                effect[p] = effect[p] || !(std::fabs(currents(p + 1, l) - currents(0, l)) <= 1e-9 * size);
        }
    }
    return effect;
}

}  // namespace

VoltageClampSearchResult voltage_clamp_search(const Options& options) {
    check(options);
    const Model model = current_model(options);
    VoltageClampSearchResult result;
    result.start_voltages = row_of_voltages(options, options.start_voltages);
    result.step_voltages = row_of_voltages(options, options.step_voltages);
    result.resting_voltage = resting_voltage(options);

    std::vector<ParameterRange> present, searched;
    for (const ParameterRange& range : options.parameters) {
        if (range.name == options.rest_parameter) {
            throw ConfigError(fmt::format("`{}` is both searched and the resting voltage", range.name),
                              "leave it out of the parameters, or give no rest_parameter");
        }
        if (model.find(range.name)) present.push_back(range);
    }
    const std::vector<bool> effect =
        present.empty() ? std::vector<bool>{} : has_effect(options, model, result, present);
    for (std::size_t p = 0; p < present.size(); ++p) {
        if (effect[p]) searched.push_back(present[p]);
    }
    std::vector<std::string> names;
    for (const ParameterRange& range : searched) names.push_back(range.name);
    for (const ParameterRange& range : options.parameters) {
        if (std::ranges::find(names, range.name) == names.end()) result.unused.push_back(range.name);
    }
    if (searched.empty())
        throw ConfigError("nothing to search: no parameter with bounds changes the currents of the simple model");

    const ParameterSpace space(searched);
    measure(options, result);

    SimpleCurrents simple(options, model, result, names, options.population);
    const std::size_t rounds = options.max_evaluations / options.population;
    const auto optimizer =
        optimizer_method(options.optimizer)
            ->choice()(
                {.dimension = searched.size(), .batch = options.population, .rounds = rounds, .seed = options.seed});
    for (std::size_t round = 0; round < rounds; ++round) {
        const Candidates candidates = optimizer->ask(options.population);
        Array2 values(candidates.points.rows, candidates.points.columns);
        for (std::size_t r = 0; r < values.rows; ++r) space.to_values(candidates.points.row(r), values.row(r));
        optimizer->tell(candidates.ids, simple.errors(values));
        result.evaluations += values.rows;
    }
    if (!optimizer->recommend()) throw NumericalError("no parameters give currents that are finite");
    Array2 best(1, searched.size());
    space.to_values(optimizer->recommend()->point, best.row(0));
    result.error = simple.errors(best)[0];
    const std::vector<double> currents = simple.currents(best).values;
    const std::size_t n_instantaneous = result.detailed_instantaneous.values.size();
    result.simple_instantaneous = Array2(options.start_voltages, options.step_voltages);
    std::copy_n(currents.begin(), n_instantaneous, result.simple_instantaneous.values.begin());
    result.simple_holding.assign(currents.begin() + static_cast<std::ptrdiff_t>(n_instantaneous), currents.end());
    for (std::size_t p = 0; p < names.size(); ++p) result.parameters.emplace_back(names[p], best(0, p));
    return result;
}

}  // namespace spikesmith
