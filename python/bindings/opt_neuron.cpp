// OptNeuron with experiments and losses written in Python.

#include "opt_neuron.hpp"

#include <algorithm>

#include "interruptible.hpp"
#include "simulation.hpp"

#include "spikesmith/core/error.hpp"

namespace spikesmith::python {
namespace {

// name, bounds, value, expression, scale, integer, guess; None where it does not apply.
using OptionalPair = std::optional<std::pair<double, double>>;
using VariableArgument =
    std::tuple<std::string, OptionalPair, std::optional<double>, std::string, std::string, bool, OptionalPair>;

OptVariable to_variable(const VariableArgument& argument) {
    const auto& [name, bounds, value, expression, scale, integer, guess] = argument;
    return {.name = name,
            .bounds = bounds,
            .value = value,
            .expression = expression,
            .scale = scale == "log" ? Scale::logarithmic : Scale::linear,
            .integer = integer,
            .guess = guess};
}

// Calls `run(simulation)`, which returns a SimulationRecord.
Experiment to_experiment(nb::object run) {
    return [held = shared(std::move(run))](Simulation& simulation) {
        const nb::gil_scoped_acquire lock;
        const nb::object record = (*held)(nb::cast(&simulation, nb::rv_policy::reference));
        return nb::cast<SimulationRecord>(record);
    };
}

// Calls `loss(candidate, target)`, which returns a list of numbers.
ExperimentLoss to_loss(nb::object loss) {
    return [held = shared(std::move(loss))](const SimulationRecord& candidate, const SimulationRecord& target) {
        const nb::gil_scoped_acquire lock;
        return nb::cast<std::vector<double>>(
            (*held)(nb::cast(&candidate, nb::rv_policy::reference), nb::cast(&target, nb::rv_policy::reference)));
    };
}

using Solutions = std::vector<std::pair<std::vector<double>, double>>;

}  // namespace

nb::dict to_dict(OptNeuronResult result) {
    nb::dict dict;
    const std::size_t n = result.history.size();
    const std::size_t d = result.fitted.size();
    Array2 points(n, d);
    std::vector<double> losses(n), deviations(n);
    for (std::size_t i = 0; i < n; ++i) {
        std::ranges::copy(result.history[i].variables, points.row(i).begin());
        losses[i] = result.history[i].loss;
        deviations[i] = result.history[i].loss_deviation;
    }
    dict["best"] = result.best;
    dict["parameters"] = result.parameters;
    dict["expressions"] = result.expressions;
    dict["loss"] = result.loss;
    dict["deviation"] = result.deviation;
    dict["best_loss"] = result.best_loss;
    nb::list logbook;
    std::size_t before = 0;
    for (const OptGeneration& g : result.logbook) {
        logbook.append(
            nb::make_tuple(g.evaluations - before, g.mean, g.deviation, g.minimum, g.maximum, g.best, g.seconds));
        before = g.evaluations;
    }
    dict["logbook"] = logbook;
    dict["population"] = result.population;
    dict["cancelled"] = result.stop == OptStop::cancelled;
    dict["all_loss"] = to_numpy(std::move(result.all_loss));
    dict["points"] = to_numpy(std::move(points));
    dict["losses"] = to_numpy(std::move(losses));
    dict["deviations"] = to_numpy(std::move(deviations));
    dict["best_loss_after"] = to_numpy(std::move(result.best_loss_after));
    dict["n_failed"] = result.n_failed;
    nb::list failures;
    for (const FailureCause& failure : result.failures)
        failures.append(nb::make_tuple(failure.what, failure.count, failure.evaluation));
    dict["failures"] = failures;
    dict["optimizer"] = result.optimizer;
    dict["seed"] = result.seed;
    dict["seconds"] = result.seconds;
    dict["compile_seconds"] = result.compile_seconds;
    dict["summary"] = result.summary();
    dict["report"] = result.full_report();
    dict["results"] = nb::cast(std::move(result.results));
    dict["target"] = nb::cast(std::move(result.target));
    return dict;
}

void bind_opt_neuron(nb::module_& module) {
    nb::class_<PythonOptNeuron>(module, "OptNeuron")
        .def(
            "__init__",
            [](PythonOptNeuron* self, const Model& model, const std::vector<VariableArgument>& variables,
               nb::object experiment, nb::object loss, std::vector<double> loss_weights,
               const std::optional<Model>& target_model, const std::optional<SimulationRecord>& target,
               double time_step, std::string method, std::vector<std::string> record, double recording_interval,
               std::size_t repetitions, bool common_noise, std::size_t target_repetitions, bool allow_outside_bounds,
               std::uint64_t seed, int threads) {
                OptNeuronOptions options;
                options.model = model;
                for (const VariableArgument& variable : variables) options.variables.push_back(to_variable(variable));
                options.experiment = to_experiment(std::move(experiment));
                options.loss = to_loss(std::move(loss));
                options.loss_weights = std::move(loss_weights);
                options.target_model = target_model;
                options.target = target;
                options.time_step = time_step;
                options.method = std::move(method);
                options.record = std::move(record);
                options.recording_interval = recording_interval;
                options.repetitions = repetitions;
                options.noise = common_noise ? NoiseStreams::common : NoiseStreams::independent;
                options.target_repetitions = target_repetitions;
                options.allow_outside_bounds = allow_outside_bounds;
                options.serial_loss = true;  // one interpreter
                options.seed = seed;
                options.threads = threads;
                std::atomic<bool> cancelled = false;
                OptNeuron fit = interruptible(cancelled, [&] { return OptNeuron(std::move(options)); });
                new (self) PythonOptNeuron{std::move(fit)};
            },
            nb::kw_only(), nb::arg("model"), nb::arg("variables"), nb::arg("experiment"), nb::arg("loss"),
            nb::arg("loss_weights"), nb::arg("target_model").none(), nb::arg("target").none(), nb::arg("time_step"),
            nb::arg("method"), nb::arg("record"), nb::arg("recording_interval"), nb::arg("repetitions"),
            nb::arg("common_noise"), nb::arg("target_repetitions"), nb::arg("allow_outside_bounds"), nb::arg("seed"),
            nb::arg("threads"))
        .def(
            "search",
            [](PythonOptNeuron& self, std::size_t max_evaluations, const std::string& method,
               const std::map<std::string, std::string>& optimizer_options, std::size_t population,
               std::size_t polish_evaluations, const Solutions& source_solutions, std::optional<double> stop_at_loss,
               const nb::object& callback, const std::string& checkpoint, bool resume) {
                OptNeuronRunOptions options;
                options.max_evaluations = max_evaluations;
                options.polish_evaluations = polish_evaluations;
                options.checkpoint = checkpoint;
                options.method = method;
                options.optimizer_options = optimizer_options;
                options.population = population;
                for (const auto& [variables, loss] : source_solutions)
                    options.source_solutions.push_back({.variables = variables, .loss = loss, .parts = {}});
                options.stop_at_loss = stop_at_loss;
                options.cancelled = &self.cancelled;
                if (!callback.is_none()) {
                    options.callback = [held = shared(callback)](std::size_t done, const OptEvaluation& best) {
                        const nb::gil_scoped_acquire lock;
                        return nb::cast<bool>((*held)(done, best.variables, best.loss));
                    };
                }
                if (resume) {
                    const std::size_t done = self.fit.resume(checkpoint, options);
                    options.max_evaluations -= std::min(done, options.max_evaluations);
                }
                interruptible(self.cancelled, [&] { return self.fit.search(options); });
            },
            nb::kw_only(), nb::arg("max_evaluations"), nb::arg("method"), nb::arg("optimizer_options"),
            nb::arg("population"), nb::arg("polish_evaluations"), nb::arg("source_solutions"),
            nb::arg("stop_at_loss").none(), nb::arg("callback").none(), nb::arg("checkpoint"), nb::arg("resume"),
            nb::sig("def search(self, *, max_evaluations: int, method: str, optimizer_options: dict[str, str], "
                    "population: int, polish_evaluations: int, source_solutions: list[tuple[list[float], float]], "
                    "stop_at_loss: float | None, "
                    "callback: collections.abc.Callable[[int, list[float], float], bool] | None, checkpoint: str, "
                    "resume: bool) -> None"))
        .def(
            "result",
            [](PythonOptNeuron& self) {
                return to_dict(interruptible(self.cancelled, [&] { return self.fit.result(); }));
            },
            nb::sig("def result(self) -> dict[str, typing.Any]"))
        .def(
            "losses",
            [](PythonOptNeuron& self, const Matrix& variables) {
                const Array2 points = to_array(variables);
                return interruptible(self.cancelled, [&] { return self.fit.losses(points); });
            },
            nb::arg("variables"),
            nb::sig("def losses(self, variables: numpy.typing.NDArray[numpy.float64]) -> list[list[float]]"))
        .def(
            "record",
            [](PythonOptNeuron& self, const Matrix& variables) {
                const Array2 points = to_array(variables);
                return interruptible(self.cancelled, [&] { return self.fit.record(points); });
            },
            nb::arg("variables"),
            nb::sig("def record(self, variables: numpy.typing.NDArray[numpy.float64]) -> SimulationRecord"))
        .def_prop_ro("fitted", [](const PythonOptNeuron& self) { return self.fit.fitted(); })
        .def_prop_ro("target", [](const PythonOptNeuron& self) { return self.fit.target(); })
        .def_prop_ro("warnings", [](const PythonOptNeuron& self) { return self.fit.warnings(); });
    bind_opt_neuron_posterior(module);
}

}  // namespace spikesmith::python
