#include "spikesmith/simulate/stimulus.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/elementary.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {
namespace {

// Functions of `math`, so that a stimulus is the same on every machine.
constexpr math::ScalarOperations<double> scalar{};
constexpr std::uint64_t noise_purpose = 0x57617665;  // "Wave"
constexpr double step_tolerance = 1e-6;              // in steps: rounding of times that are meant to be whole steps

struct Sampling {
    std::size_t n_steps;
    double dt;
    [[nodiscard]] double duration() const { return static_cast<double>(n_steps) * dt; }
};

void need_finite(std::string_view what, std::initializer_list<double> numbers) {
    if (!std::ranges::all_of(numbers, [](double x) { return std::isfinite(x); }))
        throw ConfigError(fmt::format("{} has a number that is not finite", what));
}

void need_representable(std::string_view what, double frequency, double dt) {
    if (frequency < 0) throw ConfigError(fmt::format("{} has the negative frequency {} Hz", what, frequency));
    if (frequency > 0.5 / dt * (1 + 1e-9)) {
        throw ConfigError(fmt::format("{} of {} Hz cannot be represented by steps of {} s", what, frequency, dt),
                          fmt::format("the highest frequency is {} Hz; take a smaller time step", 0.5 / dt));
    }
}

// First step at or after the time, within 0 ... n_steps.
std::size_t step_at(double time, const Sampling& grid) {
    const double step = std::ceil(time / grid.dt - step_tolerance);
    return static_cast<std::size_t>(std::clamp(step, 0.0, static_cast<double>(grid.n_steps)));
}

double sine_of_turns(double turns) {
    return math::sin(scalar, 2 * std::numbers::pi * (turns - std::floor(turns)));
}

std::vector<double> samples(const ConstantWave& wave, const Sampling& grid) {
    need_finite("a constant", {wave.value});
    return std::vector<double>(grid.n_steps, wave.value);
}

std::vector<double> samples(const StepWave& wave, const Sampling& grid) {
    need_finite("a step", {wave.from, wave.to, wave.start});
    if (!(wave.end >= wave.start)) {
        throw ConfigError(fmt::format("a step ends at {} s, before it starts at {} s", wave.end, wave.start));
    }
    std::vector<double> out(grid.n_steps, wave.from);
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(step_at(wave.start, grid)),
              out.begin() + static_cast<std::ptrdiff_t>(step_at(wave.end, grid)), wave.to);
    return out;
}

std::vector<double> samples(const RampWave& wave, const Sampling& grid) {
    need_finite("a ramp", {wave.from, wave.to});
    std::vector<double> out(grid.n_steps);
    const double last = static_cast<double>(std::max<std::size_t>(grid.n_steps, 2) - 1);
    for (std::size_t k = 0; k < grid.n_steps; ++k)
        out[k] = std::lerp(wave.from, wave.to, static_cast<double>(k) / last);
    return out;
}

std::vector<double> samples(const StaircaseWave& wave, const Sampling& grid) {
    need_finite("a staircase", {wave.from, wave.to});
    if (wave.plateaus == 0) throw ConfigError("a staircase has no plateaus", "give at least 1");
    if (wave.plateaus > grid.n_steps) {
        throw ConfigError(
            fmt::format("a staircase of {} plateaus does not fit into {} steps", wave.plateaus, grid.n_steps));
    }
    std::vector<double> out(grid.n_steps);
    const double last = static_cast<double>(std::max<std::size_t>(wave.plateaus, 2) - 1);
    for (std::size_t p = 0; p < wave.plateaus; ++p) {
        const auto begin = [&](std::size_t plateau) {
            return out.begin() +
                   static_cast<std::ptrdiff_t>((plateau * grid.n_steps + wave.plateaus - 1) / wave.plateaus);
        };
        std::fill(begin(p), begin(p + 1), std::lerp(wave.from, wave.to, static_cast<double>(p) / last));
    }
    return out;
}

std::vector<double> samples(const SineWave& wave, const Sampling& grid) {
    need_finite("a sine wave", {wave.offset, wave.amplitude, wave.frequency, wave.phase});
    need_representable("a sine wave", wave.frequency, grid.dt);
    std::vector<double> out(grid.n_steps);
    const double turns_per_step = wave.frequency * grid.dt;
    const double first_turn = wave.phase / (2 * std::numbers::pi);
    for (std::size_t k = 0; k < grid.n_steps; ++k) {
        const double turns = first_turn + static_cast<double>(k) * turns_per_step;
        out[k] = wave.offset + wave.amplitude * sine_of_turns(turns);
    }
    return out;
}

std::vector<double> samples(const ChirpWave& wave, const Sampling& grid) {
    const double first = wave.first_frequency, last = wave.last_frequency, duration = grid.duration();
    need_finite("a chirp", {wave.offset, wave.amplitude, first, last});
    need_representable("a chirp", first, grid.dt);
    need_representable("a chirp", last, grid.dt);
    if (wave.exponential && (first == 0 || last == 0))
        throw ConfigError("a zap cannot begin or end at 0 Hz", "give positive frequencies, or take a linear chirp");
    // The phase is the integral of the frequency: f0*t + (f1 - f0)*t^2/(2*T), or f0*T*((f1/f0)^(t/T) - 1)/ln(f1/f0).
    const double growth = wave.exponential ? math::log(scalar, last / first) : 0;
    std::vector<double> out(grid.n_steps);
    for (std::size_t k = 0; k < grid.n_steps; ++k) {
        const double t = static_cast<double>(k) * grid.dt, part = t / duration;
        const double turns = wave.exponential ? first * t * math::exprel(scalar, growth * part)
                                              : t * (first + (last - first) * part / 2);
        out[k] = wave.offset + wave.amplitude * sine_of_turns(turns);
    }
    return out;
}

std::vector<double> samples(const PulseTrainWave& wave, const Sampling& grid) {
    need_finite("a pulse train", {wave.base, wave.height, wave.start, wave.width, wave.period});
    if (wave.width < 0)
        throw ConfigError(fmt::format("pulses of {} s", wave.width), "give a width that is not negative");
    const bool single = wave.pulses == 1;
    if (!single && !(wave.period > 0)) {
        throw ConfigError(fmt::format("a pulse train with a period of {} s", wave.period),
                          "give a positive period, or ask for 1 pulse");
    }
    if (!single && wave.width > wave.period) {
        throw ConfigError(fmt::format("pulses of {} s overlap at a period of {} s", wave.width, wave.period));
    }
    std::vector<double> out(grid.n_steps, wave.base);
    for (std::size_t p = 0; wave.pulses == 0 || p < wave.pulses; ++p) {
        const double start = wave.start + static_cast<double>(p) * wave.period;
        const std::size_t first = step_at(start, grid);
        if (first == grid.n_steps) break;
        std::fill(out.begin() + static_cast<std::ptrdiff_t>(first),
                  out.begin() + static_cast<std::ptrdiff_t>(step_at(start + wave.width, grid)), wave.height);
    }
    return out;
}

std::vector<double> samples(const NoiseWave& wave, const Sampling& grid) {
    need_finite("noise", {wave.mean, wave.deviation, wave.correlation});
    if (wave.deviation < 0)
        throw ConfigError(fmt::format("noise with a standard deviation of {}", wave.deviation), "give 0 or more");
    if (wave.correlation < 0)
        throw ConfigError(fmt::format("noise with a correlation time of {} s", wave.correlation),
                          "give 0 for white noise, or a positive time");
    const double kept = wave.correlation > 0 ? math::exp(scalar, -grid.dt / wave.correlation) : 0;
    const double fresh = wave.correlation > 0 ? std::sqrt(-math::expm1(scalar, -2 * grid.dt / wave.correlation)) : 1;
    math::RandomStream stream(wave.seed, noise_purpose);
    std::vector<double> out(grid.n_steps);
    double x = 0;
    for (std::size_t k = 0; k < grid.n_steps; ++k) {
        const double draw = stream.next_normal();
        x = k == 0 ? draw : kept * x + fresh * draw;  // of variance 1 from the first value on
        out[k] = wave.mean + wave.deviation * x;
    }
    return out;
}

std::vector<double> samples(const ArrayWave& wave, const Sampling& grid) {
    if (!std::ranges::all_of(wave.values, [](double x) { return std::isfinite(x); }))
        throw ConfigError("the array of a waveform has a value that is not finite");
    if (!(wave.interval >= 0) || !std::isfinite(wave.interval)) {
        throw ConfigError(fmt::format("the array of a waveform has an interval of {} s", wave.interval),
                          "give the time between its values, or 0 for one value per step");
    }
    const double interval = wave.interval > 0 ? wave.interval : grid.dt;
    if (static_cast<double>(wave.values.size()) * interval < grid.duration() - step_tolerance * grid.dt) {
        throw ConfigError(fmt::format("the array of a waveform lasts {} s, the phase {} s",
                                      static_cast<double>(wave.values.size()) * interval, grid.duration()),
                          "give a longer array, or a shorter phase");
    }
    std::vector<double> out(grid.n_steps);
    for (std::size_t k = 0; k < grid.n_steps; ++k) {
        const std::size_t sample =
            wave.interval > 0 ? sample_index(static_cast<double>(k) * grid.dt, interval, grid.dt, wave.values.size())
                              : k;
        out[k] = wave.values[sample];
    }
    return out;
}

}  // namespace

std::vector<double> sample(const Waveform& wave, std::size_t n_steps, double dt) {
    if (!(dt > 0) || !std::isfinite(dt)) throw ConfigError(fmt::format("a waveform cannot be sampled every {} s", dt));
    if (n_steps == 0) return {};
    return std::visit([&](const auto& one) { return samples(one, Sampling{n_steps, dt}); }, wave);
}

}  // namespace spikesmith
