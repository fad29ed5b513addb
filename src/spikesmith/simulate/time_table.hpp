// The scalars that change with time but not with the parameter set (stimulus, target, weight), expanded once to one row
// per step, so that a kernel only loads them. For the ensemble; nothing else needs it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct TimeTable {
    std::size_t n_steps = 0;
    std::size_t n_inputs = 0;    // columns: the program's time inputs, in its order
    std::size_t n_tables = 1;    // 1 when the same rows serve all traces
    std::vector<double> values;  // n_tables x n_steps x n_inputs; empty with `series`
    TimeSeries series{};         // the only input, where its samples are the steps: read in place, however long

    // The rows of a trace: n_steps x n_inputs.
    [[nodiscard]] const double* rows(std::size_t trace) const {
        if (series.memory) return series.trace(trace).data();
        return values.data() + (n_tables == 1 ? 0 : trace) * n_steps * n_inputs;
    }
    [[nodiscard]] std::span<const double> first_row(std::size_t trace) const { return {rows(trace), n_inputs}; }
};

// Inputs are read at (k + offset)*dt, targets and weights at the steps' own times. A target that is not finite becomes
// 0 where its weight is 0 and only the online error reads it. Throws DataError for a time input without data, series
// whose shape does not fit, stimuli and weights that are not finite, negative weights, and targets that are not finite
// where they count.
[[nodiscard]] TimeTable expand_time_inputs(const UpdateProgram& program, const EnsembleData& data);

}  // namespace spikesmith
