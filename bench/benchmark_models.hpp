// The four models that the benchmarks run, as a user writes them.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/lang/brian.hpp"

namespace spikesmith::bench {

struct BenchmarkModel {
    std::string name;
    BrianModelText text;
    std::string method;
    double dt;                            // seconds
    std::vector<std::string> parameters;  // in the order of `lower` and `upper`
    std::vector<double> lower, upper;     // SI; parameter sets are spread over this box
    double input;                         // current of the step, in the model's unit
};

// Hodgkin-Huxley neuron of the fitting tutorial of Brian 2's model fitting toolbox.
inline BenchmarkModel hodgkin_huxley() {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt\n"
        "dm/dt = 0.32*(mV**-1)*(13.*mV-v+VT)/(exp((13.*mV-v+VT)/(4.*mV))-1.)/ms*(1-m)"
        "-0.28*(mV**-1)*(v-VT-40.*mV)/(exp((v-VT-40.*mV)/(5.*mV))-1.)/ms*m : 1\n"
        "dn/dt = "
        "0.032*(mV**-1)*(15.*mV-v+VT)/(exp((15.*mV-v+VT)/(5.*mV))-1.)/ms*(1.-n)-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : "
        "1\n"
        "dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1\n"
        "g_na : siemens (constant)\n"
        "g_kd : siemens (constant)\n"
        "gl   : siemens (constant)\n";
    text.constants = {{"Cm", "200*pF"}, {"El", "-65*mV"}, {"EK", "-90*mV"}, {"ENa", "50*mV"}, {"VT", "-63*mV"}};
    text.inputs = {"I"};
    text.initial_values = {{"v", "-65*mV"}};
    return {"HH", text, "exponential_euler", 1e-5, {"g_na", "g_kd", "gl"}, {2e-6, 0.6e-6, 1e-9}, {40e-6, 12e-6, 20e-9},
            1e-9};
}

// Adaptive exponential integrate-and-fire neuron (Brette and Gerstner, J. Neurophysiol. 94, 2005).
inline BenchmarkModel adaptive_exponential() {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (gL*(EL - v) + gL*DeltaT*exp((v - VT)/DeltaT) + I - w)/C : volt\n"
        "dw/dt = (a*(v - EL) - w)/tauw : amp\n"
        "a : siemens (constant)\nb : amp (constant)\ntauw : second (constant)\nVr : volt (constant)\n";
    text.constants = {{"C", "281*pF"},    {"gL", "30*nS"},    {"EL", "-70.6*mV"},
                      {"VT", "-50.4*mV"}, {"DeltaT", "2*mV"}, {"Vcut", "-40.4*mV"}};
    text.inputs = {"I"};
    text.threshold = "v > Vcut";
    text.reset = "v = Vr; w += b";
    text.initial_values = {{"v", "EL"}};
    return {"AdEx",
            text,
            "exponential_euler",
            1e-4,
            {"a", "b", "tauw", "Vr"},
            {1e-9, 10e-12, 20e-3, -70e-3},
            {6e-9, 200e-12, 200e-3, -50e-3},
            1e-9};
}

// Leaky integrate-and-fire neuron with 2 ms of refractoriness.
inline BenchmarkModel leaky_integrate_and_fire() {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (EL - v + R*I)/tau : volt (unless refractory)\nR : ohm (constant)\ntau : second (constant)\n";
    text.constants = {{"EL", "-65*mV"}};
    text.inputs = {"I"};
    text.threshold = "v > -50*mV";
    text.reset = "v = -65*mV";
    text.refractory = "2*ms";
    text.initial_values = {{"v", "EL"}};
    return {"LIF", text, "exact", 1e-4, {"R", "tau"}, {10e6, 5e-3}, {60e6, 30e-3}, 0.5e-9};
}

// Izhikevich, IEEE Trans. Neural Netw. 14 (2003).
inline BenchmarkModel izhikevich() {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1\n"
        "du/dt = a*(b*v - u)/ms : 1\n"
        "a : 1 (constant)\nb : 1 (constant)\nc : 1 (constant)\nd : 1 (constant)\n";
    text.inputs = {"I"};
    text.threshold = "v >= 30";
    text.reset = "v = c; u += d";
    text.initial_values = {{"v", "-65"}, {"u", "b*v"}};
    return {"Izhikevich", text, "euler", 1e-4, {"a", "b", "c", "d"}, {0.02, 0.2, -65, 2}, {0.1, 0.25, -50, 8}, 10};
}

inline std::vector<BenchmarkModel> benchmark_models() {
    return {hodgkin_huxley(), adaptive_exponential(), leaky_integrate_and_fire(), izhikevich()};
}

}  // namespace spikesmith::bench
