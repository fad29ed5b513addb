// Waveforms: what drives a parameter, an input or a clamped variable during a phase of an experiment, as values per step.
//
// A Waveform is data (so that a file can describe it and a result can repeat it); `sample` makes the numbers. Noise is counter-based:
// the same seed gives the same values, whatever else was drawn. Values are in the unit of what is driven, times in seconds since
// the beginning of the phase. Times that are meant to be whole steps may be off by 1e-6 steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace spikesmith {

struct ConstantWave {
    double value = 0;
};
// `from` before `start`, `to` from `start` until `end`, then `from` again.
struct StepWave {
    double from = 0, to = 0, start = 0, end = 1e300;
};
// Linear over the phase, both ends reached.
struct RampWave {
    double from = 0, to = 0;
};
// Plateaus of equal length (up to a step) and equal increments, the first at `from`, the last at `to`. One alone is at `from`.
struct StaircaseWave {
    double from = 0, to = 0;
    std::size_t plateaus = 2;
};
struct SineWave {
    double offset = 0, amplitude = 0;
    double frequency = 0;  // Hz
    double phase = 0;      // radians
};
// A sine whose frequency (Hz) runs from `first` to `last` over the phase: linearly (a chirp), or growing by a constant factor per second
// (`exponential`, a zap).
struct ChirpWave {
    double offset = 0, amplitude = 0;
    double first_frequency = 0, last_frequency = 0;
    bool exponential = false;
};
// `height` during each pulse, `base` elsewhere.
struct PulseTrainWave {
    double base = 0, height = 0, start = 0, width = 0, period = 0;
    std::size_t pulses = 0;  // 0: until the end
};
// Ornstein-Uhlenbeck noise, stationary from the first value on, exact for any step (Gillespie, Phys. Rev. E 54 (1996) 2084).
// `correlation` 0: white, independent values per step with the standard deviation `deviation`.
struct NoiseWave {
    double mean = 0, deviation = 0;
    double correlation = 0;  // seconds
    std::uint64_t seed = 0;
};
// Piecewise constant. What is beyond the phase is not used.
struct ArrayWave {
    std::vector<double> values;
    double interval = 0;  // seconds; 0: one value per step
};

using Waveform = std::variant<ConstantWave, StepWave, RampWave, StaircaseWave, SineWave, ChirpWave, PulseTrainWave,
                              NoiseWave, ArrayWave>;

// One value per step of `n_steps` steps of `dt` seconds. Throws ConfigError for waves that make no sense: numbers that are not finite,
// frequencies that are negative or above half the steps per second, no plateaus or more than steps, pulses that overlap, an array that
// is too short.
[[nodiscard]] std::vector<double> sample(const Waveform& wave, std::size_t n_steps, double dt);

}  // namespace spikesmith
