#include "spikesmith/lang/dependencies.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace spikesmith::lang {

// Depth-first search without recursion: a chain may be as long as a text allows.
DependencyOrder order_by_dependency(const std::vector<std::vector<std::size_t>>& needs) {
    enum class Mark : std::uint8_t { fresh, open, done };
    struct Visit {
        std::size_t item;
        std::size_t next;  // of its needs
    };
    DependencyOrder result;
    std::vector<Mark> marks(needs.size(), Mark::fresh);
    std::vector<Visit> path;
    for (std::size_t start = 0; start < needs.size(); ++start) {
        if (marks[start] != Mark::fresh) continue;
        path.push_back({start, 0});
        marks[start] = Mark::open;
        while (!path.empty()) {
            const std::size_t item = path.back().item;
            if (path.back().next == needs[item].size()) {
                marks[item] = Mark::done;
                result.order.push_back(item);
                path.pop_back();
                continue;
            }
            const std::size_t needed = needs[item][path.back().next++];
            if (marks[needed] == Mark::open) {
                std::size_t begin = path.size() - 1;
                while (path[begin].item != needed) --begin;
                for (; begin < path.size(); ++begin) result.cycle.push_back(path[begin].item);
                return result;
            }
            if (marks[needed] == Mark::fresh) {
                marks[needed] = Mark::open;
                path.push_back({needed, 0});
            }
        }
    }
    return result;
}

std::string describe_cycle(const std::vector<std::string>& names) {
    constexpr std::size_t most = 6;
    if (names.size() == 1) return fmt::format("`{}` needs itself", names[0]);
    std::string out;
    for (std::size_t k = 0; k < names.size(); ++k) {
        if (k == most) return out + ", ...";
        out += fmt::format("{}`{}` needs `{}`", k == 0 ? "" : ", ", names[k], names[(k + 1) % names.size()]);
    }
    return out;
}

}  // namespace spikesmith::lang
