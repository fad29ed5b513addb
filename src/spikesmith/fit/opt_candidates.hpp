// OptCandidates: runs the experiment of an OptNeuron on candidates and computes their losses. For the files of this room.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {

// The first of two places where records differ, in words; empty if they are equal bit for bit. `data`: whether that counts too.
[[nodiscard]] std::string difference_of(const SimulationRecord& a, const SimulationRecord& b, bool data);

class OptCandidates {
  public:
    // Both must outlive this object.
    OptCandidates(const OptNeuronOptions& options, const OptVariables& variables)
        : options_(&options), variables_(&variables) {}

    // Simulations are made for so many candidates at a time. Fewer are padded.
    void set_block(std::size_t candidates) { block_ = candidates; }

    // What the experiment records with rows of fitted values; the noise is that of the evaluations first, first + 1, ...
    [[nodiscard]] SimulationRecord record(const Array2& fitted, std::uint64_t first, std::uint64_t repetition = 0,
                                          const std::atomic<bool>* cancelled = nullptr,
                                          std::vector<std::string>* failures = nullptr);

    struct Evaluated {
        std::vector<OptEvaluation> evaluations;
        std::vector<std::string> failures;  // of each why it failed; empty if it did not
    };
    // Means over the repetitions, whose noise is that of first_repetition, first_repetition + 1, ...
    [[nodiscard]] Evaluated evaluate(const Array2& fitted, std::uint64_t first, const SimulationRecord& target,
                                     const std::atomic<bool>* cancelled = nullptr, std::uint64_t first_repetition = 0);

    // Losses of recorded candidates, a row of parts each.
    [[nodiscard]] std::vector<std::vector<double>> losses(const SimulationRecord& record, std::size_t n,
                                                          const SimulationRecord& target,
                                                          const std::atomic<bool>* cancelled = nullptr) const;
    // Sum of the parts with their weights; NaN unless finite.
    [[nodiscard]] double total(const std::vector<double>& parts) const;

    [[nodiscard]] std::size_t n_parts() const { return n_parts_; }
    void set_parts(std::size_t parts) { n_parts_ = parts; }
    [[nodiscard]] double compile_seconds() const;
    // Of the model, as it is simulated.
    [[nodiscard]] const UpdateProgram& program() { return simulation(1, cancelled_).program(); }

  private:
    struct Block {
        SimulationRecord record;
        std::vector<std::string> failures;  // per candidate: which variable or state is no number; else empty
    };
    [[nodiscard]] Simulation& simulation(std::size_t candidates, const std::atomic<bool>* cancelled);
    // Rows first_row ... first_row + n - 1, in a simulation of `lanes` candidates.
    [[nodiscard]] Block run_block(const Array2& fitted, std::size_t first_row, std::size_t n, std::size_t lanes,
                                  std::uint64_t first, std::uint64_t repetition, const std::atomic<bool>* cancelled);

    const OptNeuronOptions* options_;
    const OptVariables* variables_;
    std::size_t block_ = 64;
    std::size_t n_parts_ = 0;
    std::map<std::size_t, Simulation> simulations_;  // by size
    const std::atomic<bool>* cancelled_ = nullptr;   // that they know
    double compiled_seconds_ = 0;                    // of simulations that are gone
};

// Options of a Simulation of the model, or of the target model.
[[nodiscard]] SimulationOptions simulation_options(const OptNeuronOptions& options, std::size_t candidates,
                                                   const std::atomic<bool>* cancelled);

// What went wrong with the only candidate of a simulation, in words; empty if nothing did.
[[nodiscard]] std::string cause_of(const Divergence& divergence);

// CMA-ES by one of its names with options, from `start` in the unit cube with the first standard deviation `step` unless the options say
// another.
[[nodiscard]] OptimizerChoice warm_cma_es(const std::string& name, const std::map<std::string, std::string>& options,
                                          std::vector<double> start, double step);

}  // namespace spikesmith
