#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "spikesmith/infer/opt_neuron_posterior.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t parts = 3;
constexpr std::array<const char*, parts + 1> part_names{"", ", first third", ", second third", ", last third"};

struct Moments {
    double mean = not_a_number;
    double deviation = not_a_number;
};

Moments moments_of(std::span<const double> values) {
    if (values.empty()) return {};
    const auto n = static_cast<double>(values.size());
    double mean = 0;
    for (const double value : values) mean += value / n;
    double variance = 0;
    for (const double value : values) variance += (value - mean) * (value - mean) / n;
    return {mean, std::sqrt(variance)};
}

void add_trace(std::span<const double> trace, std::vector<double>& result) {
    const auto add = [&](std::span<const double> values) {
        const Moments moments = moments_of(values);
        result.push_back(moments.mean);
        result.push_back(moments.deviation);
    };
    add(trace);
    for (std::size_t k = 0; k < parts; ++k) {
        const std::size_t begin = k * trace.size() / parts;
        add(trace.subspan(begin, (k + 1) * trace.size() / parts - begin));
    }
}

// `steps` since the beginning of the chunk, of `duration` steps.
void add_spikes(const std::vector<std::int64_t>& steps, std::int64_t duration, double dt, std::vector<double>& result) {
    std::array<double, parts> counts{};
    std::vector<double> intervals;
    for (std::size_t k = 0; k < steps.size(); ++k) {
        const std::int64_t part = duration > 0 ? steps[k] * static_cast<std::int64_t>(parts) / duration : 0;
        ++counts[std::min(parts - 1, static_cast<std::size_t>(std::max<std::int64_t>(0, part)))];
        if (k > 0) intervals.push_back(std::log(static_cast<double>(steps[k] - steps[k - 1]) * dt));
    }
    result.push_back(static_cast<double>(steps.size()));
    result.insert(result.end(), counts.begin(), counts.end());
    result.push_back(steps.empty() ? not_a_number : static_cast<double>(steps.front()) * dt);
    const Moments moments = moments_of(intervals);
    result.push_back(moments.mean);
    result.push_back(intervals.size() < 2 ? not_a_number : moments.deviation);
}

}  // namespace

std::vector<double> summary_of_record(const SimulationRecord& candidate) {
    std::vector<double> result;
    for (std::size_t chunk = 0; chunk < candidate.chunks.size(); ++chunk) {
        const RecordedChunk& one = candidate.chunks[chunk];
        for (const std::string& variable : candidate.variables) add_trace(candidate.trace(variable, chunk), result);
        if (!candidate.spikes) continue;
        std::vector<std::int64_t> steps = one.spike_steps.at(0);
        for (std::int64_t& step : steps) step -= one.start_step;
        add_spikes(steps, one.end_step - one.start_step, candidate.dt, result);
    }
    return result;
}

std::vector<std::string> summary_names(const SimulationRecord& record) {
    std::vector<std::string> names;
    for (std::size_t chunk = 0; chunk < record.chunks.size(); ++chunk) {
        for (const std::string& variable : record.variables) {
            for (const char* part : part_names) {
                names.push_back(fmt::format("{}[{}] mean{}", variable, chunk, part));
                names.push_back(fmt::format("{}[{}] deviation{}", variable, chunk, part));
            }
        }
        if (!record.spikes) continue;
        for (const char* part : part_names) names.push_back(fmt::format("spikes[{}] number{}", chunk, part));
        names.push_back(fmt::format("spikes[{}] first", chunk));
        names.push_back(fmt::format("spikes[{}] mean log interval", chunk));
        names.push_back(fmt::format("spikes[{}] deviation of log intervals", chunk));
    }
    return names;
}

}  // namespace spikesmith
