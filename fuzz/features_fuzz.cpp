// Any bytes are a trace with settings: every feature in both modes has finite values or a reason, whatever was asked before, and
// the same again after another trace. The first bytes choose settings, stimulus, sampling and how the rest becomes voltages.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <variant>
#include <vector>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/features.hpp"

namespace {

using namespace spikesmith;

class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t value = rest_.front();
        rest_ = rest_.subspan(1);
        return value;
    }
    double raw() {  // any double at all
        double value = 0;
        for (std::size_t k = 0; k < sizeof value; ++k) {
            const std::uint8_t part = byte();
            std::memcpy(reinterpret_cast<std::uint8_t*>(&value) + k, &part, 1);
        }
        return value;
    }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

  private:
    std::span<const std::uint8_t> rest_;
};

FeatureSettings settings_of(Bytes& bytes) {
    FeatureSettings settings;
    const int changes = bytes.byte() % 6;
    const auto all = feature_settings();
    for (int k = 0; k < changes; ++k) {
        const FeatureSetting& setting = all[bytes.byte() % all.size()];
        const std::uint8_t how = bytes.byte();
        const auto small = static_cast<int>(static_cast<std::int8_t>(bytes.byte()));
        if (const auto* number = std::get_if<double FeatureSettings::*>(&setting.member)) {
            settings.*(*number) = how == 0 ? bytes.raw() : how < 128 ? small : small / 100.0;
        } else if (const auto* count = std::get_if<int FeatureSettings::*>(&setting.member)) {
            settings.*(*count) = how == 0 ? std::numeric_limits<int>::max() : small;
        } else if (const auto* flag = std::get_if<bool FeatureSettings::*>(&setting.member)) {
            settings.*(*flag) = small % 2 != 0;
        }
    }
    const std::uint8_t modes = bytes.byte();
    if (modes & 1U) settings.voltage_base_mode = BaseMode::median;
    if (modes & 2U) settings.current_base_mode = BaseMode::median;
    return settings;
}

std::vector<double> voltages_of(Bytes& bytes) {
    std::vector<double> voltage;
    const std::uint8_t kind = bytes.byte() % 5;
    double v = -70;
    while (!bytes.empty() && voltage.size() < 3000) {
        switch (kind) {
            case 0:  // steps
                v += static_cast<std::int8_t>(bytes.byte()) / 2.0;
                break;
            case 1:  // values, quantised
                v = bytes.byte() - 160.0;
                break;
            case 2:  // stretches of the same value
                v = bytes.byte() / 2.0 - 80;
                for (int n = bytes.byte() % 60; n > 0; --n) voltage.push_back(v);
                break;
            case 3:  // spikes and pauses
                for (int n = bytes.byte(); n > 0; --n) voltage.push_back(v += (-70 - v) / 20);
                for (const double up : {-50.0, -20.0, 20.0, 30.0, 0.0, -40.0, -75.0}) voltage.push_back(v = up);
                break;
            default:
                v = bytes.raw();
        }
        voltage.push_back(v);
    }
    return voltage;
}

void check_values(TraceFeatures& features, std::size_t first) {
    const std::size_t n = features.table().size();
    for (std::size_t k = 0; k < n; ++k) {
        const std::size_t index = (k + first) % n;
        const FeatureValue value = features.get(index);
        if (value.present() == value.values.empty()) std::abort();
        if (!value.present() && value.sentence().empty()) std::abort();
        bool finite = !value.present();
        for (const double x : value.values) finite = finite || std::isfinite(x);
        if (!finite) std::abort();
        if (value.present() && std::isnan(value.mean())) std::abort();
        // values of a mode are within the trace where they are indices
        if (!value.present() || features.table()[index].unit != "index") continue;
        for (const double x : value.values) {
            if (!(x >= 0) || x != std::floor(x)) std::abort();
        }
    }
}

bool same(std::span<const double> a, std::span<const double> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes bytes(data, size);
    FeatureSettings settings = settings_of(bytes);
    const std::uint8_t first = bytes.byte();
    const std::uint8_t shape = bytes.byte();
    StimulusWindow stimulus{bytes.byte() / 2.0, 0};
    stimulus.end = stimulus.start + bytes.byte() / 2.0;
    if (shape & 1U) stimulus.end *= 10;
    if (shape & 2U) stimulus.start = bytes.raw();
    if (shape & 4U) stimulus.end = bytes.raw();
    double dt = (1 + bytes.byte()) / 100.0;
    if (shape & 8U) dt = bytes.raw();
    const std::vector<double> voltage = voltages_of(bytes);
    std::vector<double> current(voltage.size());
    for (std::size_t k = 0; k < current.size(); ++k) current[k] = k % 50 < 25 ? 0.1 : voltage[k] / 100;
    if (shape & 16U) current.clear();
    std::vector<double> time;
    if (shape & 32U) {
        for (std::size_t k = 0; k < voltage.size(); ++k)
            time.push_back(static_cast<double>(k) * dt + (k % 3 == 0 ? dt / 4 : 0));
    }
    const StimulusWindow several[]{stimulus, {stimulus.start + 1, stimulus.end + 1}};
    FeatureTrace trace{.voltage = voltage,
                       .dt = dt,
                       .stimulus = stimulus,
                       .first_sample = shape & 64U ? 7U : 0U,
                       .time = time,
                       .current = current,
                       .stimulus_current = 0.2,
                       .units = TraceUnits::quoted};
    if (shape & 128U) trace.stimuli = several;

    for (const FeatureMode mode : {FeatureMode::efel, FeatureMode::native}) {
        settings.mode = mode;
        try {
            TraceFeatures features(settings);
            features.load(trace);
            check_values(features, first);
            std::vector<std::vector<double>> found;
            for (std::size_t k = 0; k < features.table().size(); ++k) {
                const auto values = features.get(k).values;
                found.emplace_back(values.begin(), values.end());
            }
            // again, after something else and in the usual order
            const std::vector<double> flat(100, -70);
            features.load(FeatureTrace{.voltage = flat, .dt = 0.1, .stimulus = {2, 5}, .units = TraceUnits::quoted});
            check_values(features, 0);
            features.load(trace);
            for (std::size_t k = 0; k < found.size(); ++k) {
                if (!same(features.get(k).values, found[k])) std::abort();
            }
        } catch (const ConfigError&) {
        } catch (const DataError&) {
        }
        try {
            std::vector<double> times;
            double now = 0;
            for (const double v : voltage) times.push_back(now += std::isfinite(v) ? std::fabs(v) : 1);
            TraceFeatures features(FeatureSpikes{.times = times, .stimulus = stimulus, .units = TraceUnits::quoted},
                                   settings);
            check_values(features, first);
        } catch (const ConfigError&) {
        } catch (const DataError&) {
        }
    }
    return 0;
}
