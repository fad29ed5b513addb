// The neurons that come with ANNarchy itself, and the artificial ones of CompNeuroPy.
#include "spikesmith/lang/neuron_library_parts.hpp"

namespace spikesmith::lang {
namespace {

std::string annarchy_paper() {
    return "J. Vitay, H. U. Dinkelbach, F. H. Hamker, ANNarchy: a code generation approach to neural simulations on "
           "parallel "
           "hardware, "
           "Front. Neuroinform. 9 (2015) 19";
}
std::string pynn_paper() {
    return "standard neuron of PyNN: A. P. Davison et al., PyNN: a common interface for neuronal network simulators, "
           "Front. "
           "Neuroinform. 2 "
           "(2009) 11";
}
std::string adex_paper() {
    return "R. Brette, W. Gerstner, Adaptive exponential integrate-and-fire model as an effective description of "
           "neuronal "
           "activity, J. "
           "Neurophysiol. 94 (2005) 3637-3642";
}
std::string traub_book() {
    return "R. D. Traub, R. Miles, Neuronal networks of the hippocampus, Cambridge University Press (1991)";
}
std::string escape_book() {
    return "W. Gerstner, W. M. Kistler, R. Naud, L. Paninski, Neuronal dynamics, Cambridge University Press (2014), "
           "chapters "
           "6 and 9";
}

struct Parts {
    std::string parameters, equations, spike, reset, refractory;
};
AnnarchyNeuronText spiking(const Parts& parts) {
    AnnarchyNeuronText text;
    text.parameters.text = parts.parameters;
    text.equations.text = parts.equations;
    text.spike = parts.spike;
    text.reset = parts.reset;
    text.refractory = parts.refractory;
    return text;
}
AnnarchyNeuronText rate_coded(const std::string& parameters, const std::string& equations) {
    AnnarchyNeuronText text;
    text.parameters.text = parameters;
    text.equations.text = equations;
    return text;
}

std::string integrate_and_fire() {
    return "v_rest = -65\ncm = 1\ntau_m = 20\ntau_refrac = 0\ntau_syn_E = 5\ntau_syn_I = 5\nv_thresh = -50\nv_reset = "
           "-65\ni_offset = 0\n";
}
std::string reversals() {
    return "e_rev_E = 0\ne_rev_I = -70\n";
}
std::string decay() {
    return "tau_syn_E*dg_exc/dt = -g_exc : exponential\n"
           "tau_syn_I*dg_inh/dt = -g_inh : exponential\n";
}
std::string alpha_scale() {
    return "gmax_exc = exp((tau_syn_E - dt/2.0)/tau_syn_E)\n"
           "gmax_inh = exp((tau_syn_I - dt/2.0)/tau_syn_I)\n";
}
std::string alpha_shape() {
    return "tau_syn_E*dalpha_exc/dt = gmax_exc*g_exc - alpha_exc : exponential\n"
           "tau_syn_I*dalpha_inh/dt = gmax_inh*g_inh - alpha_inh : exponential\n";
}

std::string membrane(const std::string& current) {
    return "cm*dv/dt = cm/tau_m*(v_rest - v) + " + current + " + i_offset : exponential, init=v_reset\n";
}
AnnarchyNeuronText integrate_and_fire_neuron(const std::string& parameters, const std::string& equations) {
    return spiking({parameters, equations, "v > v_thresh", "v = v_reset", "tau_refrac"});
}

std::string adaptive() {
    return "v_rest = -70.6\ncm = 0.281\ntau_m = 9.3667\ntau_refrac = 0.1\ntau_syn_E = 5\ntau_syn_I = 5\ne_rev_E = "
           "0\ne_rev_I "
           "= -80\n"
           "tau_w = 144\na = 4\nb = 0.0805\ni_offset = 0\ndelta_T = 2\nv_thresh = -50.4\nv_reset = -70.6\nv_spike = "
           "-40\n";
}
AnnarchyNeuronText adaptive_neuron(const std::string& first, const std::string& exc, const std::string& inh,
                                   const std::string& synapses) {
    return spiking(
        {adaptive(),
         first + "I = " + exc + "*(e_rev_E - v) + " + inh +
             "*(e_rev_I - v) + i_offset\n"
             "tau_m*dv/dt = v_rest - v + delta_T*exp((v - v_thresh)/delta_T) + tau_m/cm*(I - w) : init=v_rest\n"
             "tau_w*dw/dt = a*(v - v_rest)/1000.0 - w\n" +
             synapses,
         "v > v_spike", "v = v_reset\nw += b", "tau_refrac"});
}

std::string escape_noise() {
    return "C_m = 250\ntau_m = 10\ntau_v = 1000\nJ_v = 1000\nu_r = -65\nu_th = -50\nc = 10\ndelta_u = 5\nI_ext = "
           "375\nrefractory_period = 0\n";
}
AnnarchyNeuronText escape_neuron(const std::string& parameters, const std::string& synapses) {
    return spiking({parameters,
                    "R = tau_m/C_m\n" + synapses +
                        "tau_m*du/dt = -u + u_r + R*I_ext + R*(g_exc - g_inh) : init=u_r\n"
                        "tau_v*dv/dt = -(v - u_th) : init=u_th\n"
                        "Lambda = c*exp((u - v)/delta_u)\n"
                        "p = Uniform(0.0, 1.0)*1000.0/dt\n",
                    "p < Lambda", "u = u_r\nv += J_v/tau_v", "refractory_period"});
}

}  // namespace

std::vector<LibraryNeuron> annarchy_neurons() {
    return {
        {"LeakyIntegrator", "", "rate-coded leaky integrator with a threshold", annarchy_paper(),
         rate_coded("tau = 10\nB = 0\nT = 0\n",
                    "tau*dv/dt + v = sum(exc) - sum(inh) + B : exponential\nr = pos(v - T)\n")},
        {"Izhikevich", "", "Izhikevich's neuron of 2003",
         "E. M. Izhikevich, Simple model of spiking neurons, IEEE Trans. Neural Netw. 14 (2003) 1569-1572",
         spiking({"a = 0.02\nb = 0.2\nc = -65\nd = 8\nv_thresh = 30\ni_offset = 0\nnoise = 0\ntau_refrac = 0\n",
                  "I = g_exc - g_inh + noise*Normal(0.0, 1.0) + i_offset\n"
                  "dv/dt = 0.04*v**2 + 5*v + 140 - u + I : init=c\n"
                  "du/dt = a*(b*v - u) : init=b*c\n",
                  "v > v_thresh", "v = c\nu += d", "tau_refrac"})},
        {"IF_curr_exp", "", "leaky integrate-and-fire, exponential synaptic currents", pynn_paper(),
         integrate_and_fire_neuron(integrate_and_fire(), membrane("g_exc - g_inh") + decay())},
        {"IF_cond_exp", "", "leaky integrate-and-fire, exponential synaptic conductances", pynn_paper(),
         integrate_and_fire_neuron(integrate_and_fire() + reversals(),
                                   membrane("g_exc*(e_rev_E - v) + g_inh*(e_rev_I - v)") + decay())},
        {"IF_curr_alpha", "", "leaky integrate-and-fire, alpha-shaped synaptic currents", pynn_paper(),
         integrate_and_fire_neuron(integrate_and_fire(),
                                   alpha_scale() + membrane("alpha_exc - alpha_inh") + decay() + alpha_shape())},
        {"IF_cond_alpha", "", "leaky integrate-and-fire, alpha-shaped synaptic conductances", pynn_paper(),
         integrate_and_fire_neuron(
             integrate_and_fire() + reversals(),
             alpha_scale() + membrane("alpha_exc*(e_rev_E - v) + alpha_inh*(e_rev_I - v)") + decay() + alpha_shape())},
        {"EIF_cond_exp_isfa_ista", "", "adaptive exponential integrate-and-fire, exponential conductances",
         adex_paper(), adaptive_neuron("", "g_exc", "g_inh", decay())},
        {"EIF_cond_alpha_isfa_ista", "", "adaptive exponential integrate-and-fire, alpha-shaped conductances",
         adex_paper(), adaptive_neuron(alpha_scale(), "alpha_exc", "alpha_inh", decay() + alpha_shape())},
        {"HH_cond_exp", "", "Hodgkin-Huxley neuron of Traub and Miles, exponential conductances", traub_book(),
         spiking({"gbar_Na = 20\ngbar_K = 6\ngleak = 0.01\ncm = 0.2\nv_offset = -63\ne_rev_Na = 50\ne_rev_K = -90\n"
                  "e_rev_leak = -65\ne_rev_E = 0\ne_rev_I = -80\ntau_syn_E = 0.2\ntau_syn_I = 2\ni_offset = "
                  "0\nv_thresh = 0\n",
                  "prev_v = v\n"
                  "an = 0.032*(15.0 - v + v_offset)/(exp((15.0 - v + v_offset)/5.0) - 1.0)\n"
                  "am = 0.32*(13.0 - v + v_offset)/(exp((13.0 - v + v_offset)/4.0) - 1.0)\n"
                  "ah = 0.128*exp((17.0 - v + v_offset)/18.0)\n"
                  "bn = 0.5*exp((10.0 - v + v_offset)/40.0)\n"
                  "bm = 0.28*(v - v_offset - 40.0)/(exp((v - v_offset - 40.0)/5.0) - 1.0)\n"
                  "bh = 4.0/(1.0 + exp(10.0 - v + v_offset))\n"
                  "dn/dt = an*(1.0 - n) - bn*n : exponential\n"
                  "dm/dt = am*(1.0 - m) - bm*m : exponential\n"
                  "dh/dt = ah*(1.0 - h) - bh*h : exponential, init=1.0\n"
                  "cm*dv/dt = gleak*(e_rev_leak - v) + gbar_K*n**4*(e_rev_K - v) + gbar_Na*m**3*h*(e_rev_Na - v)\n"
                  "           + g_exc*(e_rev_E - v) + g_inh*(e_rev_I - v) + i_offset : exponential, init=e_rev_leak\n" +
                      decay(),
                  "(v > v_thresh) and (prev_v <= v_thresh)", "", ""})},
        {"GIF_curr", "", "escape-noise neuron with a moving threshold, instantaneous currents", escape_book(),
         escape_neuron(escape_noise(), "")},
        {"GIF_curr_exp", "", "escape-noise neuron with a moving threshold, exponential currents", escape_book(),
         escape_neuron(escape_noise() + "tau_g_exc = 5\ntau_g_inh = 5\n",
                       "tau_g_exc*dg_exc/dt = -g_exc\ntau_g_inh*dg_inh/dt = -g_inh\n")},
    };
}

std::vector<LibraryNeuron> artificial_neurons() {
    const std::string none = "no publication";
    const std::string draw = "p = Uniform(0.0, 1.0)*1000.0/dt\n";
    return {
        {"IntegratorNeuron", "integrator_neuron", "sums its input; its first spike marks it as decided", none,
         spiking({"tau = 1\nthreshold = 1\nneuron_id = 0\n", "dg_ampa/dt = -g_ampa/tau\nddecision/dt = 0 : init=-1\n",
                  "g_ampa >= threshold", "decision = neuron_id", ""})},
        {"IntegratorNeuronSimple", "integrator_neuron_simple", "sums its input without spikes", none,
         rate_coded("tau = 1\n", "dg_ampa/dt = -g_ampa/tau\nr = 0\n")},
        {"PoissonNeuron", "poisson_neuron", "spikes at random at a given rate in hertz", none,
         spiking({"rates = 0\n", draw, "p <= rates", "p = 0", ""})},
        {"PoissonNeuronUpDown", "poisson_neuron_up_down",
         "spikes at random at a rate that follows with two time constants", none,
         spiking({"rates = 0\ntau_up = 1\ntau_down = 1\n",
                  "dact/dt = if rates > act: (rates - act)/tau_up else: (rates - act)/tau_down\n" + draw, "p <= act",
                  "p = 0", ""})},
        {"PoissonNeuronSin", "poisson_neuron_sin", "spikes at random at a rate that is a sine", none,
         spiking({"amplitude = 0\nbase = 0\nfrequency = 0\nphase = 0\n",
                  "rates = amplitude*sin(2*pi*frequency*(t/1000 - phase)) + base\n" + draw, "p <= rates", "p = 0",
                  ""})},
    };
}

}  // namespace spikesmith::lang
