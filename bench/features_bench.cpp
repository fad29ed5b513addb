// Ten features of many traces on one core, in both modes, beside the established library's figure:
//
//     features_bench [traces]
//
// Traces of 14 500 samples at 0.1 ms with a stimulus from 205 to 1205 ms: 5 to 30 spikes with afterhyperpolarisation on a
// charging membrane, with noise, each trace different. The established library takes 5.0 ms a trace for ten features (one
// core, called from Python, measured on recordings of that length).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/features/features.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace {

using namespace spikesmith;

constexpr std::size_t n_samples = 14'500;
constexpr double dt = 1e-4;
constexpr StimulusWindow stimulus{0.205, 1.205};
constexpr double established = 5.0;  // ms a trace

constexpr std::array<std::string_view, 10> names{"spike_count",        "AP_amplitude", "AP_duration_half_width",
                                                 "AHP_depth",          "ISI_CV",       "mean_frequency",
                                                 "adaptation_index",   "voltage_base", "steady_state_voltage_stimend",
                                                 "time_to_first_spike"};

// mV at t ms after the peak of a spike: upstroke, downstroke, afterhyperpolarisation.
double spike(double t) {
    const double body = 90 * std::exp(-t * t / (t < 0 ? 0.12 : 0.5));
    return t < 0 ? body : body - 14 * (t / 6) * std::exp(1 - t / 6);
}

std::vector<double> trace(std::uint64_t number) {
    math::RandomStream random(7, number);
    std::vector<double> volts(n_samples);
    const double step = 8 + 12 * random.next_uniform();
    for (std::size_t k = 0; k < n_samples; ++k) {
        const double t = static_cast<double>(k) * 0.1;
        double v = -70 + 0.1 * random.next_normal();
        if (t >= 205) v += step * (1 - std::exp(-(t - 205) / 15));
        if (t >= 1205) v -= step * (1 - std::exp(-(t - 1205) / 15));
        volts[k] = v;
    }
    const int n_spikes = 5 + static_cast<int>(random.next_index(26));
    for (int s = 0; s < n_spikes; ++s) {
        const double peak = 225 + 970.0 * (s + 0.4 * random.next_uniform()) / n_spikes;
        const auto first = static_cast<std::size_t>((peak - 3) * 10);
        for (std::size_t k = first; k < std::min(first + 500, n_samples); ++k) {
            volts[k] += spike(static_cast<double>(k) * 0.1 - peak);
        }
    }
    for (double& v : volts) v *= 1e-3;
    return volts;
}

// Milliseconds of processor time a trace, the best of three passes.
double measure(const std::vector<std::vector<double>>& traces, FeatureMode mode, double& checksum) {
    const FeatureTable& table = standard_features(mode);
    std::vector<std::size_t> indices;
    for (const std::string_view name : names) indices.push_back(table.index(name));
    TraceFeatures features(FeatureSettings{.mode = mode}, table);
    double best = INFINITY;
    for (int pass = 0; pass < 3; ++pass) {
        checksum = 0;
        const std::clock_t start = std::clock();
        for (const auto& volts : traces) {
            features.load(FeatureTrace{.voltage = volts, .dt = dt, .stimulus = stimulus});
            for (const std::size_t index : indices) {
                const FeatureValue& value = features.get(index);
                if (value.present()) checksum += value.mean();
            }
        }
        const double taken = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
        best = std::min(best, taken / static_cast<double>(traces.size()));
    }
    return best;
}

}  // namespace

int main(int argc, char** argv) {
    const long wanted = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1000;
    if (wanted < 1) {
        fmt::print("usage: features_bench [traces]\n");
        return 2;
    }
    std::vector<std::vector<double>> traces;
    for (long k = 0; k < wanted; ++k) traces.push_back(trace(static_cast<std::uint64_t>(k)));
    fmt::print("ten features of {} traces of {} samples, one core\n", traces.size(), n_samples);
    fmt::print("{:<20}{:>14}{:>10}\n", "", "ms a trace", "ratio");
    fmt::print("{:<20}{:>14.2f}{:>10}\n", "established library", established, "1");
    for (const FeatureMode mode : {FeatureMode::efel, FeatureMode::native}) {
        double checksum = 0;
        const double taken = measure(traces, mode, checksum);
        fmt::print("{:<20}{:>14.4f}{:>10.0f}    (sum of all values {:.6g})\n", fmt::format("{} mode", name_of(mode)),
                   taken, established / taken, checksum);
    }
    return 0;
}
