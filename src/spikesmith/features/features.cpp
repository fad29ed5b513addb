#include "spikesmith/features/features.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

// In blocks whose inner loop is without a branch, since recordings almost always are finite.
bool all_finite(std::span<const double> values) {
    constexpr std::size_t block = 64;
    std::size_t k = 0;
    for (; k + block <= values.size(); k += block) {
        std::uint64_t odd = 0;  // as wide as a sample, for the sake of vectors
        for (std::size_t i = k; i < k + block; ++i) odd |= values[i] - values[i] == 0 ? 0U : 1U;
        if (odd != 0) return false;
    }
    return std::ranges::all_of(values.subspan(k), [](double x) { return std::isfinite(x); });
}

// Reasons that lie in what was given, not in the shape of the trace: they count even where a need is optional.
bool of_the_input(Missing missing) {
    return missing != Missing::none && missing <= Missing::grid_too_large;
}

}  // namespace

// ---- inputs of a definition ---------------------------------------------------------------------------------------

std::span<const double> FeatureInputs::operator[](std::size_t k) const {
    return trace_->slots_[needs_[k]].value.values;
}

const FeatureSettings& FeatureInputs::settings() const {
    return trace_->settings_;
}

double FeatureInputs::stimulus_start() const {
    return trace_->stimulus_.start;
}

double FeatureInputs::stimulus_end() const {
    return trace_->stimulus_.end;
}

double FeatureInputs::stimulus_current() const {
    return trace_->stimulus_current_;
}

std::span<const StimulusWindow> FeatureInputs::stimuli() const {
    return trace_->stimuli_;
}

std::size_t FeatureInputs::size() const {
    return trace_->time_.size();
}

std::size_t FeatureInputs::index_at(double time) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(trace_->time_, time) - trace_->time_.begin());
}

std::size_t FeatureInputs::index_after(double time) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(trace_->time_, time) - trace_->time_.begin());
}

std::size_t FeatureInputs::stimulus_begin() const {
    return trace_->stimulus_begin_;
}

std::size_t FeatureInputs::stimulus_stop() const {
    return trace_->stimulus_stop_;
}

std::vector<std::size_t>& FeatureInputs::scratch(std::size_t k) const {
    auto& vector = trace_->scratch_.at(k);
    vector.clear();
    return vector;
}

// ---- one trace ----------------------------------------------------------------------------------------------------

TraceFeatures::TraceFeatures(const FeatureSettings& settings)
    : TraceFeatures(settings, standard_features(settings.mode)) {}

TraceFeatures::TraceFeatures(const FeatureSettings& settings, const FeatureTable& table)
    : settings_(settings),
      table_(&table),
      voltage_index_(table.index("voltage")),
      time_index_(table.index("time")),
      current_index_(table.index("current")),
      peak_time_index_(table.index("peak_time")),
      slots_(table.size()) {
    check(settings);
    for (Slot& slot : slots_) slot.value.mode = settings.mode;
}

TraceFeatures::TraceFeatures(const FeatureTrace& trace, const FeatureSettings& settings) : TraceFeatures(settings) {
    load(trace);
}

TraceFeatures::TraceFeatures(const FeatureSpikes& spikes, const FeatureSettings& settings) : TraceFeatures(settings) {
    load(spikes);
}

void TraceFeatures::begin(const StimulusWindow& stimulus, TraceUnits units) {
    const double start = in_milliseconds(stimulus.start, units);
    const double end = in_milliseconds(stimulus.end, units);
    if (!std::isfinite(start) || !std::isfinite(end) || !(start < end)) {
        const std::string_view unit = units == TraceUnits::si ? "s" : "ms";
        throw ConfigError(
            fmt::format("the stimulus from {:g} {} to {:g} {} is empty", stimulus.start, unit, stimulus.end, unit),
            "features need the times at which the stimulus starts and ends");
    }
    stimulus_ = {start, end};
    stimulus_current_ = std::numeric_limits<double>::quiet_NaN();
    stimuli_.clear();
    time_ = {};
    stimulus_begin_ = 0;
    stimulus_stop_ = 0;
    for (Slot& slot : slots_) slot.known = false;
}

void TraceFeatures::give(std::size_t index, std::span<const double> values, Missing missing) {
    Slot& slot = slots_[index];
    slot.value.values = missing == Missing::none ? values : std::span<const double>{};
    slot.value.missing = missing;
    slot.value.because = {};
    slot.known = true;
}

void TraceFeatures::load(const FeatureTrace& trace) {
    if (trace.time.empty() && (!(trace.dt > 0) || !std::isfinite(trace.dt))) {
        throw DataError(fmt::format("features need a positive sampling interval, not {:g}", trace.dt));
    }
    begin(trace.stimulus, trace.units);
    stimulus_current_ = trace.stimulus_current * (trace.units == TraceUnits::si ? 1e9 : 1);
    for (const auto& [start, end] : trace.stimuli) {
        stimuli_.push_back({in_milliseconds(start, trace.units), in_milliseconds(end, trace.units)});
    }
    Missing fault = grid_.set({trace.voltage.size(), trace.dt, trace.first_sample, trace.time, trace.units},
                              settings_.mode, settings_.interpolation_step);
    if (fault == Missing::none) {
        time_ = grid_.time();
        stimulus_begin_ = FeatureInputs(*this, {}).index_at(stimulus_.start);
        stimulus_stop_ = FeatureInputs(*this, {}).index_at(stimulus_.end);
    }
    give(time_index_, time_, fault);
    const auto bring = [&](std::size_t index, std::span<const double> values, double scale, Missing none,
                           std::vector<double>& store) {
        Missing missing = fault;
        if (missing == Missing::none && values.empty()) missing = none;
        if (missing == Missing::none && values.size() != trace.voltage.size()) missing = Missing::lengths_differ;
        if (missing == Missing::none && !all_finite(values)) missing = Missing::gaps;
        if (missing == Missing::none) {
            grid_.resample(values, trace.units == TraceUnits::si ? scale : 1, store);
        }
        give(index, store, missing);
    };
    bring(voltage_index_, trace.voltage, 1e3, Missing::too_short, voltage_);
    bring(current_index_, trace.current, 1e9, Missing::no_current, current_);
}

void TraceFeatures::load(const FeatureSpikes& spikes) {
    if (!all_finite(spikes.times) || !std::ranges::is_sorted(spikes.times)) {
        throw DataError("the times of spikes must be finite and in ascending order");
    }
    begin(spikes.stimulus, spikes.units);
    give(time_index_, {}, Missing::no_voltage);
    give(voltage_index_, {}, Missing::no_voltage);
    give(current_index_, {}, Missing::no_voltage);
    std::vector<double>& times = slots_[peak_time_index_].storage;
    times.clear();
    for (const double time : spikes.times) times.push_back(in_milliseconds(time, spikes.units));
    give(peak_time_index_, times, times.empty() ? Missing::no_spikes : Missing::none);
}

const FeatureValue& TraceFeatures::get(std::size_t index) {
    if (!slots_.at(index).known) compute(index);
    return slots_[index].value;
}

void TraceFeatures::compute(std::size_t index) {
    Slot& slot = slots_[index];
    const auto needs = table_->needs(index);
    for (std::size_t k = 0; k < needs.size(); ++k) {
        const FeatureValue& need = get(needs[k]);
        if (need.present() || (table_->optional(index, k) && !of_the_input(need.missing))) continue;
        give(index, {}, need.missing);
        slot.value.because = need.because.empty() ? std::string_view((*table_)[needs[k]].name) : need.because;
        return;
    }
    slot.storage.clear();
    Missing missing = (*table_)[index].compute(FeatureInputs(*this, needs), slot.storage);
    if (missing == Missing::none && std::ranges::none_of(slot.storage, [](double x) { return std::isfinite(x); })) {
        missing = slot.storage.empty() ? Missing::undefined : Missing::not_finite;
    }
    give(index, slot.storage, missing);
}

// ---- many traces --------------------------------------------------------------------------------------------------

FeatureValue FeatureMatrix::at(std::size_t trace, std::size_t feature) const {
    const Entry& entry = entries.at(trace * n_features + feature);
    return {std::span(values).subspan(entry.offset, entry.size), entry.missing, entry.because, mode};
}

FeatureMatrix compute_features(std::span<const FeatureTrace> traces, std::span<const std::size_t> features,
                               const FeatureSettings& settings, const FeatureTable& table) {
    FeatureMatrix matrix;
    matrix.n_traces = traces.size();
    matrix.n_features = features.size();
    matrix.mode = settings.mode;
    matrix.entries.reserve(traces.size() * features.size());
    TraceFeatures one(settings, table);
    for (const FeatureTrace& trace : traces) {
        one.load(trace);
        for (const std::size_t feature : features) {
            const FeatureValue& value = one.get(feature);
            matrix.entries.push_back({matrix.values.size(), value.values.size(), value.missing, value.because});
            matrix.values.insert(matrix.values.end(), value.values.begin(), value.values.end());
        }
    }
    return matrix;
}

}  // namespace spikesmith
