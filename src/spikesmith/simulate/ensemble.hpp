// Ensemble: runs samples (parameter sets) x traces (stimuli) in blocks over threads.
//
// A block is some samples under one trace. Threads take blocks from a shared queue; what a block computes depends only on
// its place, so results are the same bits for any number of threads, any vector width and any block size. Memory is bounded
// by threads x block; traces of all samples never exist at once unless an observer keeps them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/core/array.hpp"
#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

// A series per trace: stimulus, target or weight. Read between samples by the rule of `sample_index` (piecewise constant;
// before the start the first, after the end the last sample). Traces may differ in length and sampling interval.
//
// Large recordings need not be copied: with `memory` the numbers lie there, row after row, and `values` has their shape only.
// Copies of the series share them; nobody may change them while one lives.
struct TimeSeries {
    double dt = 0;                             // seconds between samples, of all traces without their own
    Array2 values;                             // n_traces x samples of the longest; one row serves all traces
    std::vector<double> trace_dt{};            // seconds, per row; empty: dt
    std::vector<std::size_t> trace_samples{};  // samples in use, per row; empty: all
    std::shared_ptr<const double> memory{};    // instead of values.values; keeps its owner alive

    [[nodiscard]] std::span<const double> numbers() const {
        return memory ? std::span(memory.get(), values.rows * values.columns) : std::span(values.values);
    }
    [[nodiscard]] std::span<const double> row(std::size_t r) const {
        return numbers().subspan(r * values.columns, values.columns);
    }

    [[nodiscard]] double interval(std::size_t row) const { return trace_dt.empty() ? dt : trace_dt[row]; }
    [[nodiscard]] std::size_t samples(std::size_t row) const {
        return trace_samples.empty() ? values.columns : trace_samples[row];
    }
    [[nodiscard]] std::size_t row_of(std::size_t trace) const { return values.rows == 1 ? 0 : trace; }
    [[nodiscard]] std::span<const double> trace(std::size_t trace) const {
        return row(row_of(trace)).first(samples(row_of(trace)));
    }
};

// Index of the sample that is current at time t: piecewise constant on [k*D, (k+1)*D) with a tolerance before each boundary
// that absorbs rounding. D: sampling interval of the array, h: simulation step.
[[nodiscard]] std::size_t sample_index(double t, double D, double h, std::size_t n);

// What a series is for a trace at the beginnings of n_steps steps of dt.
[[nodiscard]] std::vector<double> at_steps(const TimeSeries& series, std::size_t trace, double dt, std::size_t n_steps);

struct EnsembleData {
    std::size_t n_traces = 1;
    std::size_t n_steps = 0;                    // of the longest trace
    std::map<std::string, TimeSeries> inputs;   // by input name
    std::map<std::string, TimeSeries> targets;  // by output name; at the steps' own times
    std::map<std::string, TimeSeries> weights;  // by name of the online error: factor of the loss at each step
    std::vector<std::size_t> trace_steps{};     // steps of each trace; empty: n_steps

    [[nodiscard]] std::size_t steps(std::size_t trace) const {
        return trace_steps.empty() ? n_steps : trace_steps[trace];
    }
};

// Traces that begin with the same stimulus, such as the baseline before a current step, take the same course until their stimuli
// differ: these steps are simulated once for all of them. Results are the same bits in any case.
enum class SharedBeginnings : std::uint8_t {
    automatic,  // where it pays
    always,     // however few the steps
    never,
};

struct EnsembleOptions {
    int threads = 0;              // 0: all cores; no more than those are used
    std::size_t block_lanes = 0;  // 0: chosen for cache
    KernelOptions kernel;         // width, precision, cache; the record_* fields are set by what is run
    std::uint64_t seed = 0;
    SharedBeginnings sharing = SharedBeginnings::automatic;
};

// A finished block as an observer sees it. Valid during the call only.
struct BlockView {
    std::size_t first_sample = 0;
    std::size_t n_samples = 0;
    std::size_t trace = 0;
    std::size_t n_steps = 0;  // of this trace
    std::span<const std::string> outputs;
    // Copies one output of one sample of the block into `destination` (n_steps values).
    std::function<void(std::size_t output, std::size_t sample_in_block, std::span<double> destination)> copy_output;
    // Steps at which the sample spiked, increasing; spike time = step * dt.
    std::function<std::span<const std::int32_t>(std::size_t sample_in_block)> spikes;
};

struct RunRequest {
    double iteration = 1e9;
    std::uint64_t first_evaluation = 0;  // key of the random streams: sample s uses first_evaluation + s
    bool same_noise = false;             // all samples use first_evaluation
    bool outputs = false;                // record outputs for the observer
    bool spikes = false;                 // record spikes for the observer
    bool final_states = false;
    // Called from worker threads, each block exactly once, in any order; calls may overlap.
    std::function<void(const BlockView&)> observer;
    const std::atomic<bool>* cancelled = nullptr;  // checked between chunks of steps; then run throws Interrupted
};

struct RunResult {
    std::vector<Array2> online_errors;   // one per program.online_errors: samples x traces
    std::vector<Array2> final_states;    // one per state, with final_states: samples x traces
    std::vector<std::uint8_t> diverged;  // samples x traces: 1 where states or errors ended as NaN or infinite
    std::size_t non_finite = 0;          // how many of these
};

class Ensemble {
  public:
    // Throws DataError if a time input of the program has no data, or shapes do not fit. Kernels are compiled at the first run that needs them.
    Ensemble(UpdateProgram program, EnsembleData data, EnsembleOptions options = {});
    ~Ensemble();
    Ensemble(Ensemble&&) noexcept;
    Ensemble& operator=(Ensemble&&) noexcept;

    // `parameters`: n_samples x program.parameters, SI values.
    RunResult run(const Array2& parameters, const RunRequest& request = {});

    [[nodiscard]] const UpdateProgram& program() const;
    [[nodiscard]] const EnsembleData& data() const;
    [[nodiscard]] const EnsembleOptions& options() const;
    [[nodiscard]] double compile_seconds() const;  // so far
    // Steps, of all traces together, that another trace has in common from the beginning on; 0 with random numbers. One trace that
    // has them is simulated for the others, see SharedBeginnings.
    [[nodiscard]] std::size_t common_steps() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
