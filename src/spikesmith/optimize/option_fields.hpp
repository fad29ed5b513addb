// Options of algorithms by name: one list of fields serves configuration files, descriptions and the manual.
//
//     struct ShakeOptions { double strength = 0.3; std::size_t population = 0; };
//
//     void visit_fields(OptionVisitor& visit, ShakeOptions& options) {
//         visit.real("strength", options.strength);
//         visit.count("population", options.population);
//     }
//
//     ShakeOptions options;
//     set_option(options, "strength", 0.5);               // throws ConfigError for an unknown name or a wrong type
//     describe_options(options);                          // "strength 0.5": what differs from the defaults
//
// Fields check types only; ranges are the business of the algorithm's own function (`differential_evolution(options)`).
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace spikesmith {

using OptionValue = std::variant<bool, double, std::string>;  // numbers are doubles, whole or not

// A word of a configuration file and the enumerator it stands for.
template <class Enum>
struct OptionWord {
    std::string_view word;
    Enum value;
};

class OptionVisitor {
  public:
    virtual ~OptionVisitor() = default;
    virtual void flag(std::string_view name, bool& value) = 0;
    virtual void real(std::string_view name, double& value) = 0;
    virtual void real(std::string_view name, std::optional<double>& value) = 0;
    virtual void count(std::string_view name, std::size_t& value) = 0;

    // One of several words. Every enumerator in use has a word; the first word of a value is the one that is shown.
    template <class Enum, std::size_t N>
    void choice(std::string_view name, Enum& value, const std::array<OptionWord<Enum>, N>& words) {
        std::array<std::string_view, N> texts;
        std::size_t index = N;
        for (std::size_t k = 0; k < N; ++k) {
            texts[k] = words[k].word;
            if (index == N && words[k].value == value) index = k;
        }
        word(name, index, texts);
        value = words[index].value;
    }

  protected:
    // `index` into `words`.
    virtual void word(std::string_view name, std::size_t& index, std::span<const std::string_view> words) = 0;
};

// An option as the manual and `--help` show it.
struct OptionInfo {
    std::string name;
    std::string type;      // "true or false", "number", "whole number", or the words: "`a`, `b`"
    std::string standard;  // the default as text; "automatic" for an absent number
};

// How the templates below look at options of any type.
using VisitOptions = std::function<void(OptionVisitor&)>;
void set_visited_option(const VisitOptions& visit, std::string_view name, const OptionValue& value);
[[nodiscard]] std::vector<OptionInfo> list_visited_options(const VisitOptions& visit);

// Throws ConfigError for an unknown name, a value of the wrong type, an unknown word.
template <class Options>
void set_option(Options& options, std::string_view name, const OptionValue& value) {
    set_visited_option([&](OptionVisitor& visitor) { visit_fields(visitor, options); }, name, value);
}

// All options with the values of `options`.
template <class Options>
[[nodiscard]] std::vector<OptionInfo> list_options(Options options) {
    return list_visited_options([&](OptionVisitor& visitor) { visit_fields(visitor, options); });
}

// "population 30, weight 0.8": what differs from the defaults, in the order of the fields; empty if nothing does.
template <class Options>
[[nodiscard]] std::string describe_options(const Options& options) {
    const std::vector<OptionInfo> given = list_options(options);
    const std::vector<OptionInfo> standard = list_options(Options{});
    std::string text;
    for (std::size_t k = 0; k < given.size(); ++k) {
        if (given[k].standard == standard[k].standard) continue;
        if (!text.empty()) text += ", ";
        text += given[k].name + " " + given[k].standard;
    }
    return text;
}

}  // namespace spikesmith
