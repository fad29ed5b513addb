// Izhikevich neurons with synapses, noise and adaptation, as CompNeuroPy has them.
#include "spikesmith/lang/neuron_library_parts.hpp"

namespace spikesmith::lang {
namespace {

std::string paper_2003() {
    return "E. M. Izhikevich, Simple model of spiking neurons, IEEE Trans. Neural Netw. 14 (2003) 1569-1572";
}
std::string book_2007() {
    return "E. M. Izhikevich, Dynamical systems in neuroscience, MIT Press (2007), chapter 8";
}
std::string corbit_2016() {
    return book_2007() +
           "; V. L. Corbit et al., Pallidostriatal projections promote beta oscillations in a dopamine-depleted "
           "biophysical "
           "network model, J. Neurosci. 36 (2016) 5556-5571";
}
std::string golomb_2007() {
    return book_2007() +
           "; D. Golomb et al., Mechanisms of firing patterns in fast-spiking cortical interneurons, PLoS Comput. "
           "Biol. 3 "
           "(2007) e156";
}

// sign(x)*|x|**(1/nonlin)
std::string root(const std::string& x) {
    return "abs(" + x + ")**(1/nonlin)/((" + x + " + 1e-20)/(abs(" + x + ") + 1e-20))";
}

AnnarchyNeuronText with(const std::string& parameters, const std::string& equations, const std::string& spike,
                        const std::string& reset = "v = c\nu += d") {
    AnnarchyNeuronText text;
    text.parameters.text = parameters;
    text.equations.text = equations;
    text.spike = spike;
    text.reset = reset;
    return text;
}

// ---- 2003: dv/dt is a quadratic in v ----

std::string shape_2003() {
    return "a = 0\nb = 0\nc = 0\nd = 0\n";
}
std::string quadratic_parameters() {
    return shape_2003() + "n2 = 0\nn1 = 0\nn0 = 0\n";
}
std::string synapses_2003() {
    return "tau_ampa = 1\ntau_gaba = 1\nE_ampa = 0\nE_gaba = 0\nI_app = 0\n";
}
std::string noise_parameters() {
    return "increase_noise = 0\nrates_noise = 0\n";
}
std::string baseline_parameters() {
    return "base_mean = 0\nbase_noise = 0\nrate_base_noise = 0\n";
}
std::string quadratic() {
    return "n2*v**2 + n1*v + n0";
}
std::string recovery_2003() {
    return "du/dt = a*(b*v - u)\n";
}

std::string voltage_2003(const std::string& current) {
    return "dv/dt = " + quadratic() + " - u + " + current + "\n" + recovery_2003();
}

// ---- 2007: C dv/dt = k (v - v_r) (v - v_t) - u + I ----

std::string regular() {
    return "C = 100\nk = 0.7\nv_r = -60\nv_t = -40\na = 0.03\nb = -2\nc = -50\nd = 100\nv_peak = 35\nI_app = 0\n";
}
std::string fast() {
    return "C = 20\nk = 1\nv_r = -55\nv_t = -40\na = 0.1\nb = -2\nc = -50\nd = 2\nv_peak = 25\nI_app = 0\n";
}
std::string regular_synapses() {
    return "tau_ampa = 10\ntau_gaba = 10\nE_ampa = 0\nE_gaba = -90\n";
}
std::string fast_synapses() {
    return "tau_ampa = 2\ntau_gaba = 5\nE_ampa = 0\nE_gaba = -80\n";
}
std::string voltage_2007() {
    return "C*dv/dt = k*(v - v_r)*(v - v_t) - u + I_v\n";
}
std::string recovery_2007() {
    return "du/dt = a*(b*(v - v_r) - u)\n";
}
std::string slow_inhibition() {
    return "ds/dt = a_s*(pos(u)**0.1 - s)\n"
           "dn/dt = a_n*(b_n*(pos(u)**0.1 - s) - n)\n";
}
std::string slow_parameters() {
    return "b_n = 0.1\na_s = 0.1\na_n = 0.1\nnonlin = 0.1\n";
}
std::string at_peak() {
    return "v >= v_peak";
}

}  // namespace

std::vector<LibraryNeuron> izhikevich_2003_neurons() {
    const std::string at_30 = "v >= 30";
    const std::string current = "I_app + " + synaptic_current();
    const std::string noisy = quadratic_parameters() + synapses_2003() + noise_parameters();
    const std::string baseline = quadratic_parameters() + synapses_2003() + baseline_parameters();
    return {
        {"Izhikevich2003FixedNoisyAmpa", "Izhikevich2003_noisy_AMPA",
         "Izhikevich's quadratic with noisy AMPA and GABA synapses", paper_2003(),
         with(shape_2003() + synapses_2003() + noise_parameters(),
              noisy_synapses() + "dv/dt = 0.04*v**2 + 5*v + 140 - u + " + current + "\n" + recovery_2003(), at_30)},
        {"Izhikevich2003NoisyAmpa", "Izhikevich2003_flexible_noisy_AMPA",
         "a free quadratic with noisy AMPA and GABA synapses", paper_2003(),
         with(noisy, noisy_synapses() + voltage_2003(current), at_30)},
        {"Izhikevich2003NoisyAmpaNonlin", "Izhikevich2003_flexible_noisy_AMPA_nonlin",
         "a free quadratic with noisy synapses; the current enters by a root", paper_2003(),
         with(noisy + "nonlin = 1\n", noisy_synapses() + "I = " + current + "\n" + voltage_2003(root("I")), at_30)},
        {"Izhikevich2003NoisyAmpaOscillating", "Izhikevich2003_flexible_noisy_AMPA_oscillating",
         "a free quadratic with noisy synapses and a sine current", paper_2003(),
         with(noisy + "freq = 0\namp = 6\n",
              "osc = amp*sin(t*2*pi*(freq/1000))\n" + noisy_synapses() + voltage_2003(current + " + osc"), at_30)},
        {"Izhikevich2003NoisyBase", "Izhikevich2003_flexible_noisy_I",
         "a free quadratic with synapses and a noisy baseline current", paper_2003(),
         with(baseline,
              noisy_baseline() + exponential_synapses() + "I = " + current + " + I_base\n" + voltage_2003("I"), at_30)},
        {"Izhikevich2003NoisyBaseNonlin", "Izhikevich2003_flexible_noisy_I_nonlin",
         "a free quadratic with synapses and a noisy baseline; the current enters by a root", paper_2003(),
         with(baseline + "nonlin = 1\n",
              noisy_baseline() + exponential_synapses() + "I = " + current + "\n" +
                  voltage_2003(root("I") + " + I_base"),
              at_30)},
        {"Izhikevich2003NoisyBaseSNR", "", "a free quadratic with noise of a given ratio to the power of the signal",
         paper_2003(),
         with(quadratic_parameters() + synapses_2003() +
                  "I_base = 0\nnoise = 1\ntau_power = 1\nsnr_target = 1\nrate_noise = 0\n",
              "I_noise = noise*ite(Uniform(0.0, 1.0)*1000.0/dt > rate_noise, I_noise, Normal(0.0, 1.0))\n"
              "I_signal = I_base + " +
                  synaptic_current() +
                  " + I_app\n"
                  "I = I_signal + I_noise*sqrt(power_I_signal/snr_target)\n"
                  "dv/dt = " +
                  quadratic() + " - u + I : min=-100, max=0\n" + recovery_2003() +
                  "tau_ampa*dg_ampa/dt = -g_ampa\ntau_gaba*dg_gaba/dt = -g_gaba\n"
                  "tau_power*dpower_I_signal/dt = I_signal**2 - power_I_signal\n",
              "v >= 0")},
    };
}

std::vector<LibraryNeuron> izhikevich_2007_neurons() {
    const std::string current = "I_app + " + synaptic_current();
    const std::string dynamics = voltage_2007() + recovery_2007();
    const std::string fsi_recovery = "du/dt = if v < v_b: -a*u else: a*(b*(v - v_b)**3 - u)\n";
    return {
        {"Izhikevich2007", "", "spiking neuron with a quadratic membrane and linear recovery", book_2007(),
         with(regular(), "I_v = I_app\n" + dynamics, at_peak())},
        {"Izhikevich2007RecCur", "Izhikevich2007_record_currents", "Izhikevich2007 with its currents as variables",
         book_2007(),
         with(regular(), "I_v = I_app\n" + dynamics + "I_u = -u\nI_k = k*(v - v_r)*(v - v_t)\nI_a = I_app\n",
              at_peak())},
        {"Izhikevich2007VoltageClamp", "Izhikevich2007_voltage_clamp",
         "Izhikevich2007 with a clamped voltage; I_inf is the current", book_2007(),
         with(regular(), "I_v = I_app\nC*dv/dt = 0\n" + recovery_2007() + "I_inf = k*(v - v_r)*(v - v_t) - u + I_v\n",
              at_peak())},
        {"Izhikevich2007Syn", "Izhikevich2007_syn", "Izhikevich2007 with AMPA and GABA synapses", book_2007(),
         with(regular() + regular_synapses(), exponential_synapses() + "I_v = " + current + "\n" + dynamics,
              at_peak())},
        {"Izhikevich2007NoisyAmpa", "Izhikevich2007_noisy_AMPA", "Izhikevich2007 with noisy AMPA and GABA synapses",
         book_2007(),
         with(regular() + regular_synapses() + noise_parameters(),
              noisy_synapses() + "I_v = " + current + "\n" + dynamics, at_peak())},
        {"Izhikevich2007NoisyBase", "Izhikevich2007_noisy_I",
         "Izhikevich2007 with synapses and a noisy baseline current", book_2007(),
         with(regular() + regular_synapses() + baseline_parameters(),
              noisy_baseline() + exponential_synapses() + "I_v = " + current + " + I_base\n" + dynamics, at_peak())},
        {"Izhikevich2007FsiNoisyAmpa", "Izhikevich2007_fsi_noisy_AMPA",
         "fast-spiking interneuron with a cubic recovery and noisy synapses", book_2007(),
         with(fast() + fast_synapses() + noise_parameters() + "v_b = -55\n",
              noisy_synapses() + "I_v = " + current + "\n" + voltage_2007() + fsi_recovery, at_peak())},
        {"Izhikevich2007CorbitFsiNoisyAmpa", "Izhikevich2007_Corbit_FSI_noisy_AMPA",
         "striatal fast-spiking interneuron with slow inhibition and noisy synapses", corbit_2016(),
         with(fast() + fast_synapses() + noise_parameters() + slow_parameters(),
              noisy_synapses() + "I_v = " + root("(" + current + ")") + " - n\n" + dynamics + slow_inhibition(),
              at_peak())},
        {"Izhikevich2007CorbitFsiNoisyBase", "Izhikevich2007_Corbit_FSI_noisy_I",
         "striatal fast-spiking interneuron with slow inhibition and a noisy baseline", corbit_2016(),
         with(fast() + fast_synapses() + baseline_parameters() + slow_parameters(),
              noisy_baseline() + exponential_synapses() + "I_v = " + root("(" + current + ")") + " - n + I_base\n" +
                  dynamics + slow_inhibition(),
              at_peak())},
        {"Izhikevich2007NoisyAmpaOscillating", "Izhikevich2007_noisy_AMPA_oscillating",
         "Izhikevich2007 with noisy synapses and a sine current", book_2007(),
         with(fast() + fast_synapses() + noise_parameters() + "freq = 0\namp = 300\n",
              "osc = amp*sin(t*2*pi*(freq/1000))\n" + noisy_synapses() + "I_v = " + current + " + osc\n" + dynamics,
              at_peak())},
        {"IzhikevichGolomb", "", "fast-spiking neuron fitted to that of Golomb, with synapses and a noisy baseline",
         golomb_2007(),
         with("C = 100\nk = 2.3422021975590845\nv_r = -70\nv_t = -50\na = 0.4077132173988824\na_uu = "
              "0.4077132173988824\n"
              "b = 37.027824808742196\nc = -50\nd = 0\nv_peak = 0\nI_app = 0\ndd = 819.0218598481788\n"
              "a_s = 0.19087175635342485\na_n = 0.008987424013380247\nb_n = 2.9609600149723434\na_I = "
              "223.0822501641062\n" +
                  regular_synapses() + baseline_parameters(),
              noisy_baseline() + exponential_synapses() + "I_v = a_I*(" + current +
                  " + I_base)\n"
                  "C*dv/dt = k*(v - v_r)*(v - v_t) - u + I_v - pos(uu*(v - E_gaba)) - pos(n)\n" +
                  recovery_2007() + "duu/dt = -a_uu*uu\nds/dt = a_s*(I_v - s)\ndn/dt = a_n*(b_n*(I_v - s) - n)\n",
              at_peak(), "v = c\nu += d\nuu += dd")},
    };
}

}  // namespace spikesmith::lang
