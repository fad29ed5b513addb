// Fits the leak conductance of a passive membrane to responses to current steps, whose closed form is known.
#include <cmath>
#include <cstdio>
#include <exception>

#include <spikesmith/spikesmith.hpp>

namespace {

constexpr double capacitance = 200e-12, rest = -65e-3, conductance = 10e-9;  // SI units
constexpr double dt = 0.1e-3;
constexpr std::size_t n_traces = 2, n_steps = 1000;

spikesmith::FitResult fit() {
    spikesmith::Array2 currents(n_traces, n_steps), recordings(n_traces, n_steps);
    for (std::size_t trace = 0; trace < n_traces; ++trace) {
        const double current = 100e-12 * static_cast<double>(trace + 1);
        for (std::size_t k = 0; k < n_steps; ++k) {
            const double t = static_cast<double>(k) * dt;
            currents(trace, k) = current;
            recordings(trace, k) = rest - current / conductance * std::expm1(-t * conductance / capacitance);
        }
    }

    const spikesmith::Model model = spikesmith::parse_brian({
        .equations = {"membrane",
                      "dv/dt = (gl*(El - v) + I)/C : volt\n"
                      "gl : siemens (constant)\n"},
        .constants = {{"C", "200 pF"}, {"El", "-65 mV"}},
        .inputs = {"I"},
        .initial_values = {{"v", "El"}},
    });
    spikesmith::TraceFitter fitter({
        .model = model,
        .recordings = {.inputs = {{"I", {.dt = dt, .values = currents}}},
                       .outputs = {{"v", {.dt = dt, .values = recordings}}}},
        .n_samples = 30,
        .method = "exact",
        .seed = 1,
    });
    return fitter.fit({
        .parameters = {{.name = "gl",
                        .low = spikesmith::parse_quantity("1 nS"),
                        .high = spikesmith::parse_quantity("100 nS"),
                        .scale = spikesmith::Scale::logarithmic}},
        .n_rounds = 30,
    });
}

}  // namespace

int main() {
    try {
        const spikesmith::FitResult result = fit();
        std::puts(result.summary().c_str());
        const double found = result["gl"];
        if (std::fabs(found / conductance - 1) > 1e-3) {
            std::printf("expected gl = %g S\n", conductance);
            return 1;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
