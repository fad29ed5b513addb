#include "spikesmith/simulate/recorder.hpp"

#include <algorithm>
#include <utility>

namespace spikesmith {

Recorder::Recorder(std::vector<std::string> names, bool spikes, std::size_t n_candidates, std::int64_t interval)
    : names_(std::move(names)),
      spikes_(spikes),
      n_candidates_(n_candidates),
      interval_(interval),
      values_(names_.size()),
      spike_steps_(spikes ? n_candidates : 0) {}

std::int64_t Recorder::label_at(std::int64_t step) const {
    return (step + interval_ - 1) / interval_ * interval_;
}

void Recorder::start(std::int64_t step) {
    if (recording_) return;
    recording_ = true;
    periods_.push_back({step, step});
}

void Recorder::pause(std::int64_t step) {
    if (!recording_) return;
    recording_ = false;
    periods_.back().last_step = step;
    if (periods_.back().first_step == step) periods_.pop_back();
}

bool Recorder::has_steps(std::int64_t now) const {
    if (!keeps_anything() || periods_.empty()) return false;
    return periods_.size() > 1 || !recording_ || periods_.back().first_step < now;
}

void Recorder::begin_run(std::int64_t first_step, std::int64_t n_steps) {
    run_first_ = first_step;
    run_last_ = first_step + n_steps;
    run_label_ = label_at(first_step);
    samples_before_ = n_samples_;
    if (!recording_) return;
    n_samples_ += static_cast<std::size_t>((label_at(run_last_) - run_label_) / interval_);
    for (auto& values : values_) values.resize(n_samples_ * n_candidates_);
}

template <class Real>
void Recorder::take(const RecordedBlock<Real>& block, const std::vector<RecordedColumn>& columns, bool spikes) {
    for (std::size_t v = 0; v < columns.size(); ++v) {
        const RecordedColumn column = columns[v];
        for (std::int64_t label = label_at(block.first_step); label < block.last_step; label += interval_) {
            const auto sample = samples_before_ + static_cast<std::size_t>((label - run_label_) / interval_);
            double* to = values_[v].data() + sample * n_candidates_ + block.first_candidate;
            if (column.output < 0) {
                std::fill_n(to, block.n_candidates, 0.0);
                continue;
            }
            const std::int64_t read_at = label + (column.state >= 0 ? 1 : 0);
            const std::size_t row = static_cast<std::size_t>(read_at - block.first_step) * block.n_outputs +
                                    static_cast<std::size_t>(column.output);
            const Real* from = read_at < block.last_step
                                   ? block.outputs + row * block.lanes
                                   : block.states + static_cast<std::size_t>(column.state) * block.lanes;
            std::copy_n(from, block.n_candidates, to);
        }
    }
    if (!spikes) return;
    for (std::size_t l = 0; l < block.n_candidates; ++l) {
        const std::int32_t* steps = block.spike_steps + l * block.spike_capacity;
        auto& all = spike_steps_[block.first_candidate + l];
        all.insert(all.end(), steps, steps + block.spike_counts[l]);
    }
}
template void Recorder::take(const RecordedBlock<float>&, const std::vector<RecordedColumn>&, bool);
template void Recorder::take(const RecordedBlock<double>&, const std::vector<RecordedColumn>&, bool);

void Recorder::end_run() {
    if (recording_) periods_.back().last_step = run_last_;
}

void Recorder::undo_run() {
    if (!recording_) return;
    n_samples_ = samples_before_;
    for (auto& values : values_) values.resize(n_samples_ * n_candidates_);
    for (auto& steps : spike_steps_) std::erase_if(steps, [&](std::int64_t s) { return s >= run_first_; });
}

void Recorder::end_chunk(std::int64_t step, std::map<std::string, std::vector<double>> parameters) {
    const bool goes_on = recording_;
    pause(step);
    recording_ = goes_on;
    if (!periods_.empty() && keeps_anything()) {
        RecordedChunk chunk;
        for (const Period& period : periods_) {
            const std::int64_t first = label_at(period.first_step);
            chunk.periods.push_back(
                {.first_step = first,
                 .n_samples = static_cast<std::size_t>((label_at(period.last_step) - first) / interval_)});
        }
        for (auto& values : values_) {
            Array2& table = chunk.values.emplace_back(n_candidates_, n_samples_);
            constexpr std::size_t tile = 32;
            for (std::size_t s0 = 0; s0 < n_samples_; s0 += tile) {
                for (std::size_t c = 0; c < n_candidates_; ++c) {
                    for (std::size_t s = s0; s < std::min(s0 + tile, n_samples_); ++s)
                        table(c, s) = values[s * n_candidates_ + c];
                }
            }
        }
        if (spikes_) {
            chunk.spike_steps = std::move(spike_steps_);
            spike_steps_.assign(n_candidates_, {});
        }
        chunk.parameters = std::move(parameters);
        chunk.start_step = chunk_start_;
        chunk.end_step = step;
        chunks_.push_back(std::move(chunk));
    }
    for (auto& values : values_) values.clear();
    periods_.clear();
    n_samples_ = 0;
}

void Recorder::begin_chunk(std::int64_t step) {
    chunk_start_ = step;
    if (recording_) periods_.push_back({step, step});
}

SimulationRecord Recorder::finish(std::int64_t step, std::map<std::string, std::vector<double>> parameters) {
    end_chunk(step, std::move(parameters));
    SimulationRecord record;
    record.interval_steps = interval_;
    record.n_candidates = n_candidates_;
    record.variables = names_;
    record.spikes = spikes_;
    record.chunks = std::move(chunks_);
    chunks_.clear();
    recording_ = false;
    chunk_start_ = step;
    return record;
}

void Recorder::clear() {
    chunks_.clear();
    recording_ = false;
    chunk_start_ = 0;
    periods_.clear();
    n_samples_ = 0;
    for (auto& values : values_) values.clear();
    for (auto& steps : spike_steps_) steps.clear();
}

}  // namespace spikesmith
