// Refine and landscapes of a fitter.
#include "spikesmith/fit/refine.hpp"

#include "fitters.hpp"

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/landscape.hpp"

namespace spikesmith::python {
namespace {

struct PythonRefiner {
    Refiner refiner;
    std::atomic<bool> cancelled{false};
};

nb::list parameters_of(std::span<const FittedParameter> parameters) {
    nb::list list;
    for (const auto& p : parameters) {
        nb::dict entry;
        entry["name"] = p.name;
        entry["exponents"] = to_exponents(p.dimension);
        entry["value"] = p.value;
        entry["low"] = p.low;
        entry["high"] = p.high;
        entry["at_bound"] = p.at_bound;
        list.append(entry);
    }
    return list;
}

const char* name_of_stop(RefineStop stop) {
    switch (stop) {
        case RefineStop::converged:
            return "converged";
        case RefineStop::max_iterations:
            return "max_iterations";
        case RefineStop::callback:
            return "callback";
        case RefineStop::cancelled:
            return "cancelled";
        case RefineStop::failed:
            break;
    }
    return "failed";
}

nb::dict result_of(const RefineResult& result) {
    nb::dict dict;
    dict["parameters"] = parameters_of(result.parameters);
    dict["error"] = result.error;
    dict["start_error"] = result.start_error;
    dict["error_exponents"] = to_exponents(result.error_dimension);
    nb::list starts;
    for (const auto& s : result.starts) {
        nb::dict start;
        start["start"] = s.start;
        start["parameters"] = s.parameters;
        start["start_error"] = s.start_error;
        start["error"] = s.error;
        start["stop"] = name_of_stop(s.stop);
        start["reason"] = s.reason;
        start["iterations"] = s.iterations;
        start["derivative_evaluations"] = s.derivative_evaluations;
        starts.append(start);
    }
    dict["starts"] = starts;
    dict["best_start"] = result.best_start;
    const ParameterStatistics& statistics = result.statistics;
    dict["statistics"] = nb::none();
    if (!statistics.empty()) {
        nb::dict entry;
        entry["standard_errors"] = to_numpy(statistics.standard_errors);
        entry["confidence_low"] = to_numpy(statistics.confidence_low);
        entry["confidence_high"] = to_numpy(statistics.confidence_high);
        entry["covariance"] = to_numpy(statistics.covariance);
        entry["correlation"] = to_numpy(statistics.correlation);
        entry["singular_values"] = to_numpy(statistics.singular_values);
        entry["autocorrelation"] = statistics.autocorrelation;
        dict["statistics"] = entry;
    }
    dict["undetermined"] = statistics.undetermined;
    dict["method"] = std::string(name_of(result.method));
    dict["derivatives"] = std::string(name_of(result.derivatives));
    dict["notes"] = result.notes;
    dict["n_simulations"] = result.n_simulations;
    dict["seconds"] = result.seconds;
    dict["summary"] = result.summary();
    dict["report"] = result.full_report();
    return dict;
}

// callback(values by name, error, start, iteration) -> True to stop
RefineCallback to_callback(const nb::object& callback) {
    if (callback.is_none()) return {};
    return [held = shared(callback)](const RefineProgress& progress) {
        const nb::gil_scoped_acquire lock;
        nb::dict values;
        for (const auto& p : progress.parameters) values[p.name.c_str()] = p.value;
        const nb::object answer = (*held)(values, progress.error, progress.start, progress.iteration);
        return answer.is(nb::bool_(true)) ? CallbackAction::stop : CallbackAction::proceed;
    };
}

}  // namespace

void bind_refine(nb::module_& module) {
    nb::class_<PythonRefiner>(module, "Refiner")
        .def(
            "__init__",
            [](PythonRefiner* self, const PythonFitter& fitter, const std::string& method,
               const std::string& derivatives) {
                const RefineProblem problem{.method = parse_refine_method(method),
                                            .derivatives = parse_derivatives(derivatives)};
                const nb::gil_scoped_release unlocked;
                new (self) PythonRefiner{Refiner(fitter.fitter, problem)};
            },
            nb::arg("fitter"), nb::arg("method"), nb::arg("derivatives"))
        .def_prop_ro("notes", [](const PythonRefiner& self) { return self.refiner.notes(); })
        .def_prop_ro("error_exponents",
                     [](const PythonRefiner& self) { return to_exponents(self.refiner.error_dimension()); })
        .def(
            "refine",
            [](PythonRefiner& self, const std::vector<std::map<std::string, double>>& starts,
               std::size_t max_iterations, double cost_tolerance, double step_tolerance, std::size_t hops,
               double confidence, const nb::object& callback) {
                const RefineOptions options{.starts = starts,
                                            .max_iterations = max_iterations,
                                            .cost_tolerance = cost_tolerance,
                                            .step_tolerance = step_tolerance,
                                            .hops = hops,
                                            .confidence = confidence,
                                            .callback = to_callback(callback),
                                            .cancelled = &self.cancelled};
                return result_of(interruptible(self.cancelled, [&] { return self.refiner.refine(options); }));
            },
            nb::kw_only(), nb::arg("starts"), nb::arg("max_iterations"), nb::arg("cost_tolerance"),
            nb::arg("step_tolerance"), nb::arg("hops"), nb::arg("confidence"), nb::arg("callback").none(),
            nb::sig(
                "def refine(self, *, starts: collections.abc.Sequence[dict[str, float]], max_iterations: int, "
                "cost_tolerance: float, step_tolerance: float, hops: int, confidence: float, callback: typing.Any) -> "
                "dict[str, typing.Any]"))
        .def(
            "landscape",
            [](PythonRefiner& self, const std::array<std::string, 2>& parameters,
               const std::array<std::size_t, 2>& points, const std::map<std::string, std::array<double, 2>>& ranges,
               const std::map<std::string, double>& centre) {
                const LandscapeOptions options{.parameters = parameters,
                                               .points = points,
                                               .ranges = ranges,
                                               .centre = centre,
                                               .cancelled = &self.cancelled};
                Landscape result = interruptible(self.cancelled, [&] { return landscape(self.refiner, options); });
                nb::dict dict;
                dict["parameters"] = parameters_of(result.parameters);
                dict["values"] =
                    nb::make_tuple(to_numpy(std::move(result.values[0])), to_numpy(std::move(result.values[1])));
                dict["error"] = to_numpy(std::move(result.error));
                dict["gradient"] =
                    nb::make_tuple(to_numpy(std::move(result.gradient[0])), to_numpy(std::move(result.gradient[1])));
                dict["error_exponents"] = to_exponents(result.error_dimension);
                dict["centre_error"] = result.centre_error;
                return dict;
            },
            nb::arg("parameters"), nb::arg("points"), nb::arg("ranges"), nb::arg("centre"),
            nb::sig(
                "def landscape(self, parameters: collections.abc.Sequence[str], points: collections.abc.Sequence[int], "
                "ranges: dict[str, collections.abc.Sequence[float]], centre: dict[str, float]) -> dict[str, "
                "typing.Any]"));
}

}  // namespace spikesmith::python
