// The functions and random distributions of ANNarchy's language, as compositions of elementary operations.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith::lang {

struct AnnarchyBuiltin {
    std::string_view name;
    std::size_t least_arguments;
    std::size_t most_arguments;
    std::string_view signature;  // for errors
    // The call. Every random draw takes a site of its own, counted on in `next_site`.
    Expression (*build)(std::span<const Expression> arguments, std::uint32_t& next_site);
    bool logical = false;        // gives a condition
    std::size_t operations = 1;  // how large the call is
};

[[nodiscard]] const AnnarchyBuiltin* find_annarchy_builtin(std::string_view name);
[[nodiscard]] std::vector<std::string> annarchy_builtin_names();

// a % b with the sign of a, as in C.
[[nodiscard]] Expression c_remainder(const Expression& a, const Expression& b);

// Binomial(n, p) counts n draws, so n is a number that is known and not too large.
inline constexpr int most_binomial_draws = 100;

// Why no parameter, variable, constant, function or argument may have this name; nothing if it may.
[[nodiscard]] std::optional<std::string> annarchy_reserved(std::string_view name);

}  // namespace spikesmith::lang
