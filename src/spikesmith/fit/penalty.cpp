#include "spikesmith/fit/penalty.hpp"

#include <functional>
#include <unordered_map>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

// All subexpressions written out, also those that are constant over a step.
Expression written_out(const Model& model, Expression expression) {
    for (std::size_t k = model.subexpressions.size(); k-- > 0;) {
        const Subexpression& sub = model.subexpressions[k];
        expression = substitute(expression, {{sub.name, sub.value}});
    }
    return expression;
}

double at_end(const TimeSeries& series, std::size_t trace, double t, double step) {
    const std::size_t row = series.row_of(trace);
    return series.row(row)[sample_index(t, series.interval(row), step, series.samples(row))];
}

}  // namespace

Penalty::Penalty(const Model& model, const std::string& name) : initial_values_(model.initial_values) {
    const auto variable = model.find(name);
    if (!variable) {
        throw ModelError(fmt::format("the penalty `{}` is no variable of the model", name),
                         did_you_mean(name, model.variable_names()));
    }
    value_ = written_out(model, Expression::symbol(name));
    dimension_ = variable->dimension;
    if (has_random(value_)) throw ModelError(fmt::format("the penalty `{}` depends on random numbers", name));
    for (const std::string& symbol : symbols_of(value_)) {
        const bool special = symbol == "t" || symbol == "dt" || symbol == "t_in_timesteps" || symbol == "i" ||
                             symbol == "N" || symbol == "iteration";
        if (!special && !model.find(symbol)) {
            throw ModelError(fmt::format(
                "the penalty `{}` depends on `{}`, which is not known at the end of the simulation", name, symbol));
        }
    }
}

std::vector<double> Penalty::values(const TraceData& data, const std::vector<std::string>& parameter_names,
                                    const Array2& parameters, const std::vector<std::string>& state_names,
                                    const std::vector<Array2>& final_states, double iteration) const {
    std::size_t sample = 0;
    std::size_t trace = 0;
    using Reader = std::function<double()>;
    std::unordered_map<std::string, Reader> readers{
        {"t", [&] { return data.duration(trace); }},
        {"dt", [&] { return data.dt; }},
        {"t_in_timesteps", [&] { return static_cast<double>(data.trace_steps[trace]); }},
        {"i", [&] { return static_cast<double>(sample * data.n_traces + trace); }},
        {"N", [&] { return static_cast<double>(parameters.rows * data.n_traces); }},
        {"iteration", [&] { return iteration; }},
    };
    for (std::size_t j = 0; j < parameter_names.size(); ++j) {
        readers[parameter_names[j]] = [&, j] { return parameters(sample, j); };
    }
    for (std::size_t j = 0; j < state_names.size(); ++j) {
        readers[state_names[j]] = [&, j] { return final_states[j](sample, trace); };
    }
    for (const auto& [name, series] : data.inputs) {
        readers[name] = [&, source = &series] { return at_end(*source, trace, data.duration(trace), data.dt); };
    }
    for (const auto& [name, series] : data.targets) {
        readers[name + "_target"] = [&, source = &series] {
            return at_end(*source, trace, data.duration(trace), data.dt);
        };
    }
    const std::function<double(const std::string&)> value_of = [&](const std::string& name) {
        const auto reader = readers.find(name);
        if (reader == readers.end())
            throw ModelError(fmt::format("the penalty depends on `{}`, which has no value", name));
        return reader->second();
    };
    for (const InitialValue& initial : initial_values_) {  // parameters that are computed from others
        readers.try_emplace(initial.name, [&, value = &initial.value] { return evaluate(*value, value_of); });
    }
    std::vector<double> result(parameters.rows);
    for (sample = 0; sample < parameters.rows; ++sample) {
        double sum = 0;
        for (trace = 0; trace < data.n_traces; ++trace) {
            const double factor = data.trace_factors.empty() ? 1 : data.trace_factors[trace];
            if (factor != 0) sum += factor * evaluate(value_, value_of);
        }
        result[sample] = sum / static_cast<double>(data.n_traces);
    }
    return result;
}

void require_unit_of_error(const Penalty& penalty, const std::string& name, const Dimension& error) {
    if (penalty.dimension() == error) return;
    throw UnitError(
        fmt::format("the penalty `{}` is in {}, but the error in {}", name, penalty.dimension().name(), error.name()),
        "they are added, so they need the same unit");
}

}  // namespace spikesmith
