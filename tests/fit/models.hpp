// Models and recordings that the tests of the fitters share.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/data/numpy.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/lang/brian.hpp"

namespace spikesmith::test {

inline Quantity quantity(const char* text) {
    return parse_quantity(text);
}

// A passive membrane, v(0) = E, under two current steps, and its recordings in closed form at E = -70 mV, R = 100 Mohm,
// tau = 10 ms.
inline constexpr double leaky_dt = 1e-4;
inline constexpr std::size_t leaky_steps = 300;

inline Model leaky_model(const std::string& more = {}) {
    return parse_brian({.equations = {"equations", R"(
                            dv/dt = (E - v + R*I)/tau : volt
                            E : volt (constant)
                            R : ohm (constant)
                            tau : second (constant)
                        )" + more},
                        .inputs = {"I"},
                        .input_dimensions = {{"I", dimensions::ampere}},
                        .initial_values = {{"v", "E"}}});
}

inline TimeSeries leaky_currents(std::size_t steps = leaky_steps) {
    TimeSeries currents{.dt = leaky_dt, .values = Array2(2, steps)};
    for (std::size_t k = 0; k < steps; ++k) {
        currents.values(0, k) = 1e-10;
        currents.values(1, k) = -5e-11;
    }
    return currents;
}

inline double leaky_voltage(double t, std::size_t trace, double E = -0.07, double R = 1e8, double tau = 0.01) {
    const double current = trace == 0 ? 1e-10 : -5e-11;
    return E + R * current * -std::expm1(-t / tau);
}

inline TimeSeries leaky_recordings(double dt = leaky_dt, std::size_t steps = leaky_steps) {
    TimeSeries recordings{.dt = dt, .values = Array2(2, steps)};
    for (std::size_t r = 0; r < 2; ++r) {
        for (std::size_t k = 0; k < steps; ++k) recordings.values(r, k) = leaky_voltage(static_cast<double>(k) * dt, r);
    }
    return recordings;
}

inline FitterOptions leaky_options() {
    return {.model = leaky_model(),
            .recordings = {.inputs = {{"I", leaky_currents()}}, .outputs = {{"v", leaky_recordings()}}, .dt = leaky_dt},
            .n_samples = 40,
            .method = "exact",
            .seed = 1};
}

inline std::vector<FitParameter> leaky_bounds() {
    return {{"E", quantity("-90 mV"), quantity("-50 mV")},
            {"R", quantity("1 Mohm"), quantity("1 Gohm"), Scale::logarithmic},
            {"tau", quantity("1 ms"), quantity("50 ms")}};
}

// The Hodgkin-Huxley problem of the tutorial; the recording carries 1 mV of noise (data/golden/README.md).
inline FitterOptions hodgkin_huxley_options() {
    const NpzArchive archive = read_npz(SPIKESMITH_TEST_DATA "/golden/hh.npz");
    TimeSeries currents{.dt = 1e-5, .values = to_array2(archive.array("hh_input_I_ampere"), "currents")};
    TimeSeries recordings{.dt = 1e-5, .values = to_array2(archive.array("hh_target_v_millivolt"), "recordings")};
    for (double& value : recordings.values.values) value *= 1e-3;
    const Model model = parse_brian(
        {.equations = {"equations", R"(
        dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
        dm/dt = 0.32*(mV**-1)*(13.*mV-v+VT)/(exp((13.*mV-v+VT)/(4.*mV))-1.)/ms*(1-m)
              - 0.28*(mV**-1)*(v-VT-40.*mV)/(exp((v-VT-40.*mV)/(5.*mV))-1.)/ms*m : 1
        dn/dt = 0.032*(mV**-1)*(15.*mV-v+VT)/(exp((15.*mV-v+VT)/(5.*mV))-1.)/ms*(1.-n)-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1
        dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1
        g_na : siemens (constant)
        g_kd : siemens (constant)
        gl   : siemens (constant)
        )"},
         .constants = {{"Cm", "200 pF"}, {"El", "-65 mV"}, {"EK", "-90 mV"}, {"ENa", "50 mV"}, {"VT", "-63 mV"}},
         .inputs = {"I"},
         .input_dimensions = {{"I", dimensions::ampere}},
         .initial_values = {{"v", "-65 mV"}}});
    return {
        .model = model,
        .recordings = {.inputs = {{"I", std::move(currents)}}, .outputs = {{"v", std::move(recordings)}}, .dt = 1e-5},
        .n_samples = 60,
        .method = "exponential_euler"};
}

inline std::vector<FitParameter> hodgkin_huxley_bounds() {
    return {{"gl", quantity("2 pS"), quantity("200 nS")},
            {"g_na", quantity("200 nS"), quantity("0.4 mS")},
            {"g_kd", quantity("200 nS"), quantity("200 uS")}};
}

// All evaluations as numbers, to be compared bit for bit.
inline std::vector<double> all_evaluations(const TraceFitter& fitter) {
    std::vector<double> numbers;
    const Evaluations& evaluations = fitter.evaluations();
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        const auto values = evaluations.parameter_values(i);
        numbers.insert(numbers.end(), values.begin(), values.end());
        numbers.push_back(evaluations.error(i));
    }
    return numbers;
}

template <class Failure, class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const Failure& failure) {
        return failure.what();
    }
    return "no error";
}

}  // namespace spikesmith::test
