#include "spikesmith/numerics/matrix_exponential.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace spikesmith {
namespace {

using Matrix = std::vector<double>;  // n x n, row-major

std::size_t at(int n, int row, int column) {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(n) + static_cast<std::size_t>(column);
}

Matrix multiply(int n, const Matrix& a, const Matrix& b) {
    Matrix c(a.size(), 0.0);
    for (int i = 0; i < n; ++i) {
        for (int k = 0; k < n; ++k) {
            const double factor = a[at(n, i, k)];
            for (int j = 0; j < n; ++j) c[at(n, i, j)] += factor * b[at(n, k, j)];
        }
    }
    return c;
}

// Solves a*x = b by elimination with partial pivoting; x replaces b.
void solve(int n, Matrix& a, Matrix& b) {
    for (int column = 0; column < n; ++column) {
        int pivot = column;
        for (int i = column + 1; i < n; ++i) {
            if (std::fabs(a[at(n, i, column)]) > std::fabs(a[at(n, pivot, column)])) pivot = i;
        }
        if (pivot != column) {
            for (int j = 0; j < n; ++j) {
                std::swap(a[at(n, pivot, j)], a[at(n, column, j)]);
                std::swap(b[at(n, pivot, j)], b[at(n, column, j)]);
            }
        }
        for (int i = column + 1; i < n; ++i) {
            const double factor = a[at(n, i, column)] / a[at(n, column, column)];
            for (int j = column; j < n; ++j) a[at(n, i, j)] -= factor * a[at(n, column, j)];
            for (int j = 0; j < n; ++j) b[at(n, i, j)] -= factor * b[at(n, column, j)];
        }
    }
    for (int i = n - 1; i >= 0; --i) {
        for (int j = 0; j < n; ++j) {
            double value = b[at(n, i, j)];
            for (int k = i + 1; k < n; ++k) value -= a[at(n, i, k)] * b[at(n, k, j)];
            b[at(n, i, j)] = value / a[at(n, i, i)];
        }
    }
}

}  // namespace

void matrix_exponential(int n, const double* matrix, double* result) {
    const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
    Matrix a(matrix, matrix + size);
    double norm = 0;  // the largest column sum
    for (int j = 0; j < n; ++j) {
        double column = 0;
        for (int i = 0; i < n; ++i) column += std::fabs(a[at(n, i, j)]);
        norm = column > norm || std::isnan(column) ? column : norm;
    }
    if (!std::isfinite(norm)) {
        std::fill(result, result + size, std::numeric_limits<double>::quiet_NaN());
        return;
    }
    constexpr double theta13 = 5.371920351148152;
    int squarings = 0;
    if (norm > theta13) squarings = std::min(1100, static_cast<int>(std::ceil(std::log2(norm / theta13))));
    for (double& entry : a) entry = std::ldexp(entry, -squarings);

    constexpr std::array<double, 14> c{64764752532480000.0,
                                       32382376266240000.0,
                                       7771770303897600.0,
                                       1187353796428800.0,
                                       129060195264000.0,
                                       10559470521600.0,
                                       670442572800.0,
                                       33522128640.0,
                                       1323241920.0,
                                       40840800.0,
                                       960960.0,
                                       16380.0,
                                       182.0,
                                       1.0};
    const Matrix a2 = multiply(n, a, a);
    const Matrix a4 = multiply(n, a2, a2);
    const Matrix a6 = multiply(n, a2, a4);
    const auto combination = [&](double c6, double c4, double c2, double c0) {
        Matrix m(size);
        for (std::size_t k = 0; k < size; ++k) m[k] = c6 * a6[k] + c4 * a4[k] + c2 * a2[k];
        for (int i = 0; i < n; ++i) m[at(n, i, i)] += c0;
        return m;
    };
    Matrix u = multiply(n, a6, combination(c[13], c[11], c[9], 0));
    Matrix v = multiply(n, a6, combination(c[12], c[10], c[8], 0));
    const Matrix u_rest = combination(c[7], c[5], c[3], c[1]);
    const Matrix v_rest = combination(c[6], c[4], c[2], c[0]);
    for (std::size_t k = 0; k < size; ++k) {
        u[k] += u_rest[k];
        v[k] += v_rest[k];
    }
    u = multiply(n, a, u);
    Matrix numerator(size), denominator(size);
    for (std::size_t k = 0; k < size; ++k) {
        numerator[k] = v[k] + u[k];
        denominator[k] = v[k] - u[k];
    }
    solve(n, denominator, numerator);
    for (int s = 0; s < squarings; ++s) numerator = multiply(n, numerator, numerator);
    std::copy(numerator.begin(), numerator.end(), result);
}

}  // namespace spikesmith
