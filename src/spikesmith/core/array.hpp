// A dense row-major table of doubles: the one array type at Spikesmith's borders.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace spikesmith {

struct Array2 {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<double> values;  // rows * columns

    Array2() = default;
    Array2(std::size_t n_rows, std::size_t n_columns, double value = 0)
        : rows(n_rows), columns(n_columns), values(n_rows * n_columns, value) {}
    [[nodiscard]] std::span<double> row(std::size_t r) { return {values.data() + r * columns, columns}; }
    [[nodiscard]] std::span<const double> row(std::size_t r) const { return {values.data() + r * columns, columns}; }
    [[nodiscard]] double& operator()(std::size_t r, std::size_t c) { return values[r * columns + c]; }
    [[nodiscard]] double operator()(std::size_t r, std::size_t c) const { return values[r * columns + c]; }
    [[nodiscard]] bool empty() const { return values.empty(); }
};

}  // namespace spikesmith
