// AdjointEnsemble: errors of many parameter sets with their gradient, at a cost that hardly depends on the number of parameters.
//
// For gradient methods with many parameters; with few, GradientEnsemble is as fast and gives the Gauss-Newton matrix too. Each block runs
// forward, keeps its states at checkpoints, and runs backwards through the adjoint program (numerics/adjoint.hpp) segment by segment,
// simulating each but the last again from its checkpoint to record what the backward steps read. Memory is bounded by
// threads x (checkpoints + the recording of one segment), and kept from run to run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "spikesmith/simulate/gradient.hpp"

namespace spikesmith {

struct AdjointOptions {
    EnsembleOptions ensemble;       // double precision only
    std::size_t segment_steps = 0;  // steps between checkpoints; 0: as many as fit the cache
};

class AdjointEnsemble {
  public:
    // As GradientEnsemble. Throws NumericalError for programs that have tangents only (see adjoint_of).
    AdjointEnsemble(const UpdateProgram& program, const std::vector<std::string>& parameters, EnsembleData data,
                    AdjointOptions options = {});
    ~AdjointEnsemble();
    AdjointEnsemble(AdjointEnsemble&&) noexcept;
    AdjointEnsemble& operator=(AdjointEnsemble&&) noexcept;

    // As GradientEnsemble::run; `gauss_newton` stays empty. The gradient is the same up to rounding, not to the bit.
    GradientResult run(const Array2& parameters, const GradientRequest& request = {});

    [[nodiscard]] const std::vector<std::string>& parameters() const;
    [[nodiscard]] double compile_seconds() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
