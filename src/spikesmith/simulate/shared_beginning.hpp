// SharedBeginning: the steps that traces have in common, such as the baseline before a current step, are simulated once for all of
// them. For Ensemble only.
//
// Traces of a parameter set start from the same states and take the same course until their stimuli differ. What they are compared
// with differs from the first step on, so the program of these steps has the states of the model once and the sums that compare with
// targets once for each trace. It is cut from the given program instruction by instruction: results are the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"
#include "spikesmith/simulate/ensemble.hpp"
#include "spikesmith/simulate/time_table.hpp"

namespace spikesmith {

struct SharedBeginning {
    std::vector<std::size_t> traces;  // at least two
    std::size_t n_steps = 0;          // that they have in common
    bool program_as_given = true;     // nothing compares with targets: `program` is empty, the given one serves
    UpdateProgram program;

    struct Input {
        std::size_t trace = 0, input = 0;  // trace: its number in `traces`; input: of the given program
    };
    std::vector<Input> inputs;  // of each time input of `program`
    std::vector<std::vector<std::int32_t>>
        states;  // [number in traces][state of the given program]: the state of `program`

    [[nodiscard]] std::size_t saved_steps() const { return n_steps * (traces.size() - 1); }
};

// One for each group of traces with the same stimuli in their first step. Nothing is shared by programs with random numbers or the
// number of the lane, which differ between traces.
[[nodiscard]] std::vector<SharedBeginning> find_shared_beginnings(const UpdateProgram& program,
                                                                  const EnsembleData& data, const TimeTable& table);

}  // namespace spikesmith
