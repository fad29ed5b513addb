// Features of traces and spike trains by name.
#include "features.hpp"

namespace spikesmith::python {
namespace {

// name -> (values, reason): values are empty where there is a reason.
nb::dict values_of(TraceFeatures& features, const std::vector<std::string>& names) {
    nb::dict dict;
    for (const auto& name : names) {
        const FeatureValue& value = features.get(name);
        dict[name.c_str()] =
            nb::make_tuple(to_numpy(std::vector<double>(value.values.begin(), value.values.end())), value.sentence());
    }
    return dict;
}

}  // namespace

void bind_features(nb::module_& module) {
    module.def(
        "trace_features",
        [](const std::vector<Vector>& traces, double dt, const Windows& windows, const std::vector<std::string>& names,
           const std::string& mode, const std::map<std::string, double>& settings,
           const std::vector<double>& currents) {
            TraceFeatures features(to_settings(mode, settings));
            const auto stimuli = to_windows(windows);
            nb::list list;
            for (std::size_t r = 0; r < traces.size(); ++r) {
                FeatureTrace trace{.voltage = {traces[r].data(), traces[r].size()},
                                   .dt = dt,
                                   .stimulus = stimuli.size() == 1 ? stimuli.front() : stimuli.at(r)};
                if (!currents.empty())
                    trace.stimulus_current = currents.size() == 1 ? currents.front() : currents.at(r);
                features.load(trace);
                list.append(values_of(features, names));
            }
            return list;
        },
        nb::arg("traces"), nb::arg("dt"), nb::arg("windows"), nb::arg("names"), nb::arg("mode"), nb::arg("settings"),
        nb::arg("currents"),
        nb::sig(
            "def trace_features(traces: collections.abc.Sequence[numpy.typing.NDArray[numpy.float64]], dt: float, "
            "windows: collections.abc.Sequence[tuple[float, float]], names: collections.abc.Sequence[str], mode: str, "
            "settings: dict[str, float], currents: collections.abc.Sequence[float]) -> "
            "list[dict[str, tuple[numpy.typing.NDArray[numpy.float64], str]]]"),
        "Volts and seconds in; values in the units of the features and the reason where there are none, per trace and "
        "name.");
    module.def(
        "spike_features",
        [](const std::vector<Vector>& trains, const Windows& windows, const std::vector<std::string>& names,
           const std::string& mode, const std::map<std::string, double>& settings) {
            TraceFeatures features(to_settings(mode, settings));
            const auto stimuli = to_windows(windows);
            nb::list list;
            for (std::size_t r = 0; r < trains.size(); ++r) {
                features.load(FeatureSpikes{.times = {trains[r].data(), trains[r].size()},
                                            .stimulus = stimuli.size() == 1 ? stimuli.front() : stimuli.at(r)});
                list.append(values_of(features, names));
            }
            return list;
        },
        nb::arg("trains"), nb::arg("windows"), nb::arg("names"), nb::arg("mode"), nb::arg("settings"),
        nb::sig(
            "def spike_features(trains: collections.abc.Sequence[numpy.typing.NDArray[numpy.float64]], "
            "windows: collections.abc.Sequence[tuple[float, float]], names: collections.abc.Sequence[str], mode: str, "
            "settings: dict[str, float]) -> list[dict[str, tuple[numpy.typing.NDArray[numpy.float64], str]]]"));
    module.def(
        "feature_table",
        [] {
            std::vector<std::tuple<std::string, std::string, bool, std::string>> list;
            for (const auto& d : standard_features().definitions()) {
                if (d.listed) list.emplace_back(d.name, d.unit, d.single, d.definition);
            }
            return list;
        },
        "Name, unit, whether there is one value, and definition of every feature.");
}

}  // namespace spikesmith::python
