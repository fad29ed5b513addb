// The program: standard streams and the exit code; everything else is run_program.
#include <iostream>
#include <string>
#include <vector>

#include "spikesmith/cli/program.hpp"
#include "spikesmith/fit/callback.hpp"

int main(int count, char** words) {
    const std::vector<std::string> arguments(words + 1, words + count);
    constexpr int standard_error = 2;
    return spikesmith::run_program(arguments, {std::cout, std::cerr, spikesmith::is_terminal(standard_error)});
}
