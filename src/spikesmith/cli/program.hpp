// The `spikesmith` program as a function, so that tests can call it.
//
//     spikesmith check | simulate | fit | refine | landscape | infer CONFIG.toml [options]
//     spikesmith features CONFIG.toml | RECORDING [options]
//
// What a command does is in the rooms above; here its options are read and its results are put into words and files.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

namespace spikesmith {

// Exit codes of the program.
namespace exit_code {
inline constexpr int success = 0;
inline constexpr int own_failure = 1;    // a defect or a lack of resources
inline constexpr int wrong_input = 2;    // the command line, the configuration, the model or the data
inline constexpr int interrupted = 130;  // Ctrl-C; what was found until then is written
}  // namespace exit_code

struct ProgramStreams {
    std::ostream& out;      // results
    std::ostream& error;    // errors, warnings and progress
    bool terminal = false;  // whether `error` is a terminal: then progress is a bar redrawn in place
};

// `arguments` without the program's name. Throws nothing.
[[nodiscard]] int run_program(std::span<const std::string> arguments, const ProgramStreams& streams);

}  // namespace spikesmith
