// What changes with time but not with the parameter set (stimulus, target, weight), step by step, as kernels and the interpreter read
// it. For the ensembles; nothing else needs it.
//
// Numbers are read where they lie, however many, if step k has sample k. A series much coarser than the steps stays as it is and is
// written out for a few steps at a time. Only what is neither is copied, input by input and trace by trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

class TimeTable {
  public:
    // Inputs are read at (k + offset)*dt, targets and weights at the steps' own times. A target that is not finite becomes
    // 0 where its weight is 0 and only the online error reads it. Throws DataError for a time input without data, series
    // whose shape does not fit, stimuli and weights that are not finite, negative weights, and targets that are not finite
    // where they count. `data` must outlive the table and stay where they are, but for series in the memory of others.
    TimeTable(const UpdateProgram& program, const EnsembleData& data);

    // What a caller looks at: steps of one trace.
    struct Window {
        std::vector<const double*> pointers;
        std::vector<double> written;
    };
    // One pointer for each input of the program, to its numbers of these steps: KernelArguments::time_inputs with
    // first_time_row = first_step. They are the window's, and valid until it is used again.
    const double* const* look(std::size_t trace, std::size_t first_step, std::size_t n_steps, Window& window) const;
    // One number for each input: what the interpreter reads in a step.
    [[nodiscard]] std::vector<double> row(std::size_t trace, std::size_t step) const;

    // Of the first n_steps steps of two traces: how many pass before they differ in this input, bit for bit.
    [[nodiscard]] std::size_t common_steps(std::size_t input, std::size_t trace, std::size_t other_trace,
                                           std::size_t n_steps) const;

    // Whether nothing of this input was copied.
    [[nodiscard]] bool read_in_place(std::size_t input) const;

  private:
    // One row of a series, in one of three forms.
    struct Row {
        const double* in_place = nullptr;      // number of step 0
        std::shared_ptr<const double> owner;   // of the array that is read in place
        std::vector<double> written;           // a number per step
        std::vector<std::size_t> first_steps;  // of the samples of a coarse series: sample j lasts until the next
        std::vector<double> samples;
        [[nodiscard]] bool coarse() const { return !samples.empty(); }
    };
    static Row make_row(const TimeInput& input, const TimeSeries& series, std::size_t row, double dt,
                        std::size_t n_steps);
    static void write_out(const Row& row, std::size_t first_step, std::size_t n_steps, double* destination);
    [[nodiscard]] const Row& row_of(std::size_t input, std::size_t trace) const {
        return inputs_[input].size() == 1 ? inputs_[input].front() : inputs_[input][trace];
    }
    void check(const UpdateProgram& program, const EnsembleData& data) const;

    std::vector<std::vector<Row>> inputs_;  // rows of each: one per trace, or one for all
};

}  // namespace spikesmith
