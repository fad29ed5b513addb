// Time constants by fits, and impedance.
#include <algorithm>
#include <cmath>
#include <limits>

#include "spikesmith/features/definitions.hpp"
#include "spikesmith/features/fourier.hpp"

namespace spikesmith {

namespace {

// ---- straight lines -----------------------------------------------------------------------------------------------

struct Line {
    double slope = 0;
    double residual = 0;  // sum of squares over the squared range of y
};

// By the normal equations without centring: which digits are lost is part of the definition.
Line fit_line(std::span<const double> x, std::span<const double> y) {
    const auto n = static_cast<double>(x.size());
    double sx = 0;
    double sy = 0;
    double sxx = 0;
    double sxy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        sx += x[i];
        sy += y[i];
        sxx += x[i] * x[i];
        sxy += x[i] * y[i];
    }
    Line line{.slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)};
    const double intercept = (sy - line.slope * sx) / n;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double difference = y[i] - (intercept + line.slope * x[i]);
        line.residual += difference * difference;
    }
    const auto [least, greatest] = std::ranges::minmax(y);
    line.residual /= (greatest - least) * (greatest - least);
    return line;
}

// Slope of ln|V - reference| over time in [begin, end), which must not be empty.
double log_slope(std::span<const double> v, std::span<const double> time, std::size_t begin, std::size_t end,
                 double reference) {
    Values logs;
    for (std::size_t i = begin; i < end; ++i) logs.push_back(std::log(std::fabs(v[i] - reference)));
    return fit_line(time.subspan(begin, end - begin), logs).slope;
}

Missing decay(const FeatureInputs& in, Values& values, double start, double end) {
    const FeatureSettings& settings = in.settings();
    if (settings.decay_start >= settings.decay_end) return Missing::setting;
    const std::size_t reference = in.index_at(start);
    const std::size_t first = in.index_at(end + settings.decay_start);
    const std::size_t last = in.index_at(end + settings.decay_end);
    if (reference >= in.size() || first >= last) return Missing::empty_window;
    return one(values, std::fabs(-1 / log_slope(in[0], in[1], first, last, in[0][reference])));
}

// needs: voltage, time
Missing decay_time_constant_after_stim(const FeatureInputs& in, Values& values) {
    return decay(in, values, in.stimulus_start(), in.stimulus_end());
}

Missing multiple_decay_time_constant_after_stim(const FeatureInputs& in, Values& values) {
    for (const auto& [start, end] : in.stimuli()) {
        const Missing missing = decay(in, values, start, end);
        if (missing != Missing::none) return missing;
    }
    return values.empty() ? Missing::no_stimulus_list : Missing::none;
}

// needs: voltage, time, minimum_voltage, steady_state_voltage_stimend, sag_amplitude
Missing sag_time_constant(const FeatureInputs& in, Values& values) {
    const auto v = in[0];
    const double recovered = in.number(3) - 0.1 * in.number(4);
    const std::size_t begin = find_first(v, 0, v.size(), [&](double x) { return x <= in.number(2); });
    const std::size_t end = find_first(v, begin, v.size(), [=](double x) { return x >= recovered; });
    if (end == v.size()) return Missing::no_decay;
    if (end < begin + 10) return Missing::too_few_samples;
    return one(values, std::fabs(1 / log_slope(v, in[1], begin, end, v[end])));
}

// ---- the membrane time constant -----------------------------------------------------------------------------------

// Quotient of the five-point differences of V and T; of fewer points near the ends. At least 5 samples.
double five_point_derivative(std::span<const double> v, std::span<const double> time, std::size_t i) {
    const auto difference = [i, n = v.size()](std::span<const double> x) {
        if (i == 0) return x[1] - x[0];
        if (i == n - 1) return x[n - 1] - x[n - 2];
        if (i == 1 || i == n - 2) return (x[i + 1] - x[i - 1]) / 2;
        return (-x[i + 2] + 8 * x[i + 1] - 8 * x[i - 1] + x[i - 2]) / 12;
    };
    return difference(v) / difference(time);
}

// The falling phase of the potential at the beginning of a hyperpolarising stimulus, up to a plateau, is fitted by an
// exponential towards (last value - x), x by golden section. needs: voltage, time
Missing time_constant(const FeatureInputs& in, Values& values) {
    constexpr double flat = 0.005;     // mV/ms
    constexpr std::size_t least = 10;  // samples
    constexpr double plateau = 70;     // ms
    const std::size_t begin = in.stimulus_begin() + 10;
    const std::size_t middle = std::max(begin, in.index_at((in.stimulus_start() + in.stimulus_end()) / 2));
    if (middle >= in.size()) return Missing::empty_window;
    const auto v = range(in[0], begin, middle);
    const auto time = range(in[1], begin, middle);
    const std::size_t n = v.size();
    if (n < least) return Missing::too_few_samples;
    Values sums(n + 1, 0);  // of the derivative before each sample
    for (std::size_t i = 0; i < n; ++i) sums[i + 1] = sums[i] + five_point_derivative(v, time, i);

    std::size_t start = 0;  // of the first five samples in a row that fall
    std::size_t falling = 0;
    for (std::size_t i = 0; i < n && falling < 5; ++i) {
        falling = five_point_derivative(v, time, i) > -flat ? 0 : falling + 1;
        start = i + 1 - std::min<std::size_t>(falling, i + 1);
    }
    if (falling < 5) return Missing::no_decay;

    std::size_t end = start;
    std::size_t later = start;  // the first sample a plateau's length after `end`
    for (; end < n && time[end] < in[1][middle] - plateau; ++end) {
        while (later < n && time[later] - time[end] < plateau) ++later;
        if (!(five_point_derivative(v, time, end) + flat > 0)) continue;
        if ((sums[later] - sums[end]) / static_cast<double>(later - end) + flat > 0) break;
    }
    if (end < start + least) return Missing::too_few_samples;

    const auto x = range(time, start, end);
    const auto y = range(v, start, end);
    Values logs(y.size());
    const auto fit = [&](double offset) {
        for (std::size_t i = 0; i < y.size(); ++i) logs[i] = std::log(y[i] - y.back() + offset);
        return fit_line(x, logs);
    };
    constexpr double golden = 1.618033988;
    double low = 0;
    double high = 5;
    double inner = (low * golden + high) / (1 + golden);
    Line line = fit(inner);
    double best = line.residual;
    bool right = true;
    while (high - low > 0.01) {
        const double candidate = right ? (inner * golden + high) / (1 + golden) : (low + golden * inner) / (1 + golden);
        line = fit(candidate);
        if (line.residual < best) {
            (right ? low : high) = inner;
            inner = candidate;
            best = line.residual;
        } else {
            (right ? high : low) = candidate;
            right = !right;
        }
    }
    return one(values, -1 / line.slope);  // of the last fit, not the best: that is the definition
}

// ---- currents of voltage clamp ------------------------------------------------------------------------------------

// Residuals of the least-squares fit of offset + amplitude * exp(-t/tau) for a given tau; t from the first sample.
struct Projection {
    double residual = 0;   // sum of squares
    double amplitude = 0;  // 0 if it would have the wrong sign
    double slope = 0;      // proportional to d residual / d tau
};

Projection project(std::span<const double> time, std::span<const double> y, double tau, double sign,
                   std::size_t stride = 1) {
    double n = 0;
    double mean_e = 0;
    double mean_y = 0;
    Values e;
    for (std::size_t i = 0; i < y.size(); i += stride, n += 1) {
        e.push_back(std::exp(-(time[i] - time[0]) / tau));
        mean_e += e.back();
        mean_y += y[i];
    }
    mean_e /= n;
    mean_y /= n;
    double ee = 0;
    double ey = 0;
    for (std::size_t i = 0, k = 0; i < y.size(); i += stride, ++k) {
        ee += (e[k] - mean_e) * (e[k] - mean_e);
        ey += (e[k] - mean_e) * (y[i] - mean_y);
    }
    Projection result;
    result.amplitude = ee > 0 && sign * ey > 0 ? ey / ee : 0;
    for (std::size_t i = 0, k = 0; i < y.size(); i += stride, ++k) {
        const double difference = y[i] - mean_y - result.amplitude * (e[k] - mean_e);
        result.residual += difference * difference;
        result.slope -= difference * result.amplitude * (time[i] - time[0]) * e[k];
    }
    return result;
}

// Variable projection (Golub and Pereyra, SIAM J. Numer. Anal. 10:413, 1973): offset and amplitude are a linear problem for each
// tau, so that the search is in one dimension: over a logarithmic grid (with up to some 1000 of the samples), then by bisection
// of the derivative.
Missing fit_exponential_decay(std::span<const double> time, std::span<const double> y, double sign, Values& values) {
    if (y.size() < 4) return Missing::too_few_samples;
    constexpr int points = 80;
    const std::size_t stride = std::max<std::size_t>(1, y.size() / 1000);
    const double length = time.back() - time.front();
    const double shortest = length / static_cast<double>(y.size()) / 10;
    const double ratio = std::pow(length * 100 / shortest, 1.0 / (points - 1));
    const auto tau_of = [&](int k) { return shortest * std::pow(ratio, k); };
    int best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (int k = 0; k < points; ++k) {
        const Projection here = project(time, y, tau_of(k), sign, stride);
        if (here.amplitude != 0 && here.residual < least) {
            least = here.residual;
            best = k;
        }
    }
    if (best == 0 || best == points - 1) return Missing::no_fit;
    double low = tau_of(best - 1);
    double high = tau_of(best + 1);
    while (high - low > 1e-13 * high) {
        const double tau = (low + high) / 2;
        if (tau <= low || tau >= high) break;
        (project(time, y, tau, sign).slope < 0 ? low : high) = tau;
    }
    return one(values, (low + high) / 2);
}

// needs: voltage, time
Missing activation_time_constant(const FeatureInputs& in, Values& values) {
    const std::size_t begin = in.stimulus_begin();
    const std::size_t peak = index_of_maximum(in[0], begin, in.stimulus_stop());
    const auto y = range(in[0], begin, peak + 1);
    return begin < in.stimulus_stop() ? fit_exponential_decay(range(in[1], begin, peak + 1), y, -1, values)
                                      : Missing::empty_window;
}

Missing deactivation_time_constant(const FeatureInputs& in, Values& values) {
    const auto y = range(in[0], in.stimulus_begin(), in.stimulus_stop());
    return y.empty() ? Missing::empty_window
                     : fit_exponential_decay(range(in[1], in.stimulus_begin(), in.stimulus_stop()), y, 1, values);
}

Missing inactivation_time_constant(const FeatureInputs& in, Values& values) {
    const auto skip = static_cast<std::size_t>(in.settings().inactivation_end_skip);
    const std::size_t end = in.stimulus_stop() > skip ? in.stimulus_stop() - skip : 0;
    if (in.stimulus_begin() >= end) return Missing::empty_window;
    const std::size_t peak = index_of_maximum(in[0], in.stimulus_begin(), end);
    return fit_exponential_decay(range(in[1], peak, end), range(in[0], peak, end), 1, values);
}

// ---- impedance ----------------------------------------------------------------------------------------------------

// Gaussian of 10 bins, cut at 40; beyond the ends the series is mirrored with the edge repeated.
Values smoothed(std::span<const double> series) {
    constexpr int radius = 40;
    double total = 0;
    const auto weight = [](int k) { return std::exp(-k * k / 200.0); };
    for (int k = -radius; k <= radius; ++k) total += weight(k);
    const auto n = static_cast<long>(series.size());
    Values result;
    for (long i = 0; i < n; ++i) {
        double sum = 0;
        for (int k = -radius; k <= radius; ++k) {
            const long place = ((i + k) % (2 * n) + 2 * n) % (2 * n);
            sum += weight(k) * series[static_cast<std::size_t>(place < n ? place : 2 * n - 1 - place)];
        }
        result.push_back(sum / total);
    }
    return result;
}

// needs: voltage, current, time, spike_count, voltage_base?, steady_state_voltage_stimend?, current_base?,
// steady_state_current_stimend?
Missing impedance(const FeatureInputs& in, Values& values) {
    if (in.number(3) > 0) return Missing::spikes_present;
    const auto base = [&](std::size_t first, std::size_t second) { return in[first].empty() ? in[second] : in[first]; };
    const auto voltage_base = base(4, 5);
    const auto current_base = base(6, 7);
    if (voltage_base.empty() || current_base.empty()) return Missing::no_base;
    const auto less = [](std::span<const double> series, double level) {
        Values result(series.begin(), series.end());
        for (double& value : result) value -= level;
        return result;
    };
    const auto voltage = fourier_transform(less(in[0], voltage_base[0]));
    const auto current = fourier_transform(less(in[1], current_base[0]));
    const auto n = static_cast<double>(voltage.size());
    const double step = in.settings().mode == FeatureMode::efel ? in.settings().interpolation_step
                                                                : (in[2].back() - in[2].front()) / (n - 1);
    Values magnitudes;
    const auto frequency = [&](std::size_t k) { return static_cast<double>(k) / (n * step / 1000); };
    for (std::size_t k = 1; 2 * k < voltage.size() && frequency(k) <= in.settings().impedance_max_frequency; ++k) {
        magnitudes.push_back(std::abs(voltage[k] / current[k]));
    }
    if (magnitudes.empty()) return Missing::empty_window;
    if (!std::ranges::all_of(magnitudes, [](double z) { return std::isfinite(z); })) return Missing::zero_denominator;
    const Values smooth = smoothed(magnitudes);
    return one(values, frequency(index_of_maximum(smooth, 0, smooth.size()) + 1));
}

}  // namespace

Definitions fitted_features() {
    const std::string trace = "voltage, time";
    return {
        {"decay_time_constant_after_stim", "ms", true, trace,
         "abs(1/slope) of the least-squares line of ln abs(V - V at the start of the stimulus) over time, from "
         "`decay_start` to "
         "before `decay_end` after the stimulus.",
         decay_time_constant_after_stim},
        {"multiple_decay_time_constant_after_stim", "ms", false, trace + ", decay_time_constant_after_stim",
         "The same of each stimulus of a protocol with several.", multiple_decay_time_constant_after_stim},
        {"sag_time_constant", "ms", true, trace + ", minimum_voltage, steady_state_voltage_stimend, sag_amplitude",
         "abs(1/slope) of the least-squares line of ln abs(V - V_e) over time, from the first sample of the trace at "
         "or below "
         "`minimum_voltage` to before the first one e at or above `steady_state_voltage_stimend` - 0.1 "
         "`sag_amplitude`; at least "
         "10 samples.",
         sag_time_constant},
        {"time_constant", "ms", true, trace,
         "Of samples from 10 after the start of the stimulus to before its middle: from the first 5 in a row with "
         "dV/dt (five "
         "points) <= -0.005 mV/ms on, up to the first with dV/dt, and mean dV/dt of the 70 ms from it on, above "
         "-0.005, or 70 ms "
         "before the middle; at least 10 samples. -1/slope of the least-squares line of ln(V - V_last + x) over time, "
         "x in (0, 5) "
         "mV by golden section for the least residual (over the squared range of the logarithm) to 0.01; of the last "
         "fit made.",
         time_constant},
        {"activation_time_constant", "ms", true, trace,
         "Voltage clamp, the trace is a current: tau of the least-squares fit of a + b exp(-t/tau), b <= 0, to the "
         "stimulus up "
         "to its first maximum.",
         activation_time_constant},
        {"deactivation_time_constant", "ms", true, trace, "The same with b >= 0, to the whole stimulus.",
         deactivation_time_constant},
        {"inactivation_time_constant", "ms", true, trace,
         "The same with b >= 0, from the first maximum on, up to `inactivation_end_skip` samples before the end of the "
         "stimulus.",
         inactivation_time_constant},
        {"impedance", "Hz", true,
         "voltage, current, time, spike_count, voltage_base?, steady_state_voltage_stimend?, current_base?, "
         "steady_state_current_stimend?",
         "Frequency of the largest impedance: of the magnitude of the quotient of the Fourier transforms of V - "
         "`voltage_base` "
         "and I - `current_base` (or the means of the last tenth of the stimulus, without a base), at the positive "
         "frequencies up "
         "to `impedance_max_frequency`, smoothed by a Gaussian of 10 bins, mirrored at the ends. Only without spikes.",
         impedance},
    };
}

}  // namespace spikesmith
