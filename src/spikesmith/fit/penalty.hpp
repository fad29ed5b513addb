// Penalty: a variable of the model whose value at the end of the simulation is added to the error.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith {

class Penalty {
  public:
    // `name`: a state, subexpression or parameter. Throws ModelError if there is none of that name, or if it depends on what is
    // not known at the end: random numbers, refractoriness.
    Penalty(const Model& model, const std::string& name);

    [[nodiscard]] const Dimension& dimension() const { return dimension_; }

    // Mean over traces (with their weights) for each sample. `parameters`: n_samples x parameter_names; `final_states`: one array (n_samples x
    // n_traces) for each of state_names.
    [[nodiscard]] std::vector<double> values(const TraceData& data, const std::vector<std::string>& parameter_names,
                                             const Array2& parameters, const std::vector<std::string>& state_names,
                                             const std::vector<Array2>& final_states, double iteration) const;

  private:
    std::vector<InitialValue> initial_values_;
    Expression value_;
    Dimension dimension_;
};

// Throws UnitError if the penalty called `name` cannot be added to errors of this dimension.
void require_unit_of_error(const Penalty& penalty, const std::string& name, const Dimension& error);

}  // namespace spikesmith
