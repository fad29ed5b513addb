#include "spikesmith/optimize/basin_hopping.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t stream = (std::uint64_t{1} << 62) + (std::uint64_t{1} << 60);
constexpr double shortest_hop = 1e-3;
constexpr double hop_change = 1.1;  // per hop, so that half of the hops are accepted

// A neighbour of `point`: some coordinates change by up to `hop`, mirrored at the bounds.
std::vector<double> hopped(std::vector<double> point, double hop, double share, math::RandomStream& random) {
    const std::size_t forced = random.next_index(point.size());
    for (std::size_t j = 0; j < point.size(); ++j) {
        const bool changes = random.next_uniform() < share || j == forced;
        const double change = hop * (2 * random.next_uniform() - 1);
        if (!changes) continue;
        const double u = std::fabs(point[j] + change);
        point[j] = u > 1 ? 2 - u : u;
    }
    return point;
}

}  // namespace

Search basin_hopping_search(SearchStart start, BasinHoppingOptions options, FindBetter find_better,
                            LocalSearch local_search) {
    math::RandomStream random(start.seed, stream + start.number);
    Recommendation kept;
    Recommendation best;
    double hop = options.hop;
    double sum_of_differences = 0;
    std::size_t n_differences = 0;
    std::size_t idle = 0;
    std::optional<BetterStart> better;  // where to go on instead of hopping
    for (bool first = true; idle < options.patience;) {
        SearchStart place = start;
        QuasiNewtonOptions local{.first_difference = options.first_difference, .tolerance = options.tolerance};
        if (better) {
            place.point = better->place.point;
            place.error = better->place.error;
            local.first_difference = better->scale;
        } else if (!first) {
            place.point = hopped(kept.point, hop, options.share, random);
            place.error.reset();
            place.hasty = false;  // other chains have use for the evaluations
        }
        const bool fresh = first || better.has_value();  // no minimum to compare with
        better.reset();
        double lowest = place.error.value_or(infinity);
        Search search = local_search(place, local);
        while (!search.done()) {
            const Answers answers = co_await evaluate(search.request());
            for (const double error : answers.needed) lowest = std::min(lowest, error);
            search.resume(answers);
            if (find_better) better = find_better(fresh ? lowest : std::min(lowest, kept.error));
            if (better) break;
        }
        if (better) continue;
        const Recommendation& found = search.result();
        if (fresh) {
            if (!std::isfinite(found.error)) co_return found;
            first = false;
            kept = found;
            best = found;
            idle = 0;
            continue;
        }
        ++idle;
        if (!std::isfinite(found.error)) continue;
        const double increase = found.error - kept.error;
        if (increase != 0) {
            sum_of_differences += std::fabs(increase);
            ++n_differences;
        }
        const double typical = n_differences == 0 ? 0 : sum_of_differences / static_cast<double>(n_differences);
        const double luck = random.next_uniform();
        const bool accepted = increase <= 0 || (options.temperature > 0 && typical > 0 &&
                                                luck < std::exp(-increase / (options.temperature * typical)));
        hop = std::clamp(accepted ? hop * hop_change : hop / hop_change, shortest_hop, 1.0);
        if (!accepted) continue;
        kept = found;
        if (kept.error < best.error) {
            if (best.error - kept.error > options.tolerance * std::fabs(best.error)) idle = 0;
            best = kept;
        }
    }
    co_return best;
}

OptimizerChoice basin_hopping(BasinHoppingOptions options) {
    const auto require = [](bool fine, std::string_view what, auto value) {
        if (!fine) throw ConfigError(fmt::format("basin hopping: {}, not {}", what, value));
    };
    require(options.hop > 0 && options.hop <= 1, "the hop must be in (0, 1]", options.hop);
    require(options.share > 0 && options.share <= 1, "the share must be in (0, 1]", options.share);
    require(options.temperature >= 0 && std::isfinite(options.temperature), "the temperature must be at least 0",
            options.temperature);
    require(options.first_difference > 0 && options.first_difference <= 0.5, "the first difference must be in (0, 0.5]",
            options.first_difference);
    require(options.tolerance >= 0 && options.tolerance < 1, "the tolerance must be in [0, 1)", options.tolerance);
    require(options.patience >= 1, "the patience must be at least 1", options.patience);
    std::string description = "basin hopping";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) {
                return sequential_optimizer("basin_hopping", setting, [options](const SearchStart& start) {
                    return basin_hopping_search(start, options);
                });
            }};
}

void visit_fields(OptionVisitor& visit, BasinHoppingOptions& options) {
    visit.real("hop", options.hop);
    visit.real("share", options.share);
    visit.real("temperature", options.temperature);
    visit.real("first_difference", options.first_difference);
    visit.real("tolerance", options.tolerance);
    visit.count("patience", options.patience);
}

}  // namespace spikesmith
