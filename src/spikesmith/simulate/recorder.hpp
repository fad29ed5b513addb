// Recorder: keeps what Simulation records, sample by sample, in chunks and periods. For Simulation only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "spikesmith/simulate/simulation_record.hpp"

namespace spikesmith {

// Where a recorded variable is found: in an output of the program, read before each step; with `state` the value after the step,
// which is the output before the next step or the state in the end. Neither: 0.
struct RecordedColumn {
    std::int32_t output = -1;
    std::int32_t state = -1;
};

// What a kernel left behind for one block of candidates and a few steps.
template <class Real>
struct RecordedBlock {
    std::int64_t first_step = 0, last_step = 0;
    std::size_t first_candidate = 0, n_candidates = 0;
    std::size_t lanes = 0, n_outputs = 0;
    const Real* outputs = nullptr;              // [steps][n_outputs][lanes]
    const Real* states = nullptr;               // [states][lanes], after the last step
    const std::int32_t* spike_steps = nullptr;  // [lanes][spike_capacity]
    const std::int32_t* spike_counts = nullptr;
    std::size_t spike_capacity = 0;
};

class Recorder {
  public:
    Recorder() = default;
    Recorder(std::vector<std::string> names, bool spikes, std::size_t n_candidates, std::int64_t interval);

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] bool recording() const { return recording_; }

    void start(std::int64_t step);
    void pause(std::int64_t step);
    // Was anything simulated in this chunk while recording?
    [[nodiscard]] bool has_steps(std::int64_t now) const;

    // Around the blocks of a run; `take` is for disjoint candidates, from any threads.
    void begin_run(std::int64_t first_step, std::int64_t n_steps);
    template <class Real>
    void take(const RecordedBlock<Real>& block, const std::vector<RecordedColumn>& columns, bool spikes);
    void end_run();
    void undo_run();

    void end_chunk(std::int64_t step, std::map<std::string, std::vector<double>> parameters);
    void begin_chunk(std::int64_t step);
    // All chunks; afterwards as new. dt and data are the caller's.
    [[nodiscard]] SimulationRecord finish(std::int64_t step, std::map<std::string, std::vector<double>> parameters);
    void clear();

  private:
    struct Period {
        std::int64_t first_step = 0, last_step = 0;
    };
    [[nodiscard]] std::int64_t label_at(std::int64_t step) const;  // first label at or after the step
    void give_room(std::size_t samples);
    [[nodiscard]] bool keeps_anything() const { return !names_.empty() || spikes_; }

    std::vector<std::string> names_;
    bool spikes_ = false;
    std::size_t n_candidates_ = 0;
    std::int64_t interval_ = 1;

    bool recording_ = false;
    std::int64_t chunk_start_ = 0;
    std::vector<Period> periods_;  // of this chunk; the last is open while recording
    std::vector<Array2> values_;   // per variable: candidates x room for samples, of this chunk
    std::size_t room_ = 0;         // columns of values_
    std::size_t n_samples_ = 0;    // of them in use
    std::vector<std::vector<std::int64_t>> spike_steps_;
    std::vector<RecordedChunk> chunks_;

    // The run in progress.
    std::int64_t run_first_ = 0, run_last_ = 0, run_label_ = 0;
    std::size_t samples_before_ = 0;
};

}  // namespace spikesmith
