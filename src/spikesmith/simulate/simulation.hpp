// Simulation: a population of candidates (parameter sets of one model) that the caller drives step by step: an experiment.
//
//     Simulation simulation(model, {.n_candidates = 100, .dt = 1e-4, .record = {"v", "spike"}});
//     simulation.set("a", values);            // one per candidate
//     simulation.store();                     // this is the state that reset returns to
//     simulation.start_recording();
//     simulation.set("I_app", 5.0);
//     simulation.run(0.5);
//     simulation.reset();                     // a new chunk, time 0
//     simulation.run(0.5, {.drive = {{"I_app", RampWave{0, 10}}}});
//     SimulationRecord record = simulation.results();
//
// Every candidate is a lane of the kernel: an experiment costs one simulation of the whole population. Results of a candidate are the
// same bits alone or among others, for any number of threads and any vector width. For stimuli that are known beforehand and errors
// computed while simulating, Ensemble is the shorter way.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/numerics/update_program.hpp"
#include "spikesmith/simulate/simulation_record.hpp"
#include "spikesmith/simulate/stimulus.hpp"

namespace spikesmith {

// When a sample is taken. A step's effect on a variable is seen at once (after_step: ANNarchy) or by the next sample (before_step: Brian).
// Automatic: as the model's language has it. Either way a step or spike at time t is labelled t, and what a waveform drives or clamps
// has in sample t the value of step t.
enum class SampleTime : std::uint8_t { automatic, before_step, after_step };

struct SimulationOptions {
    std::size_t n_candidates = 1;
    double dt = 1e-3;      // seconds
    std::string method{};  // integration method; empty: automatic
    // States, parameters, inputs, subexpressions (before_step only), "spike", and "<state>_clamp_current".
    std::vector<std::string> record{};
    double recording_interval = 0;  // seconds, a multiple of dt; 0: every step
    SampleTime sample_time = SampleTime::automatic;
    std::uint64_t seed = 0;  // of noise in the model
    int threads = 0;         // 0: all cores
    KernelOptions kernel{};  // width, precision, cache; the record_* fields are set by what is run
    const std::atomic<bool>* cancelled = nullptr;  // run throws Interrupted soon after it is set
};

// What happens during one run besides the model's own dynamics, the same for all candidates. Values are held during each step, so
// that a drive is the same as `set` before every step; afterwards what was driven has its former value again.
//
// A clamped state follows its waveform instead of its equation (and of assignments in the reset) and stays at the last value afterwards.
// The current that the clamp needs is recorded as "<state>_clamp_current": what must flow besides the currents of the model so that the
// derivative vanishes, -f/a for d<state>/dt = f with a = df/dI, the same in all states. It has no capacitive part for a changing
// command, and is 0 in samples without a clamp. I is `clamp_currents` of the state, or the model's input, or its parameter I, I_app, ...;
// ModelError if there is no such current.
struct RunDrive {
    std::map<std::string, Waveform> drive{};  // parameters or inputs
    std::map<std::string, Waveform> clamp{};  // states
    std::map<std::string, std::string> clamp_currents{};
    std::vector<std::string> hold{};  // states clamped at the value they have, each candidate at its own
};

// What reset resets. A new chunk begins in every case.
struct ResetOptions {
    bool model = true;        // false: only a new chunk; time and state go on
    bool populations = true;  // false: only the time returns to 0
    bool parameters = true;   // false: parameters keep their current values, variables return
};

// Where a candidate went astray.
struct Divergence {
    std::string state;      // the first, in the order of the model, that was found NaN or infinite
    std::size_t chunk = 0;  // resets before it
};

// How noise of the candidates relates: each its own stream, or all the same (common random numbers).
enum class NoiseStreams : std::uint8_t { independent, common };

class Simulation {
  public:
    // Inputs of the model are parameters with the value 0; other parameters without a value must be set before the first run. Throws
    // ModelError for unknown names in `record`, ConfigError for other options, NumericalError if the method cannot integrate the model.
    Simulation(const Model& model, SimulationOptions options);
    ~Simulation();
    Simulation(Simulation&&) noexcept;
    Simulation& operator=(Simulation&&) noexcept;

    // Simulates seconds/dt steps, rounded to the nearest whole number (a duration that is none within 1e-6 steps rounds up).
    // Throws ConfigError for unknown names and waveforms that make no sense, NumericalError for parameters without a value. NaN states
    // go on as NaN (see `divergences`). After Interrupted, call `restart`.
    void run(double seconds, const RunDrive& drive = {});

    // Parameters, inputs or states, from now on. One value for all, or one per candidate. Other names: ConfigError with the nearest.
    // Until the first run or `store`, states and parameters that were not set follow from those that were, by the initial values of the
    // model.
    void set(std::string_view name, double value);
    void set(std::string_view name, std::span<const double> values);
    [[nodiscard]] std::vector<double> get(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const;

    // What `reset` returns to: the present parameters and states. Without it `reset` returns to what was before anything was set: the
    // model's initial values.
    void store();
    void reset(const ResetOptions& what = {});

    // Everything as after construction, and noise with these keys: `evaluation` of the first candidate (the next has the next),
    // `repetition` of the whole. A reset during the experiment begins new noise, the same in every evaluation with the same keys.
    void restart(std::uint64_t evaluation = 0, std::uint64_t repetition = 0,
                 NoiseStreams streams = NoiseStreams::independent);

    void start_recording();  // harmless if recording
    void pause_recording();  // a period without steps leaves no trace
    [[nodiscard]] bool recording() const;
    // All recordings since the last call, and recording is off, chunk 0 next. Time and state are untouched.
    [[nodiscard]] SimulationRecord results();

    // Of each candidate, what a run since `restart` left NaN, or infinite though it was not when the run began; nothing of the others.
    // Known whatever is recorded, and after resets too.
    [[nodiscard]] const std::vector<std::optional<Divergence>>& divergences() const;

    // Goes into the next `results` (and stays until `restart`).
    std::map<std::string, std::vector<double>> data;

    [[nodiscard]] std::size_t size() const;  // candidates
    [[nodiscard]] double time() const;       // seconds since the last reset
    [[nodiscard]] std::int64_t step() const;
    [[nodiscard]] double dt() const;
    [[nodiscard]] const Model& model() const;
    [[nodiscard]] const SimulationOptions& options() const;
    [[nodiscard]] double compile_seconds() const;  // so far
    // Of a run in which nothing is driven or clamped.
    [[nodiscard]] const UpdateProgram& program() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

// Runs on all candidates of the simulation, which is in the stored state at time 0 with recording off, and returns its results.
using Experiment = std::function<SimulationRecord(Simulation&)>;

}  // namespace spikesmith
