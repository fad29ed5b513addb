// The posterior of what an OptNeuron fits.
#include "spikesmith/infer/opt_neuron_posterior.hpp"

#include "interruptible.hpp"
#include "opt_neuron.hpp"

#include "spikesmith/core/error.hpp"

namespace spikesmith::python {
namespace {

// name, kind, numbers
using PriorOfVariable = std::tuple<std::string, std::string, std::vector<double>>;

ParameterPrior to_prior(const PriorOfVariable& argument) {
    const auto& [name, kind, v] = argument;
    const auto at = [&v = v](std::size_t k) { return Quantity{v.at(k), Dimension{}}; };
    if (kind == "log_uniform") return log_uniform_prior(name, at(0), at(1));
    if (kind == "normal") return normal_prior(name, at(0), at(1));
    if (kind == "truncated_normal") return truncated_normal_prior(name, at(0), at(1), at(2), at(3));
    if (kind == "log_normal") return log_normal_prior(name, at(0), v.at(1));
    if (kind == "uniform") return uniform_prior(name, at(0), at(1));
    throw ConfigError("there is no prior `" + kind + "`",
                      "`uniform`, `log_uniform`, `normal`, `truncated_normal` or `log_normal`");
}

RecordSummary to_summary(const nb::object& summary) {
    if (summary.is_none()) return {};
    return [held = shared(summary)](const SimulationRecord& candidate) {
        const nb::gil_scoped_acquire lock;
        return nb::cast<std::vector<double>>((*held)(nb::cast(&candidate, nb::rv_policy::reference)));
    };
}

}  // namespace

void bind_opt_neuron_posterior(nb::module_& module) {
    module.def(
        "infer_opt_neuron",
        [](PythonOptNeuron& self, std::size_t n_simulations, std::size_t n_rounds,
           const std::vector<PriorOfVariable>& prior, const nb::object& summary, std::size_t n_samples,
           const std::string& checkpoint) {
            OptNeuronPosteriorOptions options;
            options.n_simulations = n_simulations;
            options.n_rounds = n_rounds;
            for (const PriorOfVariable& one : prior) options.prior.push_back(to_prior(one));
            options.summary = to_summary(summary);
            options.n_samples = n_samples;
            options.control.cancelled = &self.cancelled;
            options.control.checkpoint = checkpoint;
            OptNeuronPosterior found =
                interruptible(self.cancelled, [&] { return infer_opt_neuron(self.fit, options); });
            nb::dict dict = to_dict(std::move(found.fit));
            dict["summary_of_posterior"] = found.summary();
            dict["posterior"] = std::make_shared<Posterior>(std::move(found.posterior));
            dict["samples"] = to_numpy(std::move(found.samples));
            dict["observation"] = to_numpy(std::move(found.observation));
            dict["summary_names"] = found.summary_names;
            return dict;
        },
        nb::arg("neuron"), nb::kw_only(), nb::arg("n_simulations"), nb::arg("n_rounds"), nb::arg("prior"),
        nb::arg("summary").none(), nb::arg("n_samples"), nb::arg("checkpoint"),
        nb::sig("def infer_opt_neuron(neuron: OptNeuron, *, n_simulations: int, n_rounds: int, prior: list[tuple[str, "
                "str, list[float]]], summary: collections.abc.Callable[[SimulationRecord], list[float]] | None, "
                "n_samples: int, checkpoint: str) -> dict[str, typing.Any]"));
}

}  // namespace spikesmith::python
