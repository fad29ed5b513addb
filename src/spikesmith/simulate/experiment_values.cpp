#include "spikesmith/simulate/experiment_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/simulate/experiment_model.hpp"
#include "spikesmith/simulate/lane_blocks.hpp"

namespace spikesmith {

ExperimentValues::ExperimentValues(const Model& model, double dt, std::size_t n_candidates)
    : model_(&model), dt_(dt), n_candidates_(n_candidates) {
    for (const State& state : model.states) add(Kind::state, state.name, ValueType::real);
    for (const Parameter& parameter : model.parameters) add(Kind::parameter, parameter.name, parameter.type);
}

void ExperimentValues::add(Kind kind, const std::string& name, ValueType type) {
    index_.emplace(name, variables_.size());
    variables_.push_back(
        {.kind = kind, .name = name, .type = type, .values = std::vector<double>(n_candidates_, 0.0), .stored = {}});
}

// What they start from is the same in every lane, and kept in `stored`.
void ExperimentValues::add_hidden(const UpdateProgram& program) {
    Interpreter interpreter(program);
    interpreter.start(std::vector<double>(program.parameters.size()), {}, {});
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (index_.contains(program.states[s].name)) continue;
        add(Kind::hidden, program.states[s].name, ValueType::real);
        variables_.back().stored.assign(n_candidates_, interpreter.states()[s]);
    }
}

std::size_t ExperimentValues::index_of(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? npos : found->second;
}

bool ExperimentValues::is_visible(std::string_view name) const {
    const std::size_t index = index_of(name);
    return index != npos && variables_[index].kind != Kind::hidden;
}

ExperimentVariable& ExperimentValues::visible(std::string_view name) {
    if (is_visible(name)) return variables_[index_of(name)];
    std::vector<std::string> names;
    for (const ExperimentVariable& variable : variables_) {
        if (variable.kind != Kind::hidden) names.push_back(variable.name);
    }
    const bool computed = model_->find(name).has_value();
    const auto hint = did_you_mean(name, names);
    throw ConfigError(computed ? fmt::format("`{}` is computed from other variables and cannot be set or read", name)
                               : fmt::format("`{}` is neither a parameter nor a variable of the model", name),
                      hint.empty() ? fmt::format("there are {}", fmt::join(names, ", ")) : hint);
}

std::vector<std::string> ExperimentValues::missing(const std::set<std::string>& driven) const {
    std::vector<std::string> names;
    for (const ExperimentVariable& variable : variables_) {
        if (!variable.has_value && !driven.contains(variable.name)) names.push_back(variable.name);
    }
    return names;
}

std::map<std::string, std::vector<double>> ExperimentValues::parameters() const {
    std::map<std::string, std::vector<double>> out;
    for (const ExperimentVariable& variable : variables_) {
        if (variable.kind == Kind::parameter) out[variable.name] = variable.values;
    }
    return out;
}

void ExperimentValues::set(std::string_view name, std::span<const double> values) {
    ExperimentVariable& variable = visible(name);
    if (values.size() != 1 && values.size() != n_candidates_) {
        throw ConfigError(fmt::format("{} values of `{}` for {} candidates", values.size(), name, n_candidates_),
                          "give one value for all, or one for each");
    }
    for (std::size_t c = 0; c < n_candidates_; ++c) {
        const double value = values.size() == 1 ? values[0] : values[c];
        variable.values[c] = variable.type == ValueType::integer   ? std::trunc(value)
                             : variable.type == ValueType::boolean ? static_cast<double>(value != 0)
                                                                   : value;
    }
    variable.given = variable.has_value = true;
    outdated_ = true;
}

void ExperimentValues::follow(const Lane& lane) {
    if (started_ || !outdated_) return;
    std::set<std::string> given;
    for (const ExperimentVariable& variable : variables_) {
        if (variable.given) given.insert(variable.name);
    }
    auto found = initial_programs_.find(given);
    if (found == initial_programs_.end()) {
        UpdateProgram program = integrate(initial_value_model(*model_, given), {.method = "euler", .dt = dt_});
        make_alone(program.init);
        found = initial_programs_.emplace(given, std::move(program)).first;
    }
    const UpdateProgram& program = found->second;
    std::vector<std::size_t> parameters, states;
    for (const auto& name : program.parameters) parameters.push_back(index_of(name));
    for (const auto& state : program.states) states.push_back(index_of(state.name));
    for (const std::size_t p : parameters) {
        ExperimentVariable& parameter = variables_[p];
        parameter.has_value = parameter.given;
        if (!parameter.given) std::ranges::fill(parameter.values, std::numeric_limits<double>::quiet_NaN());
    }
    const bool vary = initial_values_vary(program);
    Interpreter interpreter(program);
    std::vector<double> values(parameters.size());
    for (std::size_t c = 0; c < n_candidates_; ++c) {
        if (c == 0 || vary) {
            for (std::size_t p = 0; p < parameters.size(); ++p) values[p] = variables_[parameters[p]].values[c];
            interpreter.start(values, {}, lane(c));
        }
        for (std::size_t s = 0; s < states.size(); ++s) {
            if (states[s] == npos) continue;
            variables_[states[s]].values[c] = interpreter.states()[s];
            variables_[states[s]].has_value = true;
        }
    }
    reset_hidden();
    outdated_ = false;
}

void ExperimentValues::reset_hidden() {
    for (ExperimentVariable& variable : variables_) {
        if (variable.kind == Kind::hidden) variable.values = variable.stored;
    }
}

void ExperimentValues::move_clock_back(std::int64_t steps) {
    const auto subtract = [&](std::string_view name, double shift) {
        const std::size_t index = index_of(name);
        if (index == npos) return;
        ExperimentVariable& variable = variables_[index];
        for (std::size_t c = 0; c < n_candidates_; ++c) {
            if (variable.values[c] != variable.stored[c]) variable.values[c] -= shift;
        }
    };
    subtract("@lastspike", static_cast<double>(steps) * dt_);
    subtract("@release_step", static_cast<double>(steps));
}

void ExperimentValues::store() {
    started_ = stored_ = true;
    for (ExperimentVariable& variable : variables_) {
        if (variable.kind == Kind::hidden) continue;
        variable.stored = variable.values;
        variable.stored_has_value = variable.has_value;
    }
}

void ExperimentValues::return_to_start(bool parameters) {
    for (ExperimentVariable& variable : variables_) {
        if (variable.kind == Kind::hidden) continue;
        const bool keeps = variable.kind == Kind::parameter && !parameters;
        if (stored_ && !keeps) {
            variable.values = variable.stored;
            variable.has_value = variable.stored_has_value;
        }
        if (!stored_) variable.given = keeps && variable.has_value;
    }
    if (stored_) {
        reset_hidden();
    } else {
        started_ = false;
        outdated_ = true;
    }
}

void ExperimentValues::forget() {
    for (ExperimentVariable& variable : variables_) variable.given = false;
    started_ = stored_ = false;
    outdated_ = true;
}

void make_alone(Code& code) {
    for (Instruction& i : code) {
        if (i.source == Source::lane_index) i = {.op = Op::number, .number = 0};
        if (i.source == Source::lane_count) i = {.op = Op::number, .number = 1};
    }
}

}  // namespace spikesmith
