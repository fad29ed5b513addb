// Models whose gradients are tested: classic neurons, and expressions whose derivatives are easily got wrong.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith::test {

struct GradientModel {
    std::string name;
    BrianModelText text;
    double dt = 1e-4;
    int n_steps = 0;
    std::vector<std::pair<std::string, double>> parameters;  // with values
    double input = 0;                                        // amplitude of the stimulus
    std::vector<std::string> methods;
    bool spikes = false;      // must it spike?
    double tolerance = 1e-8;  // of adaptive methods
    double shift = 3e-6;      // of parameters in finite differences, relative
};

inline const std::vector<std::string>& smooth_methods() {
    static const std::vector<std::string> names{"euler", "heun", "rk2", "rk4", "exponential_euler"};
    return names;
}

inline BrianModelText equations(const std::string& text) {
    BrianModelText model;
    model.equations.text = text;
    return model;
}

inline GradientModel hodgkin_huxley_gradients() {
    auto text = equations(
        "dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt\n"
        "dm/dt = 0.32*(mV**-1)*(13.*mV-v+VT)/(exp((13.*mV-v+VT)/(4.*mV))-1.)/ms*(1-m)"
        "-0.28*(mV**-1)*(v-VT-40.*mV)/(exp((v-VT-40.*mV)/(5.*mV))-1.)/ms*m : 1\n"
        "dn/dt = 0.032*(mV**-1)*(15.*mV-v+VT)/(exp((15.*mV-v+VT)/(5.*mV))-1.)/ms*(1.-n)"
        "-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1\n"
        "dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1\n"
        "g_na : siemens (constant)\ng_kd : siemens (constant)\ngl : siemens (constant)\nVT : volt (constant)\n");
    text.constants = {{"Cm", "200*pF"}, {"El", "-65*mV"}, {"EK", "-90*mV"}, {"ENa", "50*mV"}};
    text.inputs = {"I"};
    text.initial_values = {{"v", "-65*mV"}, {"n", "0.05"}, {"h", "0.9"}};
    return {"HH",
            text,
            1e-5,
            1500,
            {{"g_na", 20e-6}, {"g_kd", 6e-6}, {"gl", 10e-9}, {"VT", -63e-3}},
            0.6e-9,
            smooth_methods()};
}

inline std::vector<GradientModel> gradient_models() {
    std::vector<GradientModel> models{hodgkin_huxley_gradients()};
    {
        auto text = equations(
            "dv/dt = (gL*(EL - v) + gL*DeltaT*exp((v - VT)/DeltaT) + I - w)/C : volt\n"
            "dw/dt = (a*(v - EL) - w)/tauw : amp\n"
            "a : siemens (constant)\nb : amp (constant)\ntauw : second (constant)\nVr : volt (constant)\n"
            "C : farad (constant)\ngL : siemens (constant)\nVT : volt (constant)\nDeltaT : volt (constant)\n");
        text.constants = {{"EL", "-70.6*mV"}, {"Vcut", "-40.4*mV"}};
        text.inputs = {"I"};
        text.threshold = "v > Vcut";
        text.reset = "v = Vr; w += b";
        text.initial_values = {{"v", "EL"}};
        models.push_back({"AdEx",
                          text,
                          1e-4,
                          800,
                          {{"a", 4e-9},
                           {"b", 80.5e-12},
                           {"tauw", 144e-3},
                           {"Vr", -60e-3},
                           {"C", 281e-12},
                           {"gL", 30e-9},
                           {"VT", -50.4e-3},
                           {"DeltaT", 2e-3}},
                          1.55e-9,
                          smooth_methods(),
                          true});
    }
    {
        auto text = equations(
            "dv/dt = (EL - v + DeltaT*exp((v - VT)/DeltaT) + R*I)/tau : volt (unless refractory)\n"
            "EL : volt (constant)\nDeltaT : volt (constant)\nR : ohm (constant)\ntau : second (constant)\n");
        text.constants = {{"VT", "-55*mV"}};
        text.inputs = {"I"};
        text.threshold = "v > -45*mV";
        text.reset = "v = EL - 3*mV";
        text.refractory = "3*ms";
        text.initial_values = {{"v", "EL + 1*mV"}};
        models.push_back({"EIF",
                          text,
                          1e-4,
                          1000,
                          {{"EL", -68e-3}, {"DeltaT", 1.8e-3}, {"R", 70e6}, {"tau", 11e-3}},
                          0.5e-9,
                          smooth_methods(),
                          true,
                          1e-8,
                          5e-7});
    }
    {
        auto text = equations(
            "dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1\ndu/dt = a*(b*v - u)/ms : 1\n"
            "a : 1 (constant)\nb : 1 (constant)\nc : 1 (constant)\nd : 1 (constant)\n");
        text.inputs = {"I"};
        text.threshold = "v >= 30";
        text.reset = "v = c; u += d";
        text.initial_values = {{"v", "-65"}, {"u", "b*v"}};
        models.push_back({"Izhikevich",
                          text,
                          1e-4,
                          1500,
                          {{"a", 0.02}, {"b", 0.2}, {"c", -61.5}, {"d", 7.1}},
                          14,
                          smooth_methods(),
                          true});
    }
    {
        auto text = equations(
            "dv/dt = (EL - v + R*I)/tau : volt\nR : ohm (constant)\ntau : second (constant)\nEL : volt (constant)\n");
        text.inputs = {"I"};
        text.threshold = "v > -50*mV";
        text.reset = "v -= 14.2*mV";
        text.initial_values = {{"v", "EL"}};
        auto methods = smooth_methods();
        methods.emplace_back("exact");
        models.push_back(
            {"LIF", text, 1e-4, 1000, {{"R", 51e6}, {"tau", 9.3e-3}, {"EL", -64e-3}}, 0.5e-9, methods, true, 1e-12});
        models.back().name = "LIF without refractoriness";
        text.equations.text =
            "dv/dt = (EL - v + R*I)/tau : volt (unless refractory)\nR : ohm (constant)\ntau : second (constant)\n"
            "EL : volt (constant)\n";
        text.reset = "v = EL";
        text.refractory = "2*ms";
        models.push_back({"LIF with refractoriness",
                          text,
                          1e-4,
                          1000,
                          {{"R", 51e6}, {"tau", 9.3e-3}, {"EL", -64e-3}},
                          0.5e-9,
                          methods,
                          true,
                          1e-12});
    }
    {
        auto text = equations(
            "dx/dt = (-x + k*y + I)/tau_x : 1\ndy/dt = (-y - c*x)/tau_y : 1\nk : 1 (constant)\nc : 1 (constant)\n"
            "tau_x : second (constant)\ntau_y : second (constant)\n");
        text.inputs = {"I"};
        text.initial_values = {{"x", "k*c"}, {"y", "1/k"}};
        auto methods = smooth_methods();
        methods.emplace_back("exact");
        models.push_back({"two linear variables",
                          text,
                          1e-4,
                          600,
                          {{"k", 1.7}, {"c", 3.1}, {"tau_x", 6e-3}, {"tau_y", 11e-3}},
                          2,
                          methods});
    }
    {
        auto text = equations(
            "dx/dt = (-x + k*y + I)/tau_x : 1 (unless refractory)\ndy/dt = (-y - c*x)/tau_y : 1\nk : 1 (constant)\n"
            "c : 1 (constant)\ntau_x : second (constant)\ntau_y : second (constant)\n");
        text.inputs = {"I"};
        text.threshold = "x > 0.8";
        text.reset = "x = 0.1*c; y += 0.3*k";
        text.refractory = "2.5*ms";
        models.push_back({"two linear variables that spike",
                          text,
                          1e-4,
                          600,
                          {{"k", 1.7}, {"c", 0.7}, {"tau_x", 6e-3}, {"tau_y", 11e-3}},
                          2,
                          {"exact", "euler", "rk4"},
                          true});
    }
    {
        auto text = equations(
            "dv/dt = (gL*(EL - v) + ge*(0*mV - v) + gi*(-80*mV - v))/(200*pF) : volt\n"
            "dge/dt = (wE*drive - ge)/tau_e : siemens\ndgi/dt = (wI*(1 - drive) - gi)/tau_i : siemens\n"
            "gL : siemens (constant)\nEL : volt (constant)\nwE : siemens (constant)\nwI : siemens (constant)\n"
            "tau_e : second (constant)\ntau_i : second (constant)\n");
        text.inputs = {"drive"};
        text.threshold = "v > -52*mV";
        text.reset = "v = EL; ge *= 0.7";
        text.initial_values = {{"v", "EL"}};
        models.push_back(
            {"synaptic conductances",
             text,
             1e-4,
             1000,
             {{"gL", 10e-9}, {"EL", -66e-3}, {"wE", 9e-9}, {"wI", 5e-9}, {"tau_e", 5e-3}, {"tau_i", 10e-3}},
             1,
             smooth_methods(),
             true});
    }
    {
        auto text = equations(
            "gate = clip(slope*(v - half), 0, 1) : 1\n"
            "leak = where(v > half, k1*(v - half), k2*abs(v - half - 0.05) + sqrt(where(v > half, 0*v, half + 3 - v))) "
            ": 1\n"
            "dv/dt = (-leak + I*(1.5 - gate) + int(v > 0.3)*slope - max(v, 2*half)*min(v, k1))/(5*ms) : 1\n"
            "slope : 1 (constant)\nhalf : 1 (constant)\nk1 : 1 (constant)\nk2 : 1 (constant)\n");
        text.inputs = {"I"};
        models.push_back(
            {"clip, abs, where, int, min, max",
             text,
             1e-4,
             900,
             {{"slope", 1.31}, {"half", 0.217}, {"k1", 0.83}, {"k2", 0.47}},
             4.1,
             smooth_methods(),
             false,
             1e-4,  // steps of adaptive methods end so near to conditions that differences would reach across
             1e-6});
    }
    {
        auto text = equations(
            "I_eff = gain*I + offset : 1 (constant over dt)\n"
            "rate = exp(-abs(v)/k)*tanh(w) + sin(v*k)*cos(w) + arctan(v) + log(2 + v**2) : 1\n"
            "dv/dt = (I_eff - v + (1 + v**2)**gain - sqrt(1 + w**2))/tau : 1\n"
            "dw/dt = (rate - w + log10(3 + v) + floor(v*4)*k - (v % k))/(2*tau) : 1\n"
            "gain : 1 (constant)\noffset : 1 (constant)\nk : 1 (constant)\ntau : second (constant)\n");
        text.inputs = {"I"};
        text.initial_values = {{"w", "k*gain"}, {"v", "0.3 + exp(-w)*offset"}};
        models.push_back({"functions and initial values",
                          text,
                          1e-4,
                          500,
                          {{"gain", 0.37}, {"offset", 0.21}, {"k", 0.93}, {"tau", 13e-3}},
                          0.8,
                          smooth_methods(),
                          false,
                          1e-4,
                          1e-6});
    }
    {
        auto text = equations(
            "m_inf = 0.5*(1 + tanh((v - V1)/V2)) : 1\nn_inf = 0.5*(1 + tanh((v - V3)/V4)) : 1\n"
            "tau_n = 1/cosh((v - V3)/(2*V4)) : 1\n"
            "dv/dt = (I - gCa*m_inf*(v - 120) - gK*n*(v + 84) - gL*(v + 60))/(20*ms) : 1\n"
            "dn/dt = phi*(n_inf - n)/tau_n/ms : 1\n"
            "gCa : 1 (constant)\ngK : 1 (constant)\ngL : 1 (constant)\nphi : 1 (constant)\nV3 : 1 (constant)\n");
        text.constants = {{"V1", "-1.2"}, {"V2", "18"}, {"V4", "30"}};
        text.inputs = {"I"};
        text.initial_values = {{"v", "-60"}, {"n", "0.01"}};
        models.push_back({"Morris-Lecar",
                          text,
                          1e-4,
                          1500,
                          {{"gCa", 4.4}, {"gK", 8}, {"gL", 2}, {"phi", 0.04}, {"V3", 2}},
                          110,
                          smooth_methods()});
    }
    {
        auto text = equations(
            "dv/dt = (mu - v + I)/tau + sigma*sqrt(2/tau)*xi : 1\nmu : 1 (constant)\ntau : second (constant)\n"
            "sigma : 1 (constant)\nVr : 1 (constant)\n");
        text.inputs = {"I"};
        text.threshold = "v > 1.2";
        text.reset = "v = Vr";
        models.push_back({"additive noise",
                          text,
                          1e-4,
                          500,
                          {{"mu", 0.4}, {"tau", 8e-3}, {"sigma", 0.3}, {"Vr", 0.05}},
                          1,
                          {"euler", "heun", "milstein"},
                          true});
        text = equations(
            "dv/dt = (mu - v)/tau + sigma*sqrt(abs(v) + 0.1)/sqrt(tau)*xi : 1\nmu : 1 (constant)\n"
            "tau : second (constant)\nsigma : 1 (constant)\n");
        models.push_back({"multiplicative noise",
                          text,
                          1e-4,
                          500,
                          {{"mu", 1.4}, {"tau", 8e-3}, {"sigma", 0.2}},
                          0,
                          {"heun", "milstein"}});
    }
    return models;
}

inline std::vector<std::string> parameter_names(const GradientModel& model) {
    std::vector<std::string> names;
    for (const auto& [name, value] : model.parameters) names.push_back(name);
    return names;
}

inline std::vector<double> parameter_values(const GradientModel& model) {
    std::vector<double> values;
    for (const auto& [name, value] : model.parameters) values.push_back(value);
    return values;
}

inline UpdateProgram program_of(const GradientModel& model, const std::string& method,
                                const std::vector<std::string>& outputs = {}) {
    return integrate(parse_brian(model.text),
                     {.method = method, .dt = model.dt, .outputs = outputs, .parameters = parameter_names(model)});
}

// A stimulus that is on for most of the time and never constant.
inline std::vector<std::vector<double>> stimulus_rows(const GradientModel& model, const UpdateProgram& program) {
    std::vector<std::vector<double>> rows;
    for (int k = 0; k < model.n_steps; ++k) {
        const double phase = static_cast<double>(k) / model.n_steps;
        const double value = phase < 0.05 ? 0 : model.input * (0.8 + 0.2 * std::sin(40 * phase));
        rows.emplace_back(program.time_inputs.size(), value);
    }
    return rows;
}

}  // namespace spikesmith::test
