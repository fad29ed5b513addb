// The order in which things that use each other can be computed: constants, subexpressions, initial values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace spikesmith::lang {

struct DependencyOrder {
    std::vector<std::size_t> order;  // each item after those that it needs, otherwise in the given order
    std::vector<std::size_t> cycle;  // if not empty: items of which each needs the next and the last needs the first
};

// needs[k] are the items that item k needs.
[[nodiscard]] DependencyOrder order_by_dependency(const std::vector<std::vector<std::size_t>>& needs);

// "`a` needs `b`, `b` needs `a`", with the names of the items of a cycle.
[[nodiscard]] std::string describe_cycle(const std::vector<std::string>& names);

}  // namespace spikesmith::lang
