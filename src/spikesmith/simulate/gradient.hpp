// GradientEnsemble: errors of many parameter sets with their gradient and Gauss-Newton matrix, summed while the simulation runs.
//
// For gradient methods. Nothing is kept over steps: memory is that of an Ensemble, for any number of steps. The derivative is the
// exact one of the simulated trajectory (numerics/tangents.hpp); ask `differentiability` whether it means anything for a parameter.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct GradientRequest {
    double iteration = 1e9;
    std::uint64_t first_evaluation = 0;  // key of the random streams, as in RunRequest
    bool same_noise = false;             // as in RunRequest
    bool per_trace = false;              // also keep what each trace contributes
    const std::atomic<bool>* cancelled = nullptr;
};

// E is the sum of all online errors of the program over all traces (their weights carry normalisation and 1/n). Residuals are such
// that E = r^T r, so
//
//     E(p + s) = E(p) + gradient^T s + s^T gauss_newton s + ...        gradient = 2 J^T r,  gauss_newton = J^T J
//
// Triangles hold the lower half by rows: entry (i, j <= i) at i*(i + 1)/2 + j. Samples that diverge have NaN or infinite entries.
struct GradientResult {
    std::vector<double> error;           // per sample
    Array2 gradient;                     // samples x p
    Array2 gauss_newton;                 // samples x p*(p + 1)/2
    std::vector<Array2> online_errors;   // as RunResult has them: one per online error, samples x traces
    std::vector<std::uint8_t> diverged;  // samples x traces
    std::size_t non_finite = 0;
    // with per_trace, one per trace: what it adds to the sums above
    std::vector<Array2> trace_gradient;
    std::vector<Array2> trace_gauss_newton;
};

class GradientEnsemble {
  public:
    // `program` has online errors (add_online_error); `parameters` are the p of its parameters to differentiate by. Throws what
    // Ensemble and with_tangents throw, and ConfigError for a program without online errors.
    GradientEnsemble(const UpdateProgram& program, const std::vector<std::string>& parameters, EnsembleData data,
                     EnsembleOptions options = {});
    ~GradientEnsemble();
    GradientEnsemble(GradientEnsemble&&) noexcept;
    GradientEnsemble& operator=(GradientEnsemble&&) noexcept;

    // `parameters`: n_samples x all parameters of the program, SI values. Sums over traces go in their order: the same bits for any
    // threads, block size and vector width.
    GradientResult run(const Array2& parameters, const GradientRequest& request = {});

    [[nodiscard]] const std::vector<std::string>& parameters() const;  // those differentiated by
    [[nodiscard]] const UpdateProgram& program() const;                // with tangents
    [[nodiscard]] double compile_seconds() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
