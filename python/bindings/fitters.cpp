// The fitter: one class of the core behind TraceFitter, SpikeFitter and OnlineTraceFitter. Long calls run on a thread of their
// own without the interpreter lock, while this one looks for signals, so that Ctrl-C stops within a second.
#include "fitters.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "shown_text.hpp"

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/fitter.hpp"

namespace spikesmith::python {

namespace {

using MetricArguments = std::vector<std::pair<std::string, nb::object>>;  // by output

FitOptions search_options(const std::vector<ParameterArgument>& parameters,
                          const std::optional<OptimizerChoice>& optimizer, const MetricArguments& metrics) {
    FitOptions options;
    options.parameters = to_fit_parameters(parameters);
    options.optimizer = optimizer;
    for (const auto& [output, handle] : metrics) options.metrics.emplace(output, metric_of(handle));
    return options;
}

constexpr double brief = 0.1;  // seconds without a look at signals

// Rounds that are expected to be over soon run on this thread: to hand them to another one costs as much as a short round does.
void fit_rounds(PythonFitter& self, const FitOptions& options) {
    const auto begin = std::chrono::steady_clock::now();
    const auto rounds = static_cast<double>(options.n_rounds);
    const auto work = [&] { static_cast<void>(self.fitter.fit(options)); };
    if (rounds * self.seconds_per_round < brief) {
        self.cancelled = false;
        const nb::gil_scoped_release unlocked;
        work();
    } else {
        interruptible(self.cancelled, work);
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    if (options.n_rounds > 0) self.seconds_per_round = taken.count() / rounds;
}

std::string text_of_round(const FitResult& result, std::size_t index, bool units) {
    if (!result.best) return round_text(index, {}, {}, result.outputs, {}, {});
    const auto with = [&](double value, const Dimension& dimension) {
        return ShownNumber{value, units ? std::optional(to_exponents(dimension)) : std::nullopt};
    };
    std::vector<std::pair<std::string, ShownNumber>> parameters;
    for (std::size_t k = 0; k < result.parameters.size(); ++k)
        parameters.emplace_back(result.parameters[k].name,
                                with(result.best->parameters[k], result.parameters[k].dimension));
    std::vector<std::string> outputs;
    std::vector<ShownNumber> raw;
    std::vector<ShownNumber> normalized;
    for (const auto& objective : result.best->objectives) {
        outputs.push_back(objective.output);
        raw.push_back(with(objective.raw, objective.raw_dimension));
        normalized.push_back(with(objective.normalized, objective.normalized_dimension));
    }
    return round_text(index, std::move(parameters), with(result.best->error, result.error_dimension), outputs, raw,
                      normalized);
}

nb::dict result_of(const FitResult& result) {
    nb::dict dict;
    nb::list parameters;
    for (const auto& p : result.parameters) {
        nb::dict entry;
        entry["name"] = p.name;
        entry["exponents"] = to_exponents(p.dimension);
        entry["low"] = p.low;
        entry["high"] = p.high;
        entry["fixed"] = p.fixed;
        entry["tied"] = p.tied;
        entry["value"] = p.value;
        entry["at_bound"] = p.at_bound;
        parameters.append(entry);
    }
    dict["parameters"] = parameters;
    dict["error_exponents"] = to_exponents(result.error_dimension);
    dict["best"] = nb::none();
    if (result.best) {
        nb::dict best;
        best["parameters"] = result.best->parameters;
        best["error"] = result.best->error;
        best["penalty"] = result.best->penalty;
        best["evaluation"] = result.best->evaluation;
        nb::list objectives;
        for (const auto& o : result.best->objectives) {
            objectives.append(nb::make_tuple(o.output, o.raw, o.normalized, to_exponents(o.raw_dimension),
                                             to_exponents(o.normalized_dimension)));
        }
        best["objectives"] = objectives;
        dict["best"] = best;
    }
    dict["outputs"] = result.outputs;
    dict["metrics"] = result.metrics;
    dict["optimizer"] = result.optimizer;
    dict["method"] = result.method;
    dict["n_rounds"] = result.n_rounds;
    dict["n_evaluations"] = result.n_evaluations;
    dict["n_failed"] = result.n_failed;
    nb::list failures;
    for (const auto& f : result.failures) failures.append(nb::make_tuple(f.what, f.count, f.evaluation));
    dict["failures"] = failures;
    nb::list front;
    for (const auto& p : result.pareto_front) front.append(nb::make_tuple(p.evaluation, p.parameters, p.objectives));
    dict["pareto_front"] = front;
    std::vector<double> history;
    for (const auto& round : result.history) history.push_back(round.best_error);
    dict["history"] = to_numpy(std::move(history));
    dict["seconds"] = result.seconds;
    dict["compile_seconds"] = result.compile_seconds;
    return dict;
}

}  // namespace

void bind_fitters(nb::module_& module) {
    nb::class_<PythonFitter>(module, "Fitter")
        .def(
            "__init__",
            [](PythonFitter* self, const Model& model, const std::vector<SeriesArgument>& inputs,
               const std::vector<SeriesArgument>& outputs, const std::optional<std::vector<Vector>>& spikes, double dt,
               double duration, std::size_t n_samples, std::string method, std::string penalty, bool online_only,
               int threads, std::uint64_t seed, std::vector<double> trace_weights) {
                FitterOptions options;
                options.model = model;
                options.recordings = to_recordings(inputs, outputs, spikes, dt, duration);
                options.recordings.trace_weights = std::move(trace_weights);
                options.n_samples = n_samples;
                options.method = std::move(method);
                options.penalty = std::move(penalty);
                options.online_only = online_only;
                options.threads = threads;
                options.seed = seed;
                const nb::gil_scoped_release unlocked;
                new (self) PythonFitter{Fitter(std::move(options))};
            },
            nb::kw_only(), nb::arg("model"), nb::arg("inputs"), nb::arg("outputs"), nb::arg("spikes").none(),
            nb::arg("dt"), nb::arg("duration"), nb::arg("n_samples"), nb::arg("method"), nb::arg("penalty"),
            nb::arg("online_only"), nb::arg("threads"), nb::arg("seed"), nb::arg("trace_weights"))
        .def(
            "fit",
            [](PythonFitter& self, const std::vector<ParameterArgument>& parameters,
               const std::optional<OptimizerChoice>& optimizer, const MetricArguments& metrics, std::size_t n_rounds,
               std::size_t planned_rounds, bool restart, std::optional<std::size_t> start_iteration,
               const std::string& checkpoint) {
                FitOptions options = search_options(parameters, optimizer, metrics);
                options.n_rounds = n_rounds;
                options.planned_rounds = planned_rounds;
                options.restart = restart;
                options.start_iteration = start_iteration;
                options.checkpoint = checkpoint;
                options.cancelled = &self.cancelled;
                fit_rounds(self, options);
            },
            nb::kw_only(), nb::arg("parameters"), nb::arg("optimizer").none(), nb::arg("metrics"), nb::arg("n_rounds"),
            nb::arg("planned_rounds"), nb::arg("restart"), nb::arg("start_iteration").none(), nb::arg("checkpoint"),
            nb::sig(
                "def fit(self, *, parameters: collections.abc.Sequence[typing.Any], optimizer: OptimizerChoice | None, "
                "metrics: collections.abc.Sequence[tuple[str, Metric]], n_rounds: int, planned_rounds: int, restart: "
                "bool, "
                "start_iteration: int | None, checkpoint: str) -> None"))
        .def(
            "resume",
            [](PythonFitter& self, const std::vector<ParameterArgument>& parameters,
               const std::optional<OptimizerChoice>& optimizer, const MetricArguments& metrics,
               std::size_t planned_rounds, const std::string& checkpoint) {
                FitOptions options = search_options(parameters, optimizer, metrics);
                options.planned_rounds = planned_rounds;
                return self.fitter.resume(checkpoint, options);
            },
            nb::kw_only(), nb::arg("parameters"), nb::arg("optimizer").none(), nb::arg("metrics"),
            nb::arg("planned_rounds"), nb::arg("checkpoint"),
            nb::sig("def resume(self, *, parameters: collections.abc.Sequence[typing.Any], optimizer: OptimizerChoice "
                    "| None, metrics: collections.abc.Sequence[tuple[str, Metric]], planned_rounds: int, checkpoint: "
                    "str) -> int"))
        .def(
            "result", [](const PythonFitter& self) { return result_of(self.fitter.result()); },
            nb::sig("def result(self) -> dict[str, typing.Any]"))
        .def(
            "round_text",
            [](const PythonFitter& self, std::size_t index, bool units) {
                return text_of_round(self.fitter.result(), index, units);
            },
            nb::arg("index"), nb::arg("units"))
        .def("summary", [](const PythonFitter& self) { return self.fitter.result().summary(); })
        .def("report", [](const PythonFitter& self) { return self.fitter.result().full_report(); })
        .def_prop_ro("n_evaluations", [](const PythonFitter& self) { return self.fitter.evaluations().size(); })
        .def(
            "evaluations",
            [](const PythonFitter& self, std::size_t first) {
                const Evaluations& all = self.fitter.evaluations();
                const std::size_t rows = all.size() - std::min(first, all.size());
                const std::size_t n_parameters = all.parameters().size();
                const std::size_t n_objectives = rows == 0 ? all.outputs().size() : all.objective_errors(first).size();
                Array2 parameters(rows, n_parameters);
                Array2 objectives(rows, n_objectives);
                std::vector<double> errors(rows);
                for (std::size_t i = 0; i < rows; ++i) {
                    std::ranges::copy(all.parameter_values(first + i), parameters.row(i).begin());
                    std::ranges::copy(all.objective_errors(first + i), objectives.row(i).begin());
                    errors[i] = all.error(first + i);
                }
                return nb::make_tuple(all.parameters(), to_numpy(std::move(parameters)), to_numpy(std::move(errors)),
                                      to_numpy(std::move(objectives)));
            },
            nb::arg("first") = 0,
            nb::sig("def evaluations(self, first: int = 0) -> tuple[list[str], numpy.typing.NDArray[numpy.float64], "
                    "numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]"),
            "Names, parameters (n x p), errors (n), objective errors (n x outputs) from `first` on.")
        .def(
            "generate",
            [](PythonFitter& self, std::vector<std::string> outputs, const std::map<std::string, double>& parameters,
               const std::map<std::string, double>& initial_values, double iteration) {
                GenerateOptions options{std::move(outputs), parameters, initial_values, iteration};
                Generated generated = interruptible(self.cancelled, [&] { return self.fitter.generate(options); });
                nb::dict traces;
                for (auto& output : generated.outputs) {
                    traces[output.name.c_str()] =
                        nb::make_tuple(to_numpy(std::move(output.values)), to_exponents(output.dimension));
                }
                nb::list spikes;
                for (auto& train : generated.spikes) spikes.append(to_numpy(std::move(train)));
                return nb::make_tuple(traces, spikes, generated.trace_steps);
            },
            nb::arg("outputs"), nb::arg("parameters"), nb::arg("initial_values"), nb::arg("iteration"),
            nb::sig("def generate(self, outputs: collections.abc.Sequence[str], parameters: dict[str, float], "
                    "initial_values: dict[str, float], iteration: float) -> tuple[dict[str, "
                    "tuple[numpy.typing.NDArray[numpy.float64], "
                    "list[float]]], list[numpy.typing.NDArray[numpy.float64]], list[int]]"),
            "Traces and their dimension by output, spike times per trace, steps of each trace.")
        .def_prop_ro("warnings", [](const PythonFitter& self) { return self.fitter.data().warnings; })
        .def(
            "metric_warnings",
            [](const PythonFitter& self, const MetricArguments& metrics) {
                return metric_warnings(
                    self.fitter.data(),
                    {.trace_metric = {}, .spike_metric = {}, .by_output = search_options({}, {}, metrics).metrics});
            },
            nb::arg("metrics"),
            nb::sig("def metric_warnings(self, metrics: collections.abc.Sequence[tuple[str, Metric]]) -> list[str]"))
        .def_prop_ro("dt", [](const PythonFitter& self) { return self.fitter.dt(); })
        .def_prop_ro("n_traces", [](const PythonFitter& self) { return self.fitter.n_traces(); })
        .def_prop_ro("n_steps", [](const PythonFitter& self) { return self.fitter.n_steps(); });
}

}  // namespace spikesmith::python
