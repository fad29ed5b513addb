// Every optimiser by name: what configuration files, the command line and other languages select from.
//
//     auto method = optimizer_method("CMA");    // names of nevergrad, scikit-optimize and hyperopt are known too
//     method->set("population", 60.0);
//     OptimizerChoice choice = method->choice();
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

inline constexpr std::string_view standard_optimizer = "automatic";  // where none is named

// A method with its options, before a search.
class OptimizerMethod {
  public:
    virtual ~OptimizerMethod() = default;
    // Throws ConfigError for an unknown option, a value of the wrong type or out of range.
    virtual void set(std::string_view option, const OptionValue& value) = 0;
    [[nodiscard]] virtual std::vector<OptionInfo> options() const = 0;  // with their present values
    [[nodiscard]] virtual OptimizerChoice choice() const = 0;
};

// Throws ConfigError with a hint for an unknown name. Upper and lower case count.
[[nodiscard]] std::unique_ptr<OptimizerMethod> optimizer_method(std::string_view name);

struct MethodInfo {
    std::string name;                  // as Spikesmith calls it
    std::vector<std::string> aliases;  // other names that select it; they may preset options
    std::string summary;               // one line
};
[[nodiscard]] std::vector<MethodInfo> optimizer_methods();

}  // namespace spikesmith
