// What the benchmarks of optimisers have in common: the command line, methods by name, medians.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith::bench {

struct BenchOptions {
    std::string table = "all";
    std::vector<std::string> methods;  // names of the registry; "CMA:population=60" sets an option
    std::size_t seeds = 0;             // 0: the benchmark's own number
    double limit = 10;                 // seconds per run; a run that needs more ends early and is marked `*`
    std::optional<std::size_t> samples;
    std::optional<std::size_t> rounds;
};

inline double parse_number(std::string_view text, std::string_view what) {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || !(value > 0)) {
        throw ConfigError(fmt::format("`{}` needs a positive number, not `{}`", what, text));
    }
    return value;
}

inline std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// "name" or "name:option=value:option=value".
inline OptimizerChoice choice_of(std::string_view text) {
    const std::vector<std::string> parts = split(text, ':');
    const auto method = optimizer_method(parts.front());
    for (const std::string& assignment : std::span(parts).subspan(1)) {
        const std::vector<std::string> sides = split(assignment, '=');
        if (sides.size() != 2) throw ConfigError(fmt::format("`{}` is not option=value", assignment));
        const std::string& value = sides[1];
        double number = 0;
        const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (value == "true" || value == "false") {
            method->set(sides[0], value == "true");
        } else if (code == std::errc{} && end == value.data() + value.size()) {
            method->set(sides[0], number);
        } else {
            method->set(sides[0], value);
        }
    }
    return method->choice();
}

// `tables`: the words that select a table; without one all are made.
inline BenchOptions parse_options(std::span<char*> arguments, std::span<const std::string_view> tables) {
    BenchOptions options;
    for (std::size_t k = 1; k < arguments.size(); ++k) {
        const std::string_view word = arguments[k];
        if (std::ranges::find(tables, word) != tables.end() || word == "all") {
            options.table = word;
            continue;
        }
        if (k + 1 == arguments.size()) {
            throw ConfigError(fmt::format("unknown table or option without value: `{}`", word),
                              "all --methods a,b:option=value --seeds N --limit SECONDS --samples N --rounds N");
        }
        const std::string_view value = arguments[++k];
        const auto count = [&] { return static_cast<std::size_t>(parse_number(value, word)); };
        if (word == "--methods") {
            options.methods = split(value, ',');
        } else if (word == "--seeds") {
            options.seeds = count();
        } else if (word == "--samples") {
            options.samples = count();
        } else if (word == "--rounds") {
            options.rounds = count();
        } else if (word == "--limit") {
            options.limit = parse_number(value, word);
        } else {
            throw ConfigError(fmt::format("unknown option `{}`", word));
        }
    }
    if (options.methods.empty()) {
        for (const MethodInfo& method : optimizer_methods()) options.methods.push_back(method.name);
    }
    for (const std::string& method : options.methods) static_cast<void>(choice_of(method));  // refuses unknown names
    return options;
}

// NaN for nothing; the mean of the middle two for an even number. Values may be infinite.
inline double median(std::vector<double> values) {
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::ranges::sort(values);
    const std::size_t n = values.size();
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

}  // namespace spikesmith::bench
