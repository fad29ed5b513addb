// Walks an UpdateProgram instruction by instruction: slow, obvious, and the oracle of every compiled kernel.
//
// One interpreter simulates one lane. It uses the elementary functions of `math`, as kernels do, so a double-precision
// kernel must give exactly the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

// What one lane is: its place among the others (for `i`, `N` and the random streams).
struct LaneContext {
    std::uint64_t seed = 0;
    std::uint32_t random_sample = 0;  // key of the random stream: number of the evaluation since the start of the fit
    std::uint32_t sample = 0;         // within this run
    std::uint32_t trace = 0;
    std::uint32_t n_samples = 1;
    std::uint32_t n_traces = 1;
    double iteration = 1e9;
};

class Interpreter {
  public:
    explicit Interpreter(const UpdateProgram& program);

    // Sets the parameters and computes the initial states. `time_inputs` is the row of step 0.
    void start(std::span<const double> parameters, std::span<const double> time_inputs, const LaneContext& lane);
    // Replaces the states (for continuing from a known state).
    void set_states(std::span<const double> states);
    // What the program reads of the recording of the next step: n_recorded values.
    void set_recorded(std::span<const double> recorded);
    // Advances step k; `time_inputs` is the row of step k. Afterwards outputs() are those before the step.
    void step(std::int64_t k, std::span<const double> time_inputs);

    [[nodiscard]] std::span<const double> states() const { return states_; }
    [[nodiscard]] std::span<const double> outputs() const { return outputs_; }
    [[nodiscard]] bool spiked() const { return spiked_; }
    // Seconds, of the steps that an adaptive method took inside the last step to what it came to.
    [[nodiscard]] std::span<const double> solver_lengths() const { return solver_lengths_; }

  private:
    double value(const Instruction& instruction, const std::vector<double>& values, std::int64_t k,
                 std::span<const double> time_inputs, double solver_time, std::span<const double> solver_states) const;
    void run(const Code& code, std::vector<double>& values, std::int64_t k, std::span<const double> time_inputs);
    void solve_adaptively(std::int64_t k);

    const UpdateProgram& program_;
    LaneContext lane_;
    std::vector<double> parameters_, states_, recorded_, outputs_, values_, adaptive_values_, adaptive_result_,
        solver_lengths_;
    std::vector<std::vector<double>> matrix_results_;
    bool spiked_ = false;
};

}  // namespace spikesmith
