#include "spikesmith/infer/simulations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

void append_rows(Array2& array, const Array2& more, const char* what) {
    if (array.rows == 0) {
        array = more;
        return;
    }
    if (array.columns != more.columns)
        throw DataError(
            fmt::format("{} has {} columns, but the simulations before have {}", what, more.columns, array.columns));
    array.values.insert(array.values.end(), more.values.begin(), more.values.end());
    array.rows += more.rows;
}

Array2 selected(const Array2& array, const std::vector<std::size_t>& rows) {
    Array2 result(rows.size(), array.columns);
    for (std::size_t i = 0; i < rows.size(); ++i) std::ranges::copy(array.row(rows[i]), result.row(i).begin());
    return result;
}

}  // namespace

void Simulations::append(const Simulations& more) {
    if (more.theta.rows != more.x.rows) {
        throw DataError(fmt::format("theta has {} rows, but x has {}", more.theta.rows, more.x.rows),
                        "row i of x is what the parameters of row i of theta gave");
    }
    append_rows(theta, more.theta, "theta");
    append_rows(x, more.x, "x");
    const std::uint32_t missing_round = more.round.empty() ? 0 : more.round.back();
    round.insert(round.end(), more.round.begin(), more.round.end());
    round.resize(theta.rows, missing_round);
}

Simulations Simulations::select(const std::vector<std::size_t>& rows) const {
    Simulations result{selected(theta, rows), selected(x, rows), {}};
    for (const std::size_t row : rows) result.round.push_back(round[row]);
    return result;
}

std::string MissingCounts::summary() const {
    if (incomplete == 0) return {};
    return fmt::format("{} of {} simulations lack features ({:.1f} %), {} failed; {} left out", incomplete, rows,
                       100.0 * static_cast<double>(incomplete) / static_cast<double>(rows), failed, dropped);
}

MissingCounts count_missing(const Array2& x) {
    MissingCounts counts{.rows = x.rows, .of_feature = std::vector<std::size_t>(x.columns, 0)};
    for (std::size_t i = 0; i < x.rows; ++i) {
        std::size_t missing = 0;
        for (std::size_t c = 0; c < x.columns; ++c) {
            if (std::isfinite(x(i, c))) continue;
            ++missing;
            ++counts.of_feature[c];
        }
        counts.incomplete += missing > 0 ? 1 : 0;
        counts.failed += missing == x.columns ? 1 : 0;
    }
    return counts;
}

void mark_missing(Array2& x) {
    for (double& value : x.values) value = std::isfinite(value) ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace spikesmith
