#include "simulation.hpp"

#include <algorithm>

#include "interruptible.hpp"

#include "spikesmith/core/error.hpp"

namespace spikesmith::python {
namespace {

using Drive = std::map<std::string, std::pair<std::string, nb::dict>>;

std::map<std::string, Waveform> to_waves(const Drive& drive) {
    std::map<std::string, Waveform> waves;
    for (const auto& [name, wave] : drive) waves.emplace(name, to_waveform(wave.first, wave.second));
    return waves;
}

// Rows are samples, columns candidates: the layout of ANNarchy's monitors.
NumpyArray samples_by_candidates(const Array2& values) {
    std::vector<double> turned(values.rows * values.columns);
    for (std::size_t r = 0; r < values.rows; ++r) {
        for (std::size_t k = 0; k < values.columns; ++k) turned[k * values.rows + r] = values(r, k);
    }
    return to_numpy(std::move(turned), {values.columns, values.rows});
}

}  // namespace

Waveform to_waveform(const std::string& kind, const nb::dict& values) {
    const auto number = [&](const char* key, double otherwise = 0) {
        return values.contains(key) ? nb::cast<double>(values[key]) : otherwise;
    };
    const auto count = [&](const char* key) {
        return values.contains(key) ? nb::cast<std::size_t>(values[key]) : std::size_t{0};
    };
    if (kind == "constant") return ConstantWave{number("value")};
    if (kind == "step")
        return StepWave{
            .from = number("from"), .to = number("to"), .start = number("start"), .end = number("end", StepWave{}.end)};
    if (kind == "ramp") return RampWave{.from = number("from"), .to = number("to")};
    if (kind == "staircase")
        return StaircaseWave{.from = number("from"), .to = number("to"), .plateaus = count("plateaus")};
    if (kind == "sine")
        return SineWave{.offset = number("offset"),
                        .amplitude = number("amplitude"),
                        .frequency = number("frequency"),
                        .phase = number("phase")};
    if (kind == "chirp" || kind == "zap")
        return ChirpWave{.offset = number("offset"),
                         .amplitude = number("amplitude"),
                         .first_frequency = number("first_frequency"),
                         .last_frequency = number("last_frequency"),
                         .exponential = kind == "zap"};
    if (kind == "pulses")
        return PulseTrainWave{.base = number("base"),
                              .height = number("height"),
                              .start = number("start"),
                              .width = number("width"),
                              .period = number("period"),
                              .pulses = count("count")};
    if (kind == "noise")
        return NoiseWave{.mean = number("mean"),
                         .deviation = number("deviation"),
                         .correlation = number("correlation"),
                         .seed = count("seed")};
    if (kind == "array")
        return ArrayWave{.values = to_vector(nb::cast<Vector>(values["values"])), .interval = number("interval")};
    throw ConfigError("there is no wave `" + kind + "`",
                      "waves are constant, step, ramp, staircase, sine, chirp, zap, pulses, noise and array");
}

void bind_simulation(nb::module_& module) {
    nb::class_<SimulationRecord>(module, "SimulationRecord", "Recordings in chunks (from reset to reset) of periods.")
        .def_ro("dt", &SimulationRecord::dt)
        .def_ro("interval_steps", &SimulationRecord::interval_steps)
        .def_ro("n_candidates", &SimulationRecord::n_candidates)
        .def_ro("variables", &SimulationRecord::variables)
        .def_ro("spikes", &SimulationRecord::spikes)
        .def_ro("data", &SimulationRecord::data)
        .def_prop_ro("n_chunks", [](const SimulationRecord& record) { return record.chunks.size(); })
        .def(
            "periods",
            [](const SimulationRecord& record, std::size_t chunk) {
                std::vector<std::pair<std::int64_t, std::size_t>> list;
                for (const RecordedPeriod& period : record.chunks.at(chunk).periods)
                    list.emplace_back(period.first_step, period.n_samples);
                return list;
            },
            nb::arg("chunk"), "First step and number of samples of each period.")
        .def(
            "values",
            [](const SimulationRecord& record, std::size_t chunk, std::size_t variable) {
                return samples_by_candidates(record.chunks.at(chunk).values.at(variable));
            },
            nb::arg("chunk"), nb::arg("variable"),
            nb::sig("def values(self, chunk: int, variable: int) -> numpy.typing.NDArray[numpy.float64]"),
            "Samples x candidates.")
        .def(
            "spike_steps",
            [](const SimulationRecord& record, std::size_t chunk) { return record.chunks.at(chunk).spike_steps; },
            nb::arg("chunk"), "Per candidate.")
        .def(
            "parameters",
            [](const SimulationRecord& record, std::size_t chunk) { return record.chunks.at(chunk).parameters; },
            nb::arg("chunk"), "At the end of the chunk, per candidate.")
        .def("end_step",
             [](const SimulationRecord& record, std::size_t chunk) { return record.chunks.at(chunk).end_step; });

    module.def(
        "make_record",
        [](double dt, std::int64_t interval_steps, const std::vector<std::string>& variables,
           const std::vector<std::vector<Vector>>& chunks,
           const std::optional<std::vector<std::vector<std::int64_t>>>& spikes) {
            SimulationRecord record{
                .dt = dt, .interval_steps = interval_steps, .n_candidates = 1, .variables = variables};
            record.spikes = spikes.has_value();
            for (std::size_t c = 0; c < chunks.size(); ++c) {
                RecordedChunk chunk;
                std::size_t n = 0;
                for (const Vector& trace : chunks[c]) {
                    Array2 values(1, trace.size());
                    std::copy_n(trace.data(), trace.size(), values.values.begin());
                    n = trace.size();
                    chunk.values.push_back(std::move(values));
                }
                chunk.periods = {{.first_step = 0, .n_samples = n}};
                chunk.end_step = static_cast<std::int64_t>(n) * interval_steps;
                if (spikes) {
                    chunk.spike_steps = {spikes->at(c)};
                    if (!spikes->at(c).empty()) chunk.end_step = std::max(chunk.end_step, spikes->at(c).back() + 1);
                }
                record.chunks.push_back(std::move(chunk));
            }
            return record;
        },
        nb::kw_only(), nb::arg("dt"), nb::arg("interval_steps"), nb::arg("variables"), nb::arg("chunks"),
        nb::arg("spikes").none(),
        nb::sig("def make_record(*, dt: float, interval_steps: int, variables: list[str], chunks: "
                "list[list[numpy.typing.NDArray[numpy.float64]]], spikes: list[list[int]] | None) -> SimulationRecord"),
        "A record of data: one array per chunk and variable, the steps of spikes per chunk.");

    nb::class_<Simulation>(module, "Simulation", "A population of candidates that the caller drives.")
        .def(
            "__init__",
            [](Simulation* self, const Model& model, std::size_t n, double dt, std::string method,
               std::vector<std::string> record, double recording_interval, std::uint64_t seed, int threads) {
                SimulationOptions options;
                options.n_candidates = n;
                options.dt = dt;
                options.method = std::move(method);
                options.record = std::move(record);
                options.recording_interval = recording_interval;
                options.seed = seed;
                options.threads = threads;
                const nb::gil_scoped_release unlocked;
                new (self) Simulation(model, std::move(options));
            },
            nb::kw_only(), nb::arg("model"), nb::arg("n"), nb::arg("dt"), nb::arg("method"), nb::arg("record"),
            nb::arg("recording_interval"), nb::arg("seed"), nb::arg("threads"))
        .def(
            "run",
            [](Simulation& self, double seconds, const Drive& drive, const Drive& clamp) {
                const RunDrive waves{.drive = to_waves(drive), .clamp = to_waves(clamp)};
                const nb::gil_scoped_release unlocked;
                self.run(seconds, waves);
            },
            nb::arg("seconds"), nb::arg("drive"), nb::arg("clamp"),
            nb::sig("def run(self, seconds: float, drive: dict[str, tuple[str, dict[str, typing.Any]]], clamp: "
                    "dict[str, tuple[str, dict[str, typing.Any]]]) -> None"))
        .def(
            "set",
            [](Simulation& self, const std::string& name, const Vector& values) {
                self.set(name, std::span<const double>(values.data(), values.size()));
            },
            nb::arg("name"), nb::arg("values"),
            nb::sig("def set(self, name: str, values: numpy.typing.NDArray[numpy.float64]) -> None"))
        .def(
            "get", [](const Simulation& self, const std::string& name) { return to_numpy(self.get(name)); },
            nb::arg("name"), nb::sig("def get(self, name: str) -> numpy.typing.NDArray[numpy.float64]"))
        .def(
            "has", [](const Simulation& self, const std::string& name) { return self.has(name); }, nb::arg("name"))
        .def("store", &Simulation::store)
        .def(
            "reset",
            [](Simulation& self, bool model, bool populations, bool parameters) {
                self.reset({.model = model, .populations = populations, .parameters = parameters});
            },
            nb::kw_only(), nb::arg("model"), nb::arg("populations"), nb::arg("parameters"))
        .def(
            "restart",
            [](Simulation& self, std::uint64_t evaluation, std::uint64_t repetition) {
                self.restart(evaluation, repetition);
            },
            nb::arg("evaluation") = 0, nb::arg("repetition") = 0)
        .def("start_recording", &Simulation::start_recording)
        .def("pause_recording", &Simulation::pause_recording)
        .def_prop_ro("recording", &Simulation::recording)
        .def("results", &Simulation::results)
        .def("set_data", [](Simulation& self, const std::string& name,
                            const std::vector<double>& values) { self.data[name] = values; })
        .def_prop_ro("size", &Simulation::size)
        .def_prop_ro("time", &Simulation::time)
        .def_prop_ro("step", &Simulation::step)
        .def_prop_ro("dt", &Simulation::dt)
        .def_prop_ro("name", [](const Simulation& self) { return self.model().name; })
        .def_prop_ro("record", [](const Simulation& self) { return self.options().record; })
        .def_prop_ro("recording_interval", [](const Simulation& self) { return self.options().recording_interval; })
        .def_prop_ro("parameters", [](const Simulation& self) { return self.model().parameter_names(); })
        .def_prop_ro("variables",
                     [](const Simulation& self) {
                         std::vector<std::string> names;
                         for (const State& state : self.model().states) names.push_back(state.name);
                         return names;
                     })
        .def_prop_ro("inputs", [](const Simulation& self) {
            std::vector<std::string> names;
            for (const Input& input : self.model().inputs) names.push_back(input.name);
            return names;
        });
}

}  // namespace spikesmith::python
