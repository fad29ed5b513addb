// The test functions on which optimisers are compared: fixed instances in the unit cube with minimum 0.
//
//     const BenchmarkFunction function(BenchmarkFunction::Kind::rosenbrock, 10, 1);
//     double error = function(point);
//
// The unit cube stands for the box [-half_width, half_width]^d: 5, for Rastrigin 5.12, for Griewank 600. The minimum is
// shifted at random within 0.6 of the box (Rosenbrock 0.4); shift and rotation follow from kind, dimension and seed by
// splitmix64 (Steele, Lea, Flood, OOPSLA 2014), so every language can rebuild them. Standard definitions: Hansen et al.,
// Real-parameter black-box optimization benchmarking, RR-6829 (2009).
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <vector>

namespace spikesmith::test {

class BenchmarkFunction {
  public:
    enum class Kind : std::uint8_t {
        sphere = 1,
        ellipsoid_rotated,  // condition 1e6
        rosenbrock,
        rastrigin,
        griewank,
        rastrigin_rotated
    };
    static constexpr std::array all{Kind::sphere,    Kind::ellipsoid_rotated, Kind::rosenbrock,
                                    Kind::rastrigin, Kind::griewank,          Kind::rastrigin_rotated};

    // `dimension` at least 2.
    BenchmarkFunction(Kind kind, std::size_t dimension, std::uint64_t seed)
        : kind_(kind), state_(1000003 * static_cast<std::uint64_t>(kind) + 1009 * dimension + seed), shift_(dimension) {
        const double room = (kind == Kind::rosenbrock ? 0.4 : 0.6) * half_width();
        for (double& s : shift_) s = (2 * uniform() - 1) * room;
        if (kind == Kind::ellipsoid_rotated || kind == Kind::rastrigin_rotated) make_rotation();
    }

    [[nodiscard]] static constexpr std::string_view name(Kind kind) {
        constexpr std::array<std::string_view, 6> names{"sphere",    "ellipsoid_rot", "rosenbrock",
                                                        "rastrigin", "griewank",      "rastrigin_rot"};
        return names[static_cast<std::size_t>(kind) - 1];
    }
    [[nodiscard]] std::string_view name() const { return name(kind_); }
    [[nodiscard]] std::size_t dimension() const { return shift_.size(); }

    [[nodiscard]] double half_width() const {
        if (kind_ == Kind::griewank) return 600;
        return kind_ == Kind::rastrigin || kind_ == Kind::rastrigin_rotated ? 5.12 : 5;
    }

    // The point of the unit cube with the value 0, up to rounding.
    [[nodiscard]] std::vector<double> minimum() const {
        std::vector<double> point;
        for (const double s : shift_) point.push_back(0.5 + s / (2 * half_width()));
        return point;
    }

    [[nodiscard]] double operator()(std::span<const double> point) const {
        const std::size_t d = dimension();
        std::vector<double> z(d);
        for (std::size_t j = 0; j < d; ++j) z[j] = (2 * point[j] - 1) * half_width() - shift_[j];
        if (!rotation_.empty()) {
            std::vector<double> turned(d);
            for (std::size_t i = 0; i < d; ++i) {
                for (std::size_t j = 0; j < d; ++j) turned[i] += rotation_[i * d + j] * z[j];
            }
            z = turned;
        }
        return value(z);
    }

  private:
    [[nodiscard]] double value(std::span<const double> z) const {
        const std::size_t d = z.size();
        double sum = 0;
        switch (kind_) {
            case Kind::sphere:
                for (const double x : z) sum += x * x;
                return sum;
            case Kind::ellipsoid_rotated:
                for (std::size_t j = 0; j < d; ++j) {
                    sum += std::pow(1e6, static_cast<double>(j) / static_cast<double>(d - 1)) * z[j] * z[j];
                }
                return sum;
            case Kind::rosenbrock:
                for (std::size_t j = 0; j + 1 < d; ++j) {
                    const double a = z[j] + 1;
                    const double b = z[j + 1] + 1 - a * a;
                    sum += 100 * b * b + (1 - a) * (1 - a);
                }
                return sum;
            case Kind::rastrigin:
            case Kind::rastrigin_rotated:
                for (const double x : z) sum += x * x + 10 * (1 - std::cos(2 * std::numbers::pi * x));
                return sum;
            case Kind::griewank: {
                double product = 1;
                for (std::size_t j = 0; j < d; ++j) {
                    sum += z[j] * z[j] / 4000;
                    product *= std::cos(z[j] / std::sqrt(static_cast<double>(j + 1)));
                }
                return sum + 1 - product;
            }
        }
        return sum;
    }

    // Rows of normal numbers, made orthonormal one after the other (Gram-Schmidt).
    void make_rotation() {
        const std::size_t d = dimension();
        rotation_.resize(d * d);
        for (double& r : rotation_) r = normal();
        for (std::size_t i = 0; i < d; ++i) {
            const std::span row(rotation_.data() + i * d, d);
            for (std::size_t k = 0; k < i; ++k) {
                double dot = 0;
                for (std::size_t j = 0; j < d; ++j) dot += row[j] * rotation_[k * d + j];
                for (std::size_t j = 0; j < d; ++j) row[j] -= dot * rotation_[k * d + j];
            }
            double square = 0;
            for (const double r : row) square += r * r;
            for (double& r : row) r /= std::sqrt(square);
        }
    }

    double uniform() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t bits = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9;
        bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
        bits ^= bits >> 31;
        return static_cast<double>(bits >> 11) * 0x1p-53;
    }
    double normal() {
        const double radius = std::sqrt(-2 * std::log(1 - uniform()));
        return radius * std::cos(2 * std::numbers::pi * uniform());
    }

    Kind kind_;
    std::uint64_t state_;
    std::vector<double> shift_;
    std::vector<double> rotation_;  // row by row; empty: none
};

}  // namespace spikesmith::test
