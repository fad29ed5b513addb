// Protocol: an experiment as data: phases one after another, for configuration files, for Python without code, and for results that can
// be repeated.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {

struct Phase {
    std::string name{};
    double duration = 0;                                  // seconds
    std::map<std::string, double> set{};                  // parameters or states, before the phase
    std::map<std::string, Waveform> drive{};              // current clamp and the like
    std::map<std::string, Waveform> clamp{};              // voltage clamp
    std::map<std::string, std::string> clamp_currents{};  // see RunDrive
    bool record = true;
    bool reset = true;  // before the phase (of the first phase never): a new chunk from the stored state, time 0
    bool reset_parameters = true;  // with `reset`: parameters set by earlier phases return too
};

struct Protocol {
    std::vector<Phase> phases;
};

// Runs the phases and returns the record. Its data: "phase_durations" in seconds, and for each parameter or input that some phase drives
// or sets its value at every step of all phases (of the first candidate, where no phase says it). Throws ConfigError for a protocol
// without phases or with phases of no duration; what is wrong inside a phase is told when the experiment runs.
[[nodiscard]] Experiment make_experiment(Protocol protocol);

}  // namespace spikesmith
