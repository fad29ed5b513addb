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

// Room for this many samples, what is there included.
void Recorder::give_room(std::size_t samples) {
    if (samples == room_) return;
    for (Array2& values : values_) {
        Array2 roomy(n_candidates_, samples);
        for (std::size_t c = 0; c < n_candidates_ && n_samples_ > 0; ++c)
            std::copy_n(values.row(c).begin(), n_samples_, roomy.row(c).begin());
        values = std::move(roomy);
    }
    room_ = samples;
}

void Recorder::begin_run(std::int64_t first_step, std::int64_t n_steps) {
    run_first_ = first_step;
    run_last_ = first_step + n_steps;
    run_label_ = label_at(first_step);
    samples_before_ = n_samples_;
    if (!recording_) return;
    const std::size_t n = n_samples_ + static_cast<std::size_t>((label_at(run_last_) - run_label_) / interval_);
    if (n > room_) give_room(std::max(n, 2 * room_));  // one run has what it needs, many short ones grow together
    n_samples_ = n;
}

template <class Real>
void Recorder::take(const RecordedBlock<Real>& block, const std::vector<RecordedColumn>& columns, bool spikes) {
    constexpr std::size_t tile = 8;  // candidates written side by side: a cache line of what is read
    const std::int64_t first_label = label_at(block.first_step);
    const auto first_sample = samples_before_ + static_cast<std::size_t>((first_label - run_label_) / interval_);
    for (std::size_t v = 0; v < columns.size(); ++v) {
        const RecordedColumn column = columns[v];
        if (column.output < 0) {
            for (std::size_t c = 0; c < block.n_candidates; ++c) {
                const auto row = values_[v].row(block.first_candidate + c);
                std::size_t sample = first_sample;
                for (std::int64_t label = first_label; label < block.last_step; label += interval_) row[sample++] = 0;
            }
            continue;
        }
        const Real* last = block.states + static_cast<std::size_t>(std::max(column.state, 0)) * block.lanes;
        const Real* output = block.outputs + static_cast<std::size_t>(column.output) * block.lanes;
        const std::size_t stride = block.n_outputs * block.lanes;
        for (std::size_t c0 = 0; c0 < block.n_candidates; c0 += tile) {
            const std::size_t n = std::min(tile, block.n_candidates - c0);
            double* to = values_[v].row(block.first_candidate + c0).data() + first_sample;
            for (std::int64_t label = first_label; label < block.last_step; label += interval_, ++to) {
                const std::int64_t read_at = label + (column.state >= 0 ? 1 : 0);
                const Real* from = read_at < block.last_step
                                       ? output + static_cast<std::size_t>(read_at - block.first_step) * stride
                                       : last;
                for (std::size_t c = 0; c < n; ++c) to[c * room_] = from[c0 + c];
            }
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
        give_room(n_samples_);
        if (room_ == 0) values_.assign(names_.size(), Array2(n_candidates_, 0));
        chunk.values = std::move(values_);
        if (spikes_) {
            chunk.spike_steps = std::move(spike_steps_);
            spike_steps_.assign(n_candidates_, {});
        }
        chunk.parameters = std::move(parameters);
        chunk.start_step = chunk_start_;
        chunk.end_step = step;
        chunks_.push_back(std::move(chunk));
    }
    values_.assign(names_.size(), {});
    periods_.clear();
    room_ = n_samples_ = 0;
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
    room_ = n_samples_ = 0;
    values_.assign(names_.size(), {});
    for (auto& steps : spike_steps_) steps.clear();
}

}  // namespace spikesmith
