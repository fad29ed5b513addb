// Hodgkin-Huxley neurons of the striatum, as CompNeuroPy has them.
#include "spikesmith/lang/neuron_library_parts.hpp"

namespace spikesmith::lang {
namespace {

std::string bischop_2012() {
    return "D. P. Bischop, D. Orduz, L. Lambot, S. N. Schiffmann, D. Gall, Control of neuronal excitability by calcium "
           "binding proteins: a "
           "new mathematical model for striatal fast-spiking interneurons, Front. Mol. Neurosci. 5 (2012) 78";
}
std::string corbit_2016() {
    return "V. L. Corbit et al., Pallidostriatal projections promote beta oscillations in a dopamine-depleted "
           "biophysical "
           "network model, J. "
           "Neurosci. 36 (2016) 5556-5571";
}

std::string synapse_parameters() {
    return "tau_ampa = 10\ntau_gaba = 10\nE_ampa = 0\nE_gaba = -90\n";
}
std::string upward_crossing() {
    return "(v > v_t) and (prev_v <= v_t)";
}

AnnarchyNeuronText with(const std::string& parameters, const std::string& equations) {
    AnnarchyNeuronText text;
    text.parameters.text = parameters;
    text.equations.text = equations;
    text.spike = upward_crossing();
    return text;
}

std::string bischop_parameters() {
    return "C_m = 30\ngg_L = 2.5\nE_L = -68\ngg_Na = 700\nE_Na = 74\ngg_Kv1 = 2\ngg_Kv3 = 300\ngg_SK = 2\nE_K = "
           "-90\nK_SK = "
           "0.5\n"
           "F = 96485.332\nA = 3000\nd = 0.2\ngamma = 1\nCa_rest = 0.07\nk_on_ca = 0.1\nk_off_ca = 0.001\nk_on_mg = "
           "0.0008\n"
           "k_off_mg = 0.025\nMg = 500\nPV_T = 63.5\ngg_Ca = 30\nE_Ca = 80\nv_t = 30\nI_app = 0\n";
}

std::string bischop_equations(const std::string& input) {
    return "prev_v = v\n"
           "I_L = gg_L*(v - E_L)\n"
           "alpha_h = 0.0035*exp(-v/24.186)\n"
           "beta_h = 0.017*(-51.25 - v)/(exp((-51.25 - v)/5.2) - 1.0)\n"
           "h_inf = alpha_h/(alpha_h + beta_h)\n"
           "tau_h = 1.0/(alpha_h + beta_h)\n"
           "dh/dt = (h_inf - h)/tau_h\n"
           "alpha_m = 40.0*(75.5 - v)/(exp((75.5 - v)/13.5) - 1.0)\n"
           "beta_m = 1.2262*exp(-v/42.248)\n"
           "m = alpha_m/(alpha_m + beta_m)\n"
           "I_Na = gg_Na*m**3*h*(v - E_Na)\n"
           "alpha_n1 = 0.014*(-44.0 - v)/(exp((-44.0 - v)/2.3) - 1.0)\n"
           "beta_n1 = 0.0043*exp((44.0 + v)/34.0)\n"
           "n1_inf = alpha_n1/(alpha_n1 + beta_n1)\n"
           "tau_n1 = 1.0/(alpha_n1 + beta_n1)\n"
           "dn1/dt = (n1_inf - n1)/tau_n1\n"
           "I_Kv1 = gg_Kv1*n1**4*(v - E_K)\n"
           "alpha_n3 = (95.0 - v)/(exp((95.0 - v)/11.8) - 1.0)\n"
           "beta_n3 = 0.025*exp(-v/22.222)\n"
           "n3_inf = alpha_n3/(alpha_n3 + beta_n3)\n"
           "tau_n3 = 1.0/(alpha_n3 + beta_n3)\n"
           "dn3/dt = (n3_inf - n3)/tau_n3\n"
           "I_Kv3 = gg_Kv3*n3**2*(v - E_K)\n"
           "PV = PV_T - PV_Ca - PV_Mg\n"
           "dPV_Mg/dt = k_on_mg*Mg*PV - k_off_mg*PV_Mg\n"
           "dPV_Ca_dt = k_on_ca*Ca*PV - k_off_ca*PV_Ca\n"
           "dPV_Ca/dt = dPV_Ca_dt\n"
           "dCa/dt = I_Ca/(2*F*A*d) - gamma*(Ca - Ca_rest) - dPV_Ca_dt\n"
           "k_inf = Ca/(K_SK + Ca)\n"
           "tau_k = 1.0/(K_SK + Ca)\n"
           "dk/dt = (k_inf - k)/tau_k\n"
           "I_SK = gg_SK*k**2*(v - E_K)\n"
           "a = 1.0/(1.0 + exp((-6.0 - v)/7.775))\n"
           "I_Ca = gg_Ca*a**2*(v - E_Ca)\n"
           "C_m*dv/dt = -I_L - I_Na - I_Kv1 - I_Kv3 - I_SK - I_Ca + I_app" +
           input + " : init=-68\n";
}

std::string corbit_parameters() {
    return "v_t = 0\nC_m = 1\nv_L = -70\ngg_L = 0.25\nE_Na = 50\ngg_Na = 112.5\nth_m_Na = -24\nk_m_Na = "
           "11.5\ntau_0_m_Na = 0\n"
           "tau_1_m_Na = 0\nsigma_0_m_Na = 1\nth_h_Na = -58.3\nk_h_Na = -6.7\nphi_h_Na = -60\nsigma_0_h_Na = "
           "-12\ntau_0_h_Na "
           "= 0.5\n"
           "tau_1_h_Na = 13.5\nE_Kv3 = -90\ngg_Kv3 = 225\nth_n_Kv3 = -12.4\nk_n_Kv3 = 6.8\ntau_0_n_Kv3 = "
           "0.087\ntau_1_n_Kv3 = "
           "11.313\n"
           "phi_a_n_Kv3 = -14.6\nphi_b_n_Kv3 = 1.3\nsigma_0_a_n_Kv3 = -8.6\nsigma_0_b_n_Kv3 = 18.7\nE_Kv1 = "
           "-90\ngg_Kv1 = "
           "0.39\n"
           "th_m_Kv1 = -50\nk_m_Kv1 = 20\ntau_m_Kv1 = 2\nth_h_Kv1 = -70\nk_h_Kv1 = -6\ntau_h_Kv1 = 150\nI_app = 0\n";
}

// `voltage` is the last part: the membrane, or the clamp.
std::string corbit_equations(const std::string& voltage) {
    return "prev_v = v\n"
           "I_L = gg_L*(v - v_L)\n"
           "m_Na = 1.0/(1.0 + exp((th_m_Na - v)/k_m_Na))\n"
           "h_inf_Na = 1.0/(1.0 + exp((th_h_Na - v)/k_h_Na))\n"
           "tau_h_Na = tau_0_h_Na + (tau_1_h_Na + tau_0_h_Na)/(1.0 + exp((phi_h_Na - v)/sigma_0_h_Na))\n"
           "dh_Na/dt = (h_inf_Na - h_Na)/tau_h_Na : init=0.8521993432343666\n"
           "I_Na = gg_Na*m_Na**3*h_Na*(v - E_Na)\n"
           "n_inf_Kv3 = 1.0/(1.0 + exp((th_n_Kv3 - v)/k_n_Kv3))\n"
           "tau_n_a_Kv3 = tau_0_n_Kv3 + (tau_0_n_Kv3 + tau_1_n_Kv3)/(1.0 + exp((phi_a_n_Kv3 - v)/sigma_0_a_n_Kv3))\n"
           "tau_n_b_Kv3 = tau_0_n_Kv3 + (tau_0_n_Kv3 + tau_1_n_Kv3)/(1.0 + exp((phi_b_n_Kv3 - v)/sigma_0_b_n_Kv3))\n"
           "tau_n_Kv3 = tau_n_a_Kv3*tau_n_b_Kv3\n"
           "dn_Kv3/dt = (n_inf_Kv3 - n_Kv3)/tau_n_Kv3 : init=0.00020832726857419512\n"
           "I_Kv3 = gg_Kv3*n_Kv3**2*(v - E_Kv3)\n"
           "m_inf_Kv1 = 1.0/(1.0 + exp((th_m_Kv1 - v)/k_m_Kv1))\n"
           "dm_Kv1/dt = (m_inf_Kv1 - m_Kv1)/tau_m_Kv1 : init=0.2685669882630486\n"
           "h_inf_Kv1 = 1.0/(1.0 + exp((th_h_Kv1 - v)/k_h_Kv1))\n"
           "dh_Kv1/dt = (h_inf_Kv1 - h_Kv1)/tau_h_Kv1 : init=0.5015877164262258\n"
           "I_Kv1 = gg_Kv1*m_Kv1**3*h_Kv1*(v - E_Kv1)\n" +
           voltage;
}
std::string corbit_current() {
    return "-I_L - I_Na - I_Kv3 - I_Kv1 + I_app";
}
std::string corbit_start() {
    return " : init=-70.03810532250634\n";
}

}  // namespace

std::vector<LibraryNeuron> hodgkin_huxley_neurons() {
    return {
        {"HHneuronBischop", "", "striatal fast-spiking interneuron with calcium buffering", bischop_2012(),
         with(bischop_parameters(), bischop_equations(""))},
        {"HHneuronBischopSyn", "", "HHneuronBischop with AMPA and GABA synapses", bischop_2012(),
         with(bischop_parameters() + synapse_parameters(),
              exponential_synapses() + bischop_equations(" + " + synaptic_current()))},
        {"HHneuronCorbit", "", "striatal fast-spiking interneuron with two potassium currents", corbit_2016(),
         with(corbit_parameters(), corbit_equations("C_m*dv/dt = " + corbit_current() + corbit_start()))},
        {"HHneuronCorbitSyn", "", "HHneuronCorbit with AMPA and GABA synapses", corbit_2016(),
         with(corbit_parameters() + synapse_parameters(),
              exponential_synapses() +
                  corbit_equations("C_m*dv/dt = " + corbit_current() + " + " + synaptic_current() + corbit_start()))},
        {"HHneuronCorbitVoltageClamp", "", "HHneuronCorbit with a clamped voltage; I_inf is the current", corbit_2016(),
         with(corbit_parameters(),
              corbit_equations("C_m*dv/dt = 0" + corbit_start() + "I_inf = " + corbit_current() + "\n"))},
    };
}

}  // namespace spikesmith::lang
